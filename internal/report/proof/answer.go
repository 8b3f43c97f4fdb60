package proof

// Answer says how a number stands after, beside before.
type Answer string

// The answers, as snattop.compare/v1 spells them.
const (
	// Less and More are beyond noise.
	Less Answer = "less"
	More Answer = "more"
	// Same means that the difference is no larger than what both sides do by
	// themselves.
	Same Answer = "same"
	// CannotTell always comes with a reason.
	CannotTell Answer = "cannot tell"
	// New and Gone are subjects that only one side has.
	New  Answer = "new"
	Gone Answer = "gone"
)

// rank orders answers: what is worse first, then what helped, then what needs
// an explanation, then what did not change.
func (a Answer) rank() int {
	switch a {
	case More:
		return 0
	case Less:
		return 1
	case CannotTell:
		return 2
	case New:
		return 3
	case Same:
		return 4
	case Gone:
		return 5
	default:
		return 6
	}
}

// Compare orders answers as rows are ordered: worst first.
func (a Answer) Compare(b Answer) int { return a.rank() - b.rank() }

package proof

// Value is a number on one side.
type Value struct {
	// Mean is over about the last half minute of the side's window; where no
	// level was reported it is the number at the end of the window.
	Mean float64 `json:"mean"`
	// SD is how far it swung while it was watched, as a standard deviation,
	// and Seconds for how long that was; nil when it was not reported.
	SD      *float64 `json:"sd"`
	Seconds *float64 `json:"seconds"`
	// Unwatched is how many more ports may be held by connections that closed
	// before the watch began: 0 once the watch is longer than the hold.
	Unwatched float64 `json:"unwatched"`
}

// Figure is one number of one subject, before and after.
type Figure struct {
	Before *Value `json:"before"`
	After  *Value `json:"after"`
	// Change is (after - before) / before in percent; nil where before is 0 or
	// either is not known.
	Change *float64 `json:"change_percent"`
	// Beyond is what the difference must exceed to count; nil when it cannot
	// be worked out.
	Beyond *float64 `json:"beyond"`
	Answer Answer   `json:"answer"`
	// Why is the reason for CannotTell, or what is to be known about another
	// answer; "" when there is nothing to say.
	Why string `json:"why"`

	// noise is one combined standard deviation of the difference.
	noise float64
	// slight is the largest difference that decides nothing about the whole.
	slight float64
	// fullBefore and fullAfter mean that the number was cut off by a budget.
	fullBefore, fullAfter bool
}

// Difference is after minus before; ok is false unless both are known.
func (f *Figure) Difference() (d float64, ok bool) {
	if f.Before == nil || f.After == nil {
		return 0, false
	}
	return f.After.Mean - f.Before.Mean, true
}

// Size is the larger of the two sides, 0 when neither is known.
func (f *Figure) Size() float64 {
	size := 0.0
	for _, v := range []*Value{f.Before, f.After} {
		if v != nil {
			size = max(size, v.Mean)
		}
	}
	return size
}

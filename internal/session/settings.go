package session

import (
	"net/netip"

	"github.com/snattop/snattop/internal/snat"
)

// Settings are what an operator decided about the ports of a cluster. A
// recording keeps them, so that it shows the same elsewhere.
type Settings struct {
	Provider  snat.Provider  `cbor:"1,keyasint,omitempty"`
	SNATPorts int            `cbor:"2,keyasint,omitempty"`
	Timers    snat.Timers    `cbor:"3,keyasint"`
	Private   []PrivateRange `cbor:"4,keyasint,omitempty"`
	OwnEgress []string       `cbor:"5,keyasint,omitempty"`
}

// PrivateRange is a range that the operator declared private.
type PrivateRange struct {
	Prefix netip.Prefix `cbor:"1,keyasint"`
	Why    string       `cbor:"2,keyasint,omitempty"`
	// Hidden is as in snat.Range.
	Hidden bool `cbor:"3,keyasint,omitempty"`
}

// maxRanges bounds what a file may declare private.
const maxRanges = 10_000

// Settings returns what the options decide.
func (o Options) Settings() Settings {
	s := Settings{Provider: o.Provider, SNATPorts: o.SNATPorts, Timers: o.Timers, OwnEgress: o.OwnEgress}
	for _, r := range o.Private {
		s.Private = append(s.Private, PrivateRange(r))
	}
	return s
}

// settle takes the settings that a recording was made with. What the operator
// decides now counts for more.
func (s *Session) settle(told *Settings) {
	if p := snat.Provider(clean(string(told.Provider))); s.opts.Provider == "" || s.opts.Provider == snat.ProviderAuto {
		s.opts.Provider = p
	}
	if s.opts.SNATPorts == 0 && told.SNATPorts > 0 {
		s.opts.SNATPorts = told.SNATPorts
	}
	s.opts.Timers = told.Timers.Sane().With(s.opts.Timers)
	for _, r := range told.Private[:min(len(told.Private), maxRanges)] {
		if r.Prefix.IsValid() {
			s.opts.Private = append(s.opts.Private, snat.Range{Prefix: r.Prefix, Why: clean(r.Why), Hidden: r.Hidden})
		}
	}
	s.opts.OwnEgress = append(s.opts.OwnEgress, cleanAll(told.OwnEgress)...)
	s.classify()
	s.rebuild()
}

// classify makes the classifier anew.
func (s *Session) classify() {
	s.classes = snat.NewClassifier(append(s.names.ranges(), s.opts.Private...)...)
}

package tunnel

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/snattop/snattop/probe/facts"
)

// packet is the first of a connection to a node's kubelet, as it comes in over
// the network.
type packet struct {
	from, to netip.Addr
}

// answer is whether a condition holds for a packet.
type answer uint8

// A condition that is not understood, or depends on what is not known here,
// may hold.
const (
	no answer = iota
	maybe
	yes
)

func truth(b bool) answer {
	if b {
		return yes
	}
	return no
}

func (a answer) not() answer { return yes - a }

// fate is what becomes of a packet in a set of rules.
type fate uint8

const (
	// passes: nothing that is understood keeps it.
	passes fate = iota
	// perhaps: it ends at a policy that drops, and what may let it through
	// before is not understood.
	perhaps
	dropped
)

// verdict is a fate and what decides it.
type verdict struct {
	fate  fate
	chain string
	// rule is nil where the chain's policy decides.
	rule *facts.FilterRule
	// reject means that the sender is told.
	reject bool
}

const (
	// deepest bounds how far chains lead into each other, mostSteps the rules
	// that are looked at: chains can lead in circles, though no kernel takes
	// such a set.
	deepest   = 32
	mostSteps = 20_000
)

// walk follows a packet through the rules of a table.
type walk struct {
	table *facts.FilterTable
	packet
	match func(rule string, p packet) (answer, target)
	steps int
	// perhaps means that a rule that is not understood may have accepted it.
	perhaps bool
}

// target is what a rule does.
type target struct {
	// verb is "ACCEPT", "DROP", "REJECT", "RETURN", "jump", "goto", or "" for
	// what goes on.
	verb, chain string
}

// through tells what becomes of a packet in a table. A table of another family
// lets it pass.
func through(t *facts.FilterTable, p packet) verdict {
	if t.Family == "ip" && p.from.Is6() || t.Family == "ip6" && p.from.Is4() {
		return verdict{}
	}
	w := &walk{table: t, packet: p, match: matchLegacy}
	if t.Tool == "nft" {
		w.match = matchNFT
	}
	worst := verdict{}
	for i := range t.Chains {
		c := &t.Chains[i]
		if !c.Base {
			continue
		}
		w.perhaps = false
		v, decided := w.chain(c, 0)
		if !decided && c.Policy == "DROP" {
			v = verdict{fate: dropped, chain: c.Name}
			if w.perhaps {
				v.fate = perhaps
			}
		}
		if v.fate > worst.fate {
			worst = v
		}
	}
	return worst
}

// chain follows the packet through one chain; decided means that it goes no
// further.
func (w *walk) chain(c *facts.FilterChain, depth int) (v verdict, decided bool) {
	if depth > deepest {
		return verdict{}, false
	}
	for i := range c.Rules {
		if w.steps++; w.steps > mostSteps {
			return verdict{}, true
		}
		r := &c.Rules[i]
		a, t := w.match(r.Text, w.packet)
		if a == no {
			continue
		}
		switch t.verb {
		case "ACCEPT":
			if a == yes {
				return verdict{}, true
			}
			w.perhaps = true
		case "DROP", "REJECT":
			if a != yes {
				continue
			}
			if w.perhaps {
				return verdict{fate: perhaps, chain: c.Name, rule: r}, true
			}
			return verdict{fate: dropped, chain: c.Name, rule: r, reject: t.verb == "REJECT"}, true
		case "RETURN":
			if a == yes {
				return verdict{}, false
			}
		case "jump", "goto":
			if v, decided := w.leads(t, a, depth); decided {
				return v, true
			}
			if t.verb == "goto" && a == yes {
				return verdict{}, false
			}
		}
	}
	return verdict{}, false
}

// leads follows the packet into another chain. One that it may not come to
// decides nothing; what is accepted there may be accepted.
func (w *walk) leads(t target, a answer, depth int) (verdict, bool) {
	i := slices.IndexFunc(w.table.Chains, func(c facts.FilterChain) bool { return c.Name == t.chain })
	if i < 0 {
		return verdict{}, false
	}
	before := w.perhaps
	v, decided := w.chain(&w.table.Chains[i], depth+1)
	if a == yes {
		return v, decided
	}
	w.perhaps = before || w.perhaps || decided && v.fate == passes
	return verdict{}, false
}

// holdsKubelet reports whether a list of ports holds the kubelet's.
func holdsKubelet(list string) answer {
	for part := range strings.SplitSeq(list, ",") {
		low, high, ranged := strings.Cut(strings.TrimSpace(part), ":")
		if !ranged {
			low, high, ranged = strings.Cut(strings.TrimSpace(part), "-")
		}
		if !ranged {
			high = low
		}
		a, errA := strconv.Atoi(orElse(low, "0"))
		b, errB := strconv.Atoi(orElse(high, "65535"))
		switch {
		case errA != nil || errB != nil:
			return maybe
		case a <= facts.KubeletPort && facts.KubeletPort <= b:
			return yes
		}
	}
	return no
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// within reports whether an address is in a prefix, an address, or a list.
func within(a netip.Addr, list string) answer {
	for part := range strings.SplitSeq(list, ",") {
		part = strings.TrimSpace(part)
		if p, err := netip.ParsePrefix(part); err == nil {
			if p.Contains(a) {
				return yes
			}
			continue
		}
		if one, err := netip.ParseAddr(part); err == nil {
			if one == a {
				return yes
			}
			continue
		}
		if low, high, ok := strings.Cut(part, "-"); ok {
			l, errL := netip.ParseAddr(low)
			h, errH := netip.ParseAddr(high)
			if errL == nil && errH == nil {
				if l.Compare(a) <= 0 && a.Compare(h) <= 0 {
					return yes
				}
				continue
			}
		}
		return maybe
	}
	return no
}

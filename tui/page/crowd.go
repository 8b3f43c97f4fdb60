package page

import "github.com/snattop/snattop/internal/session"

// ManyDests is from how many destinations on working something out of them takes
// longer than a key may wait; that of fewer takes a millisecond or two.
const ManyDests = 2000

// Crowded reports whether nodes have more than so many destinations together. It
// stops counting there.
func Crowded(most int, nodes ...*session.Node) bool {
	dests := 0
	for _, n := range nodes {
		for _, o := range n.Owners {
			if dests += o.NumDests(); dests > most {
				return true
			}
		}
	}
	return false
}

package report

import (
	"fmt"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
)

// Sentence says how a node stands, the way an operator would read it aloud.
func Sentence(n *session.Node) string {
	switch n.Verdict {
	case snat.Exhausted:
		return fmt.Sprintf("%s is out of ports: %s.%s", n.Name, waits(n), culprit(n))
	case snat.Pressured:
		return fmt.Sprintf("%s uses about %d of %d ports.%s", n.Name, n.Ports.Estimate, n.Budget.Ports, culprit(n))
	case snat.Healthy:
		return fmt.Sprintf("%s uses about %d of %d ports.", n.Name, n.Ports.Estimate, n.Budget.Ports)
	case snat.NotSNAT:
		return fmt.Sprintf("%s has trouble, and it is not a lack of ports.", n.Name)
	case snat.Unknown:
		if len(n.Why) > 0 {
			return fmt.Sprintf("%s: %s.", n.Name, n.Why[0])
		}
		return fmt.Sprintf("%s: nothing is known yet.", n.Name)
	default:
		return fmt.Sprintf("%s: nothing is known yet.", n.Name)
	}
}

func waits(n *session.Node) string {
	if n.Trying == 0 {
		return fmt.Sprintf("%d flows are open to one destination", n.Ports.Min)
	}
	text := fmt.Sprintf("%d connections wait for one", n.Trying)
	if n.Trying == 1 {
		text = "1 connection waits for one"
	}
	if n.FailedPerSecond >= 0.1 {
		text += fmt.Sprintf(", %.1f a second fail", n.FailedPerSecond)
	}
	return text
}

// culprit names the owner with the most ports, when it has most of them.
func culprit(n *session.Node) string {
	if len(n.Owners) == 0 || n.Open == 0 {
		return ""
	}
	o := n.Owners[0]
	share := 100 * o.Open / n.Open
	if share < 50 {
		return ""
	}
	return fmt.Sprintf(" %d %% of the open flows are %s's.", share, o.Title())
}

package page

import (
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/format"
)

// recentGap is for how long a hand-over is pointed out on the pages. What is
// older stands in the evidence.
const recentGap = 10 * time.Minute

// GapMark stands before what has a recent gap.
const GapMark = "↓"

// Gap returns a node's newest hand-over of its collectors, while it is recent.
func (p Picture) Gap(n *session.Node) (session.Handover, bool) {
	if n == nil || !Seen(n) || len(n.Handovers) == 0 {
		return session.Handover{}, false
	}
	h := n.Handovers[len(n.Handovers)-1]
	return h, p.Now.Sub(h.At) < recentGap
}

// GapText says what happened: "eBPF failed at 12:04:31Z, inet_diag since".
func GapText(n *session.Node, h session.Handover) string {
	from := "the collector"
	if h.From != "" {
		from = format.Collector(h.From)
	}
	s := from + " failed at " + format.Clock(h.At) + ", " + format.Collector(h.To)
	if n.Collector == h.To {
		return s + " since"
	}
	return s + " took over, now " + format.Collector(n.Collector)
}

// Package header draws the first line of every page: whose cluster this is,
// what its nodes may use, how much of it is seen, and how old the picture is.
package header

import (
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/page"
	"github.com/snattop/snattop/tui/theme"
)

// View draws the line in exactly width cells. What tells how far the picture
// can be trusted stands at the right and never gives way; the left side uses
// the longest wording that fits.
func View(pic page.Picture, frozen bool, th *theme.Theme, width int) string {
	right := trust(pic, frozen, th)
	room := width - ansi.StringWidth(right) - 3
	brand := th.Brand.Render("snattop")
	context := page.Context(pic.Snap)
	left := ""
	for _, budget := range []string{Budget(pic.Snap, "%s · %s ports a node (%s)"), Budget(pic.Snap, "%s · %s ports (%s)"), Budget(pic.Snap, "%s %s (%s)"), ""} {
		left = brand + "  " + th.Strong.Render(context)
		if budget != "" {
			left += "  " + budget
		}
		if ansi.StringWidth(left) <= room {
			break
		}
	}
	return format.Ends(" "+left, right, width)
}

// Budget writes provider and budget after a pattern of three strings:
// provider, ports and where that figure comes from.
func Budget(s *session.Snapshot, pattern string) string {
	provider := string(s.Cluster.Provider)
	if provider == "" || s.Cluster.Provider == snat.ProviderUnknown {
		provider = "provider unknown"
	}
	low, high, source, same := 0, 0, snat.BudgetSource(""), true
	for _, n := range s.Nodes {
		b := n.Budget
		if !b.Known() {
			continue
		}
		if source == "" {
			low, high, source = b.Ports, b.Ports, b.Source
		}
		low, high = min(low, b.Ports), max(high, b.Ports)
		same = same && b.Source == source
	}
	if source == "" {
		return sanitize.Text(provider) + " · budget unknown"
	}
	ports := format.Count(low)
	if low != high {
		ports += "–" + format.Count(high)
	}
	where := string(source)
	if !same {
		where = "mixed"
	}
	return strings.Replace(strings.Replace(strings.Replace(pattern, "%s", sanitize.Text(provider), 1), "%s", ports, 1), "%s", where, 1)
}

// trust is the right side: nodes seen, loss, and the age of the picture.
func trust(pic page.Picture, frozen bool, th *theme.Theme) string {
	s := pic.Snap
	seen, late := 0, 0
	for _, n := range s.Nodes {
		if page.Seen(n) {
			seen++
			if _, stale := pic.Stale(n); stale {
				late++
			}
		}
	}
	parts := []string{format.Count(seen) + "/" + format.Plural(len(s.Nodes), "node")}
	lost := s.Loss.EventsLost + s.Loss.DestinationsDropped
	loss := "loss " + format.Count(lost)
	if lost > 0 {
		loss = th.Warn.Render(loss)
	}
	parts = append(parts, loss)
	clock := format.Clock(s.Time)
	switch {
	case frozen:
		parts = append(parts, th.Notice.Render("FROZEN")+" "+clock)
	case s.Done:
		parts = append(parts, th.Notice.Render("ENDED")+" "+clock)
	case seen == 0:
		parts = append(parts, th.Dim.Render("○")+" "+clock)
	case late == seen:
		parts = append(parts, th.Warn.Render("◌ stale "+format.Age(pic.Now.Sub(newest(s))))+" "+clock)
	default:
		parts = append(parts, th.Good.Render("●")+" "+clock)
	}
	return strings.Join(parts, "  ")
}

// newest is the time of the newest tick of any node.
func newest(s *session.Snapshot) (t time.Time) {
	for _, n := range s.Nodes {
		if n.LastTick.After(t) {
			t = n.LastTick
		}
	}
	return t
}

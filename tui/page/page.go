// Package page is what the pages ①–③ have in common: the picture they draw,
// what the root asks of them, and how a node without numbers is spoken of.
package page

import (
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/component"
	"github.com/snattop/snattop/tui/evidence"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/progress"
	"github.com/snattop/snattop/tui/theme"
)

// Page is a whole page of the terminal UI.
type Page interface {
	component.Component
	// SetPicture shows a picture. It is cheap when nothing has changed.
	SetPicture(pic Picture)
	// SetTheme changes the looks.
	SetTheme(th *theme.Theme)
	// Crumbs is the way to the page, outermost first.
	Crumbs() []string
	// State says in a few words how well the page's subject is seen.
	State() string
	// Sentence is the page in one sentence of at most width cells.
	Sentence(width int) string
	// Filter and SetFilter are what the rows are filtered by.
	Filter() string
	SetFilter(text string)
	// Rows returns how many rows are shown, how many there are, and whether
	// the filter matched loosely only.
	Rows() (shown, total int, fuzzy bool)
	// Copy is what is copied of the row under the cursor; empty where the page
	// is copied as Markdown, or nothing is.
	Copy() string
	// Know says how the numbers of the selected row are known.
	Know() evidence.Sheet
}

// Picture is a snapshot and the time at which it is looked at.
type Picture struct {
	Snap *session.Snapshot
	// Now is what ages are measured against: the clock for live sources, the
	// recording's own time for a recording.
	Now time.Time
	// Reach knows how long nodes that are being reached take; nil is that nobody
	// does.
	Reach *progress.Reach
	// Doctor diagnoses the nodes; see Picture.Diagnose.
	Doctor *Doctor
	// Clock is the operator's own time, and Touched when they last acted: rows
	// change places in the pauses. Without a clock they do at once, because what
	// is shown has nothing to do with what was.
	Clock, Touched time.Time
}

// Taking says for how long a node has been on its way, and how long it still
// will be by what the others took; "" before that is worth a word.
func (p Picture) Taking(n *session.Node) string {
	on, left, known := p.Reach.Of(n.Name)
	if on < time.Second {
		return ""
	}
	s := " · " + format.Age(on)
	if known {
		s += ", ~" + format.Age(left.Round(time.Second)) + " left"
	}
	return s
}

// Stale returns how long ago a node was last heard of, and whether that is
// longer than three of its intervals.
func (p Picture) Stale(n *session.Node) (time.Duration, bool) {
	if n == nil || !Seen(n) || n.LastTick.IsZero() || n.Interval <= 0 || p.Snap != nil && p.Snap.Done {
		return 0, false
	}
	age := p.Now.Sub(n.LastTick)
	return age, age > 3*n.Interval
}

// Seen reports whether a node has numbers.
func Seen(n *session.Node) bool { return n.State == session.StateStreaming }

// HasRates reports whether enough ticks have come for rates to mean anything:
// one tick tells what is there, not what happens.
func HasRates(n *session.Node) bool { return n != nil && Seen(n) && n.Counting() }

// SeesAttempts reports whether a node's collector sees connections that are
// not established: those that wait for an answer, and those that failed.
func SeesAttempts(n *session.Node) bool { return n != nil && n.Sight().Attempts }

// Missing is what to say in place of the numbers of a node that has none.
// fault is true when something is wrong, false while the node is being
// reached.
func Missing(n *session.Node) (text string, fault bool) {
	problem := sanitize.Text(n.Error)
	switch n.State {
	case session.StateStreaming:
		return "", false
	case session.StateWaiting:
		return "waiting for its turn" + after(": ", sanitize.Text(n.Progress)), false
	case session.StateConnecting:
		if p := sanitize.Text(n.Progress); p != "" {
			return "connecting: " + p, false
		}
		return "connecting", false
	case session.StateDenied:
		return "cannot see: " + or(problem, "the API server denies access to it"), true
	case session.StateUnreachable:
		return "cannot see: " + or(problem, "it cannot be reached"), true
	case session.StateNotLinux:
		return "cannot see: " + or(problem, "it runs "+or(sanitize.Text(n.OS), "something else")+", not Linux"), true
	default:
		return "cannot see: " + or(problem, "state "+sanitize.Text(string(n.State))), true
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func after(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

const crumbSep = " › "

// trailFrom joins the crumbs from one on.
func trailFrom(crumbs []string, first int) string {
	if first == 0 {
		return strings.Join(crumbs, crumbSep)
	}
	return format.Ellipsis + crumbSep + strings.Join(crumbs[first:], crumbSep)
}

// Trail joins crumbs within width; the innermost is kept longest.
func Trail(crumbs []string, width int) string {
	line := trailFrom(crumbs, 0)
	for i := 1; ansi.StringWidth(line) > width && i < len(crumbs); i++ {
		line = trailFrom(crumbs, i)
	}
	return format.CutMiddle(line, width)
}

// TrailHit returns which crumb of a Trail stands at column x, or -1. What was
// left out stands for the last of it.
func TrailHit(crumbs []string, width, x int) int {
	first := 0
	for first < len(crumbs)-1 && ansi.StringWidth(trailFrom(crumbs, first)) > width {
		first++
	}
	at := 0
	if first > 0 {
		if x < 1 {
			return first - 1
		}
		at = 1 + ansi.StringWidth(crumbSep)
	}
	for i := first; i < len(crumbs); i++ {
		w := ansi.StringWidth(crumbs[i])
		if x >= at && x < min(at+w, width) {
			return i
		}
		at += w + ansi.StringWidth(crumbSep)
	}
	return -1
}

// NodeTitle is a node's name with its address.
func NodeTitle(n *session.Node) string {
	name := sanitize.Text(n.Name)
	if n.InternalIP == "" {
		return name
	}
	return name + " (" + sanitize.Text(n.InternalIP) + ")"
}

// Context names the cluster.
func Context(s *session.Snapshot) string {
	return or(sanitize.Text(s.Cluster.Context), "no context")
}

// Counter is the look of a number: nothing is quiet.
func Counter(th *theme.Theme, n float64) theme.Style {
	if n == 0 {
		return th.Dim
	}
	return th.Text
}

// Alarm is the look of a number that should be zero.
func Alarm(th *theme.Theme, n float64) theme.Style {
	if n == 0 {
		return th.Dim
	}
	return th.Warn
}

// Whose names an owner the way people do: by the workload that made the pod,
// in its namespace.
func Whose(o *session.Owner) string {
	if o.Name == "" || o.Workload.Name == "" {
		return sanitize.Text(o.Title())
	}
	if o.Namespace == "" {
		return sanitize.Text(o.Workload.Name)
	}
	return sanitize.Text(o.Namespace + "/" + o.Workload.Name)
}

// Window tells which rows of a table are on the screen, when not all are, and
// whether they are to change places.
func Window(t interface {
	Count() (shown, total int)
	Window() (first, last int)
	Settling() bool
}) string {
	settling := ""
	if t.Settling() {
		settling = " · order waits"
	}
	first, last := t.Window()
	shown, total := t.Count()
	switch {
	case last-first+1 < shown:
		return " · " + format.Count(first) + "–" + format.Count(last) + " of " + format.Count(shown) + settling
	case shown < total:
		return " · " + format.Count(shown) + " of " + format.Count(total) + settling
	default:
		return settling
	}
}

// NodeState says how a node is seen: by what, by which way in, since when.
func NodeState(pic Picture, n *session.Node) string {
	if n == nil {
		return "gone"
	}
	if !Seen(n) {
		return string(n.State)
	}
	s := format.Collector(n.Collector)
	gap, recent := pic.Gap(n)
	recent = recent && n.Collector == gap.To
	if recent {
		s += " since " + format.Clock(gap.At) + " " + GapMark
	}
	if n.Rung != "" {
		s += " · " + sanitize.Text(n.Rung)
	}
	if len(n.Scoped) > 0 {
		s += " · " + format.Plural(len(n.Scoped), "pod") + " only"
	}
	if age, stale := pic.Stale(n); stale {
		return s + " · ◌ stale " + format.Age(age)
	}
	if !n.Since.IsZero() && !recent {
		s += " · since " + format.Clock(n.Since)
	}
	return s
}

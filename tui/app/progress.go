package app

import (
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/tui/component/meter"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/page"
	"github.com/snattop/snattop/tui/progress"
)

// pulseMsg says that something may have taken long enough to be shown.
type pulseMsg struct{}

// jobs are what takes time now, that first which somebody waits for the most.
func (m *Model) jobs() []progress.Job {
	var out []progress.Job
	if m.writing {
		out = append(out, progress.Job{Name: "writing the ticket"})
	}
	if m.switching {
		out = append(out, progress.Job{Name: "the recording's file"})
	}
	if m.copying {
		out = append(out, progress.Job{Name: "copying"})
	}
	if m.step == stepProof && !m.isTurned() && m.proof.Waiting() {
		out = append(out, progress.Job{Name: "comparing"})
	}
	if m.opts.Deck != nil && m.opts.Deck.Playback().Seeking {
		out = append(out, progress.Job{Name: "seeking"})
	}
	if m.books.Running() {
		done, total := m.books.Progress()
		out = append(out, progress.Job{Name: "runbook " + m.book.name, Done: done, Total: total, Note: m.books.Waits()})
	}
	if m.capturing != nil {
		out = append(out, progress.Job{Name: "capture", Note: m.capturing.line})
	}
	if j, ok := m.reach.Job(m.pic.Snap); ok && m.pic.Snap.Cluster.Source != "recording" && !m.pic.Snap.Done {
		out = append(out, j)
	}
	return out
}

// watch looks at what takes time, after every message, and asks to be woken when
// something begins.
func (m *Model) watch() tea.Cmd {
	now := m.opts.Now()
	m.reach.Look(now, m.pic.Snap)
	m.tracker.Look(now, m.jobs())
	if m.waking || !m.tracker.Young(now) {
		return nil
	}
	m.waking = true
	return tea.Tick(progress.Patience, func(time.Time) tea.Msg { return pulseMsg{} })
}

// progressMark is the foremost job at the end of the first line: its name where
// there is room, how much is done, how long still.
func (m *Model) progressMark() string {
	shown := m.tracker.Shown(m.opts.Now())
	if len(shown) == 0 {
		return ""
	}
	s := shown[0]
	text := ""
	if m.width >= splitWidth {
		text = s.Name + " "
	}
	const width = 8
	switch {
	case s.Percent() >= 0 && m.width >= splitWidth:
		text += fmt.Sprintf("%d of %d ", s.Done, s.Total)
		text += "[" + format.Left(meter.Bar(s.Done, s.Total, width), width) + "]"
	case s.Percent() >= 0:
		text += fmt.Sprintf("%d%%", s.Percent())
	default:
		text += format.Age(s.For)
	}
	if s.Known {
		text += " ~" + format.Age(s.Left.Round(time.Second)) + " left"
	}
	return m.theme.Notice.Render(" ◷ "+text) + " "
}

// progressSentence says what is waited for, on the page of a cluster of which
// nothing is seen yet.
func (m *Model) progressSentence(width int) string {
	if m.step != stepNodes || m.isTurned() || m.inPane {
		return ""
	}
	for _, n := range m.pic.Snap.Nodes {
		if page.Seen(n) {
			return ""
		}
	}
	for _, s := range m.tracker.Shown(m.opts.Now()) {
		if s.Name != "reaching nodes" {
			continue
		}
		left := ""
		if s.Known {
			left = "; about " + format.Age(s.Left.Round(time.Second)) + " left"
		}
		note := ""
		if s.Note != "" {
			note = "; longest waits " + sanitize.Text(s.Note)
		}
		return format.Fit(width, fmt.Sprintf("Reaching %s, for %s", format.Plural(s.Total-s.Done, "node"), format.Age(s.For)), left, note, ".")
	}
	return ""
}

// progressBar is the terminal's own bar, where it has one.
func (m *Model) progressBar() *tea.ProgressBar {
	shown := m.tracker.Shown(m.opts.Now())
	switch {
	case !m.hasBar || len(shown) == 0:
		return nil
	case shown[0].Percent() < 0:
		return tea.NewProgressBar(tea.ProgressBarIndeterminate, 0)
	default:
		return tea.NewProgressBar(tea.ProgressBarDefault, shown[0].Percent())
	}
}

// ownsBar reports whether the terminal of an environment has a progress bar.
// Nobody can be asked, and to others the sequence (OSC 9;4) may mean a
// notification.
func ownsBar(env tea.EnvMsg) bool {
	if env.Getenv("WT_SESSION") != "" || env.Getenv("ConEmuANSI") == "ON" {
		return true
	}
	switch env.Getenv("TERM_PROGRAM") {
	case "ghostty", "WezTerm", "mintty":
		return true
	default:
		return env.Getenv("TERM") == "xterm-ghostty"
	}
}

package app

import (
	"fmt"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/component/sheet"
	"github.com/snattop/snattop/tui/format"
)

// Caption is a word to whoever watches a replay: where to look, what to press.
type Caption struct {
	// From and Until are counted from the beginning of the recording; Until 0 is
	// its end and beyond.
	From, Until time.Duration
	// Page is one of StillPages; empty is every page.
	Page string
	Text string
}

// captionLines is the height of a caption, so that pages do not jump.
const captionLines = 2

// speeds are those that a key goes through.
func speeds() []float64 { return []float64{0.25, 0.5, 1, 2, 4, 8, 15, 30, 60} }

// leap and stride are how far keys seek.
const (
	leap   = 10 * time.Second
	stride = time.Minute
)

// replayKey takes the keys that there are in a replay only.
func (m *Model) replayKey(msg tea.KeyPressMsg) (taken bool) {
	deck, k := m.opts.Deck, m.keys.Replay
	if deck == nil {
		return false
	}
	at := deck.Playback()
	switch {
	case key.Matches(msg, k.Pause):
		if at.Ended {
			deck.SeekTo(at.Begin)
		}
		deck.Pause(!at.Paused && !at.Ended)
	case key.Matches(msg, k.Back):
		deck.SeekTo(at.At.Add(-leap))
	case key.Matches(msg, k.Forward):
		deck.SeekTo(at.At.Add(leap))
	case key.Matches(msg, k.FarBack):
		deck.SeekTo(at.At.Add(-stride))
	case key.Matches(msg, k.FarForward):
		deck.SeekTo(at.At.Add(stride))
	case key.Matches(msg, k.Begin):
		deck.SeekTo(at.Begin)
	case key.Matches(msg, k.End):
		deck.SeekTo(at.End)
	case key.Matches(msg, k.Slower):
		deck.SetSpeed(slower(at.Speed))
	case key.Matches(msg, k.Faster):
		deck.SetSpeed(faster(at.Speed))
	case key.Matches(msg, k.Step):
		deck.Step()
	case key.Matches(msg, k.Notes) && len(m.opts.Captions) > 0:
		m.silent = !m.silent
	default:
		return false
	}
	return true
}

func faster(now float64) float64 {
	all := speeds()
	for _, s := range all {
		if s > now {
			return s
		}
	}
	return all[len(all)-1]
}

func slower(now float64) float64 {
	all := speeds()
	for i := len(all) - 1; i >= 0; i-- {
		if all[i] < now {
			return all[i]
		}
	}
	return all[0]
}

// replayLines are what a replay adds to the foot: a caption, and where it is.
func (m *Model) replayLines() []string {
	if m.opts.Deck == nil {
		return nil
	}
	at := m.opts.Deck.Playback()
	var out []string
	if m.captioned() {
		text, _ := m.caption(at.At.Sub(at.Begin))
		width := m.width - 2
		lines := strings.Split(ansi.Wordwrap(text, width, ""), "\n")
		for i := range captionLines {
			line := ""
			if i < len(lines) {
				line = m.theme.Notice.Render(format.Cut(lines[i], width))
			}
			out = append(out, format.Left(" "+line, m.width))
		}
	}
	return append(out, m.tape(at))
}

// replayHeight is the number of those lines.
func (m *Model) replayHeight() int {
	switch {
	case m.opts.Deck == nil:
		return 0
	case m.captioned():
		return captionLines + 1
	default:
		return 1
	}
}

// captioned reports whether there is room for captions, and a wish for them.
func (m *Model) captioned() bool {
	return len(m.opts.Captions) > 0 && !m.silent && m.height >= 18
}

// caption is the first that fits the moment and the page.
func (m *Model) caption(at time.Duration) (string, bool) {
	page := ""
	if pages := StillPages(); int(m.step) < len(pages) {
		page = pages[m.step]
	}
	for _, c := range m.opts.Captions {
		if (c.Page == "" || c.Page == page) && at >= c.From && (c.Until == 0 || at < c.Until) {
			return c.Text, true
		}
	}
	return "", false
}

// tape is the line that says where a replay is.
func (m *Model) tape(at session.Playback) string {
	state := "playing"
	switch {
	case at.Seeking:
		state = "seeking"
	case at.Ended:
		state = "the end"
	case at.Paused:
		state = "paused "
	}
	left := fmt.Sprintf(" %s %s of %s  %s  ", m.theme.Strong.Render(state), clock(at.At.Sub(at.Begin)), clock(at.End.Sub(at.Begin)), times(at.Speed))
	right := "  "
	for _, b := range m.tapeKeys() {
		if one := m.oneKey(b) + "  "; (b.Help() != m.keys.Replay.Notes.Help() || len(m.opts.Captions) > 0) && ansi.StringWidth(left)+ansi.StringWidth(right)+ansi.StringWidth(one)+10 <= m.width {
			right += one
		}
	}
	room := max(m.width-ansi.StringWidth(left)-ansi.StringWidth(right), 0)
	done := 0
	if length := at.End.Sub(at.Begin); length > 0 {
		done = int(int64(room) * int64(min(max(at.At.Sub(at.Begin), 0), length)) / int64(length))
	}
	bar := m.theme.Accent.Render(strings.Repeat("━", done)) + m.theme.Dim.Render(strings.Repeat("─", room-done))
	return format.Left(left+bar+right, m.width)
}

// tapeKeys are the keys of a replay that the tape names; not the one that pauses
// while it changes a column.
func (m *Model) tapeKeys() []key.Binding {
	k := m.keys.Replay
	keys := []key.Binding{k.Pause, k.Seek, k.Speed, k.Step, k.Notes}
	if m.overlay == overlayColumns {
		return keys[1:]
	}
	return keys
}

// clock writes a length as minutes and seconds, or hours before them.
func clock(d time.Duration) string {
	s := int(max(d, 0).Seconds())
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// times writes a speed.
func times(speed float64) string {
	return fmt.Sprintf("%g×", speed)
}

// replayGroup are the keys of a replay, for the help.
func (m *Model) replayGroup() []sheet.Group {
	if m.opts.Deck == nil {
		return nil
	}
	k := m.keys.Replay
	g := sheet.Group{Title: "Replay", Bindings: []key.Binding{
		k.Pause, k.Back, k.Forward, k.FarBack, k.FarForward, k.Begin, k.End, k.Slower, k.Faster, k.Step,
	}}
	if len(m.opts.Captions) > 0 {
		g.Bindings = append(g.Bindings, k.Notes)
	}
	return []sheet.Group{g}
}

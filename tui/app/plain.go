package app

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/tui/aloud"
	"github.com/snattop/snattop/tui/ascii"
	"github.com/snattop/snattop/tui/component/stepper"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/page"
)

// The page that is said is laid out for a screen of this size, whatever the
// terminal's: it decides how many rows are said at once, and is too narrow for a
// second pane.
const plainWidth, plainHeight = 119, 24

// quiet is the least time between two times that the picture speaks by itself.
const quiet = 5 * time.Second

// boundless is a width in which every sentence has room.
const boundless = 4000

// plain says the UI in lines of words, one below the other, as a shell does:
// nothing that was said is painted over, so that a screen reader reads it once
// and the terminal's own history keeps it. It speaks when a key was pressed,
// and when a verdict changes.
type plain struct {
	out   io.Writer
	ascii bool
	// heard is what was said last, by which the next is measured.
	heard heard
	// verdicts are those that were said, and spoke when that was.
	verdicts map[string]snat.Verdict
	spoke    time.Time
}

// heard is what a listener knows of where the UI stands.
type heard struct {
	// place changes when all of the page has to be said again.
	place   string
	row     string
	notice  string
	problem string
	caption string
	tape    string
	prompt  promptKind
	typed   string
	// match is what is chosen in the list that is typed into.
	match   string
	running bool
}

// open asks the terminal to mark pastes, so that one is not taken for keys; what
// it returns takes that back.
func (p *plain) open() (shut func()) {
	_, _ = io.WriteString(p.out, ansi.SetModeBracketedPaste)
	return func() { _, _ = io.WriteString(p.out, ansi.ResetModeBracketedPaste) }
}

// clipboard asks the terminal to keep a text.
func (p *plain) clipboard(text string) { p.write(ansi.SetSystemClipboard(text)) }

// begin says where the UI stands at first.
func (p *plain) begin(m *Model) {
	p.line("snattop, said in words. Press question mark for the keys, control L to hear the page again, q to quit.")
	p.heard = p.state(m)
	if len(m.pic.Snap.Nodes) == 0 {
		p.line(strings.TrimSpace(aloud.Text(m.opts.Hint) + " Waiting for the first nodes. " + p.heard.problem))
		return
	}
	p.page(m)
	p.spoke = m.opts.Now()
}

// hear says what a message has changed. It says nothing twice.
func (p *plain) hear(m *Model, msg tea.Msg) {
	if p == nil {
		return
	}
	now := p.state(m)
	_, pressed := msg.(tea.KeyPressMsg)
	_, pasted := msg.(tea.PasteMsg)
	if !pressed && !pasted {
		p.byItself(m, now)
		return
	}
	if now.prompt != promptNone || p.heard.prompt != promptNone {
		p.typing(m, now)
		if now.prompt != promptNone {
			return
		}
	}
	pressedKey, _ := msg.(tea.KeyPressMsg)
	switch {
	case key.Matches(pressedKey, m.keys.Global.Quit, m.keys.Global.Interrupt, m.keys.Global.Suspend): // nobody listens
	case now.place != p.heard.place, key.Matches(pressedKey, m.keys.Global.Again):
		p.page(m)
	case now.notice != p.heard.notice && now.notice != "":
		p.line(now.notice)
		p.heard = now
	case now.tape != p.heard.tape:
		p.line(now.tape)
		p.heard = now
	case m.overlay == overlayColumns:
		p.line(aloud.Text(m.columnSentence()))
		p.heard = now
	case m.overlay == overlayNone:
		p.row(m)
		p.heard = now
	}
}

// byItself says what has changed without anybody's doing.
func (p *plain) byItself(m *Model, now heard) {
	if now.problem != p.heard.problem && now.problem != "" {
		p.line(now.problem)
	}
	if now.notice != p.heard.notice && now.notice != "" {
		p.line(now.notice)
	}
	if now.caption != p.heard.caption && now.caption != "" {
		p.line("Note: " + now.caption)
	}
	if p.heard.running && !now.running {
		p.line("The runbook has been gone through. " + aloud.Text(m.books.Sentence(boundless)))
	}
	p.heard.problem, p.heard.notice, p.heard.caption, p.heard.running = now.problem, now.notice, now.caption, now.running
	if at := m.opts.Now(); at.Sub(p.spoke) >= quiet && p.news(m) {
		p.spoke = at
	}
}

// news says which verdicts have changed since they were said.
func (p *plain) news(m *Model) bool {
	const most = 5
	var lines []string
	first := len(p.verdicts) == 0
	for _, n := range m.pic.Snap.Nodes {
		was, known := p.verdicts[n.Name]
		if !page.Seen(n) || known && was == n.Verdict {
			continue
		}
		_, word, _ := m.theme.Verdict(n.Verdict)
		line := sanitize.Text(n.Name) + " is " + word
		if known {
			_, before, _ := m.theme.Verdict(was)
			line += ", and was " + before
		}
		lines = append(lines, line+".")
	}
	p.remember(m)
	switch {
	case len(lines) == 0:
		return false
	case first && m.step == stepNodes && m.overlay == overlayNone && m.prompt == promptNone:
		p.page(m)
	case len(lines) > most:
		p.line("At " + format.Clock(m.pic.Snap.Time) + " the verdict of " + format.Plural(len(lines), "node") + " has changed. " + aloud.Text(m.nodes.State()) + ".")
	default:
		p.line("At " + format.Clock(m.pic.Snap.Time) + " " + strings.Join(lines, " "))
	}
	return true
}

// remember takes the verdicts for said.
func (p *plain) remember(m *Model) {
	p.verdicts = make(map[string]snat.Verdict, len(m.pic.Snap.Nodes))
	for _, n := range m.pic.Snap.Nodes {
		if page.Seen(n) {
			p.verdicts[n.Name] = n.Verdict
		}
	}
}

// typing echoes what is typed, as nobody else does.
func (p *plain) typing(m *Model, now heard) {
	was := p.heard
	p.heard.prompt, p.heard.typed, p.heard.match, p.heard.row = now.prompt, now.typed, now.match, now.row
	switch {
	case now.prompt == promptNone:
		p.write("\r\n")
	case was.prompt == promptNone:
		p.write("\r\n" + p.asked(m) + now.typed)
	case strings.HasPrefix(now.typed, was.typed):
		p.write(now.typed[len(was.typed):])
	default:
		p.write("\r\n" + now.typed)
	}
	switch {
	case now.prompt == promptNone:
	case now.match != was.match:
		p.write("\r\nBest match: " + now.match + "\r\n" + now.typed)
	case now.typed == was.typed && was.prompt != promptNone && now.row != was.row:
		p.write("\r\n")
		p.row(m)
	}
}

// asked is what is to be typed.
func (p *plain) asked(m *Model) string {
	switch m.prompt {
	case promptFilter:
		return "Filter the rows by: "
	case promptGoTo:
		return "Go to a node, its address, a pod, an address with a port, or a command: "
	case promptPalette:
		return "What to do, or where to go: "
	case promptCapture, promptNone:
	}
	return aloud.Text(m.line.Label) + " "
}

// page says the page that is seen, or what lies over it: where it is, what it
// comes to, the row of the cursor, the others, and the keys.
func (p *plain) page(m *Model) {
	p.heard = p.state(m)
	p.remember(m)
	p.line("")
	switch m.overlay {
	case overlayKnow:
		for l := range strings.Lines(m.current().Know().Text()) {
			p.line(aloud.Text(l))
		}
		p.keys(m)
		return
	case overlayHelp:
		p.help(m)
		return
	case overlayColumns:
		p.columns(m)
		return
	case overlayPalette, overlayNone:
	}
	p.line(m.saidPlace())
	p.line(m.saidTrust())
	for _, l := range []string{p.heard.problem, p.heard.caption, p.heard.tape} {
		if l != "" {
			p.line(l)
		}
	}
	p.line(aloud.Text(m.speak(boundless)))
	p.rows(m)
	p.keys(m)
}

// rows says the row of the cursor, and then the others in the window.
func (p *plain) rows(m *Model) {
	said, ok := m.said()
	if !ok {
		for _, l := range said.Rows {
			p.line(l)
		}
		return
	}
	p.row(m)
	if said.Order != "" && len(said.Rows) > 1 {
		p.line("The others, " + said.Order + ":")
	}
	for i, r := range said.Rows {
		if i != said.At {
			p.line(r)
		}
	}
}

// row says the row of the cursor.
func (p *plain) row(m *Model) {
	said, ok := m.said()
	if !ok || said.At < 0 || said.At >= len(said.Rows) {
		return
	}
	where := ""
	if shown, total, _ := m.current().Rows(); shown > 0 && said.First > 0 {
		where = fmt.Sprintf(", row %s of %s", format.Count(said.First+said.At), format.Count(shown))
		if shown < total {
			where += " that match"
		}
	}
	p.line("Selected" + where + ": " + said.Rows[said.At])
	for _, d := range said.Detail {
		p.line(d)
	}
}

// keys says which keys matter here.
func (p *plain) keys(m *Model) {
	var parts []string
	some, always := m.hereKeys()
	for _, b := range append(some, always...) {
		parts = append(parts, aloud.Key(b.Help().Key)+" "+aloud.Text(b.Help().Desc))
	}
	p.line("Keys: " + strings.Join(parts, "; ") + ".")
}

// help says every key.
func (p *plain) help(m *Model) {
	if m.opts.Hint != "" {
		p.line(aloud.Text(m.opts.Hint))
	}
	for _, g := range m.helpGroups() {
		if g.Title == titleMarks {
			continue // marks are words here
		}
		if g.Title != "" {
			p.line(g.Title + ":")
		}
		for _, b := range g.Bindings {
			if b.Enabled() {
				p.line(aloud.Key(b.Help().Key) + ": " + aloud.Text(b.Help().Desc))
			}
		}
	}
}

// line says one line.
func (p *plain) line(text string) { p.write(sanitize.Text(text) + "\r\n") }

// write is the way to the terminal. That it has gone is told by the keys, which
// then end as well.
func (p *plain) write(text string) {
	if p.ascii {
		text = ascii.Screen(text)
	}
	_, _ = io.WriteString(p.out, text)
}

// state is where the UI stands.
func (p *plain) state(m *Model) heard {
	h := heard{prompt: m.prompt, running: m.step == stepBook && m.books.Running()}
	said, _ := m.said()
	if said.At >= 0 && said.At < len(said.Rows) {
		h.row = said.Rows[said.At]
	}
	h.place = fmt.Sprint(m.step, m.overlay, m.isTurned(), m.frozen, m.current().Filter(), said.Order, m.current().Crumbs())
	if m.notice.text != "" {
		h.notice = aloud.Text(m.notice.text)
	}
	for _, l := range m.problem() {
		h.problem = strings.TrimSpace(h.problem + " " + aloud.Text(l))
	}
	if m.prompt != promptNone {
		h.typed = m.line.Value()
	}
	if it, ok := m.palette.Selected(); ok && m.prompt == promptPalette {
		h.match = aloud.Text(it.Name + ", " + it.Kind)
	}
	if m.opts.Deck != nil {
		at := m.opts.Deck.Playback()
		if text, ok := m.caption(at.At.Sub(at.Begin)); ok && !m.silent {
			h.caption = aloud.Text(text)
		}
		if !at.Paused && !at.Ended {
			at.At = at.Begin // where it is while it plays is no news
		}
		h.tape = saidTape(at.Paused, at.Ended, at.Speed, at.At.Sub(at.Begin), at.End.Sub(at.Begin))
	}
	return h
}

func saidTape(paused, ended bool, speed float64, at, whole time.Duration) string {
	switch {
	case ended:
		return "The recording is at its end."
	case paused:
		return fmt.Sprintf("Paused at %s of %s.", clock(at), clock(whole))
	default:
		return fmt.Sprintf("Playing, %g times as fast.", speed)
	}
}

// said is what the page says; ok is false where it is read out as it is drawn.
func (m *Model) said() (said page.Said, ok bool) {
	if s, can := m.current().(page.Sayer); can {
		return s.Said(), true
	}
	for l := range strings.Lines(ansi.Strip(m.current().View())) {
		if text := aloud.Text(l); text != "" {
			said.Rows = append(said.Rows, text)
		}
	}
	said.At = -1
	return said, false
}

// saidPlace says which page this is.
func (m *Model) saidPlace() string {
	where := "Runbook"
	if names := stepper.Steps(); int(m.step) < len(names) {
		where = fmt.Sprintf("Step %d of %d, %s", int(m.step)+1, len(names), strings.ToLower(names[m.step]))
	}
	s := where + ": " + aloud.Text(strings.Join(m.current().Crumbs(), ", ")) + "."
	if state := aloud.Text(m.current().State()); state != "" {
		s += " " + state + "."
	}
	if f := m.current().Filter(); f != "" {
		s += " Filtered by " + sanitize.Text(f) + ", " + m.filtered() + "."
	}
	return s
}

// saidTrust says the first line of the screen.
func (m *Model) saidTrust() string {
	var parts []string
	for _, part := range slices.DeleteFunc(strings.Split(ansi.Strip(m.head()), "  "), func(s string) bool { return strings.TrimSpace(s) == "" }) {
		if text := aloud.Text(part); text != "snattop" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, ", ") + "."
}

package app

import (
	"fmt"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/tui/ascii"
	"github.com/snattop/snattop/tui/component/header"
	"github.com/snattop/snattop/tui/component/sheet"
	"github.com/snattop/snattop/tui/component/stepper"
	"github.com/snattop/snattop/tui/component/table"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/page"
)

// The smallest terminal in which a page still says something.
const minWidth, minHeight = 60, 15

// stepperLine is the line of the stepper.
const stepperLine = 1

// View draws the screen.
func (m *Model) View() tea.View {
	if m.plain != nil {
		return tea.NewView("") // it is said elsewhere
	}
	v := tea.NewView(m.drawn())
	v.AltScreen = true
	v.MouseMode = tea.MouseModeCellMotion
	v.WindowTitle = sanitize.Text(m.opts.Title)
	if v.WindowTitle == "" {
		v.WindowTitle = "snattop " + page.Context(m.pic.Snap)
	}
	if m.opts.ASCII {
		v.WindowTitle = ascii.Screen(v.WindowTitle)
	}
	v.ProgressBar = m.progressBar()
	if m.prompt != promptNone && !m.tooSmall() {
		_, x := m.line.View(m.theme, m.width)
		v.Cursor = tea.NewCursor(x, m.height-1)
	}
	return v
}

func (m *Model) tooSmall() bool { return m.width < minWidth || m.height < minHeight }

// bodyAt is where the page lies between the lines above and below.
func (m *Model) bodyAt() (top, height int) {
	top = 3 + len(m.problem())
	return top, m.height - top - m.footLines()
}

// layout hands out the room. It follows every message, because a line about a
// problem or a page that is entered changes who has how much.
func (m *Model) layout() {
	if m.tooSmall() {
		return
	}
	_, height := m.bodyAt()
	if !m.divide() {
		m.current().SetSize(m.width, height)
	}
	m.sheet.SetSize(m.width, height)
	if m.overlay == overlayColumns {
		m.listColumns()
		return
	}
	m.palette.SetSize(m.width, height)
}

// problem is what is wrong with the source as a whole, in at most two lines.
func (m *Model) problem() []string {
	s := m.pic.Snap
	look := m.theme.Bad
	var text string
	switch {
	case s.Problem != "":
		text = "! " + sanitize.Text(s.Problem)
	case s.Done && s.Cluster.Source == "recording":
		look, text = m.theme.Notice, "■ The recording has been read to its end; this is its last picture."
	case s.Done:
		look, text = m.theme.Notice, "■ The source has ended; this is its last picture."
	default:
		return nil
	}
	width := max(1, m.width-2)
	lines := strings.Split(ansi.Wordwrap(format.Cut(text, 2*width-16), width, ""), "\n")
	for i, l := range lines {
		lines[i] = look.Render(format.Left(" "+l, m.width))
	}
	return lines[:min(2, len(lines))]
}

// footLines is the height of the foot: air where there is room, a sentence
// that may take the air, and the keys.
func (m *Model) footLines() int {
	if m.height >= 18 {
		return 3 + m.above()
	}
	return 2 + m.above()
}

// above is the height of what stands above the sentence.
func (m *Model) above() int { return m.replayHeight() + m.welcomeHeight() }

// foot is what stands below the page. The keys give way to what is typed.
func (m *Model) foot() []string {
	spoken := m.footLines() - 1 - m.above()
	width := m.width - 2
	sentence := strings.Split(ansi.Wordwrap(m.speak(spoken*width-(spoken-1)*16), width, ""), "\n")
	out := append(m.replayLines(), m.welcomeLines()...)
	for range spoken - len(sentence) {
		out = append(out, format.Spaces(m.width))
	}
	for _, l := range sentence[:min(spoken, len(sentence))] {
		out = append(out, format.Left(" "+format.Cut(m.voice(l), width), m.width))
	}
	if m.prompt != promptNone {
		line, _ := m.line.View(m.theme, m.width)
		return append(out, line)
	}
	return append(out, m.keyLine())
}

// drawn is the screen in the characters that the terminal has.
func (m *Model) drawn() string {
	if m.opts.ASCII {
		return ascii.Screen(m.render())
	}
	return m.render()
}

// render draws the screen as text: never more lines than the terminal has,
// never a line wider than it.
func (m *Model) render() string {
	if m.width <= 0 || m.height <= 0 {
		return ""
	}
	if m.tooSmall() {
		return m.plea()
	}
	_, height := m.bodyAt()
	lines := []string{
		m.head(),
		m.steps(),
		m.crumbs(),
	}
	lines = append(lines, m.problem()...)
	lines = append(lines, m.body(height)...)
	lines = append(lines, m.foot()...)
	for i, l := range lines {
		lines[i] = format.Cut(l, m.width)
	}
	return strings.Join(lines[:min(len(lines), m.height)], "\n")
}

// steps is where the operator stands: SNAT's five steps, and at the right the
// runbooks beside them.
func (m *Model) steps() string {
	line := stepper.View(int(m.step), m.theme, m.width)
	names, styled := m.otherBooks()
	if names == "" {
		return line
	}
	return format.Ends(strings.TrimRight(line, " "), styled, m.width)
}

// bookName is a runbook beside SNAT's, and the key that opens it.
type bookName struct {
	key  key.Binding
	name string
}

func (m *Model) bookNames() []bookName {
	g := m.keys.Global
	return []bookName{{g.Tunnel, "tunnel"}, {g.APIServer, "apiserver"}, {g.PodNetwork, "connectivity"}}
}

// otherBooks names the runbooks beside the steps, bare and styled; "" where
// there are none, or no room for them.
func (m *Model) otherBooks() (bare, styled string) {
	if m.opts.Runbooks == nil {
		return "", ""
	}
	var plain, others []string
	for _, b := range m.bookNames() {
		look := m.theme.Dim
		if m.step == stepBook && m.book.name == b.name {
			look = m.theme.Strong
		}
		plain = append(plain, b.key.Help().Key+" "+b.name)
		others = append(others, look.Render(b.key.Help().Key+" "+b.name))
	}
	bare = strings.Join(plain, "  ") + " "
	if stepper.Width()+ansi.StringWidth(bare)+2 > m.width {
		return "", ""
	}
	return bare, strings.Join(others, "  ") + " "
}

// head is the first line, with signs at its end of what takes time and while it
// records.
func (m *Model) head() string {
	marks := m.progressMark() + m.recMark()
	return header.View(m.pic, m.frozen, m.theme, m.width-ansi.StringWidth(marks)) + marks
}

func (m *Model) body(height int) []string {
	var text string
	switch m.overlay {
	case overlayPalette:
		text = m.palette.View()
	case overlayHelp, overlayKnow:
		text = m.sheet.View()
	case overlayColumns:
		text = m.columnsView(height)
	case overlayNone:
		text = m.pageView()
	}
	lines := strings.Split(text, "\n")
	for len(lines) < height {
		lines = append(lines, "")
	}
	return lines[:height]
}

// pageView draws the page, in one pane or two.
func (m *Model) pageView() string {
	if p := m.panes(); p.on {
		return m.splitView(p)
	}
	return m.current().View()
}

// plea asks for a larger terminal in one that is too small for anything else.
func (m *Model) plea() string {
	text := fmt.Sprintf("terminal too small: %d×%d, needs %d×%d", m.width, m.height, minWidth, minHeight)
	lines := strings.Split(ansi.Wrap(text, m.width, " "), "\n")
	return strings.Join(lines[:min(len(lines), m.height)], "\n")
}

// crumbs is the way to the page at the left and its state at the right.
func (m *Model) crumbs() string {
	state := m.crumbState()
	trail := page.Trail(m.current().Crumbs(), m.trailRoom())
	return format.Ends(" "+m.theme.Strong.Render(trail), m.theme.Dim.Render(state)+" ", m.width)
}

func (m *Model) crumbState() string {
	state := m.current().State()
	if f := m.current().Filter(); f != "" {
		state = "/" + f + " · " + m.filtered()
	}
	return format.Cut(state, m.width*2/3)
}

// trailRoom is the width that there is for the way to the page.
func (m *Model) trailRoom() int { return m.width - ansi.StringWidth(m.crumbState()) - 4 }

// keyLine names the keys that matter here.
func (m *Model) keyLine() string {
	line := " "
	for _, s := range m.keySpans() {
		line += m.oneKey(s.key) + format.Spaces(keyGap)
	}
	return format.Left(strings.TrimRight(line, " "), m.width)
}

// hereKeys are the keys that matter here; always are those that come with them
// whatever the room.
func (m *Model) hereKeys() (some, always []key.Binding) {
	bindings := m.current().ShortHelp()
	if m.overlay == overlayColumns {
		bindings = m.palette.ShortHelp()
	} else if m.overlay != overlayNone {
		bindings = m.sheet.ShortHelp()
		if m.overlay == overlayKnow {
			bindings = append(bindings, m.copyKey())
		}
	}
	if m.opts.SaveTicket != nil {
		bindings = append(bindings, m.keys.Global.Ticket)
	}
	for _, b := range bindings {
		if !b.Enabled() || m.opts.Deck != nil && b.Help() == m.keys.Global.Freeze.Help() {
			continue // in a replay space pauses, and its own line says so
		}
		some = append(some, b)
	}
	return some, []key.Binding{m.keys.Global.Help, m.keys.Global.Quit}
}

// keySpans are those keys and where they stand, as many as fit.
func (m *Model) keySpans() []keySpan {
	bindings, always := m.hereKeys()
	room := m.width - 1
	for _, b := range always {
		room -= keyWidth(b)
	}
	x := 1
	var out []keySpan
	add := func(b key.Binding) {
		out = append(out, keySpan{b, x, x + keyWidth(b) - keyGap})
		x += keyWidth(b)
	}
	for _, b := range bindings {
		if w := keyWidth(b); w-keyGap <= room {
			add(b)
			room -= w
		}
	}
	for _, b := range always {
		add(b)
	}
	return out
}

// keyGap is between two keys.
const keyGap = 3

func keyWidth(b key.Binding) int {
	return ansi.StringWidth(b.Help().Key+" "+b.Help().Desc) + keyGap
}

func (m *Model) oneKey(b key.Binding) string {
	return m.theme.Accent.Render(b.Help().Key) + " " + m.theme.Dim.Render(b.Help().Desc)
}

// legend explains the marks of the pages.
func (m *Model) legend() sheet.Group {
	bind := func(mark, meaning string) key.Binding {
		return key.NewBinding(key.WithKeys("none"), key.WithHelp(mark, meaning))
	}
	g := sheet.Group{Title: titleMarks}
	for _, v := range []snat.Verdict{snat.Exhausted, snat.Pressured, snat.NotSNAT, snat.Unknown, snat.Healthy} {
		mark, word, _ := m.theme.Verdict(v)
		g.Bindings = append(g.Bindings, bind(mark, word))
	}
	return sheet.Group{Title: g.Title, Bindings: append(g.Bindings,
		bind("~ ≥ ≤", "estimated"),
		bind("—", "not known"),
		bind("◌", "not heard of"),
		bind(page.GapMark, "gap: see x"),
		bind(page.JobMark, "runs to an end"),
		bind(table.GoneMark, "gone"),
	)}
}

package app

import (
	"fmt"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/internal/session"
)

// Ticket is what is to be kept of the moment in which the operator asked.
type Ticket struct {
	// Screen is what is on it, with its styling; Width and Height are in cells.
	Screen        string
	Width, Height int
	// Light means that the terminal's background is.
	Light bool
	// Snap is the picture that the screen shows, and Now the time against which
	// ages on it are measured.
	Snap *session.Snapshot
	Now  time.Time
	// Node is the one that the page is about, or the cursor is on; "" is none.
	Node string
	// Crumbs is the way to the page.
	Crumbs []string
	// Table is what the page adds up, as Markdown; "" where it adds up nothing.
	Table string
}

// ticketMsg is the answer to a wish for a ticket.
type ticketMsg struct {
	number int
	saved  string
	err    error
}

// saveTicket hands the screen as it is to whoever stores tickets.
func (m *Model) saveTicket() tea.Cmd {
	save := m.opts.SaveTicket
	if save == nil {
		m.notice = notice{text: "Tickets are not available here."}
		return nil
	}
	t := Ticket{
		Screen: m.drawn(), Width: m.width, Height: m.height, Light: m.terminal.Light,
		Snap: m.pic.Snap, Now: m.pic.Now, Node: m.subject(), Crumbs: m.current().Crumbs(),
	}
	if m.isTurned() {
		t.Table = m.turn.Markdown()
	}
	m.saving++
	m.writing = true
	number := m.saving
	m.notice = notice{text: "Saving the ticket …"}
	return func() tea.Msg {
		saved, err := save(t)
		return ticketMsg{number: number, saved: saved, err: err}
	}
}

func (m *Model) ticketSaved(msg ticketMsg) {
	if msg.number != m.saving {
		return
	}
	m.writing = false
	if msg.err != nil {
		m.notice = notice{text: "The ticket could not be saved: " + msg.err.Error(), bad: true}
		return
	}
	m.notice = notice{text: "Ticket saved: " + msg.saved}
}

// subject is the node that the page is about, or the cursor is on.
func (m *Model) subject() string {
	if m.isTurned() {
		node, _ := m.onTurned()
		return node
	}
	switch m.step {
	case stepPods:
		return m.pods.NodeName()
	case stepDests:
		node, _ := m.dests.Subject()
		return node
	case stepCause:
		node, _ := m.cause.Subject()
		return node
	case stepNodes, stepProof, stepBook:
	}
	if n := m.nodes.Selected(); n != nil {
		return n.Name
	}
	return ""
}

// maxClipboard bounds what is copied, in bytes: terminals throw longer ones
// away without a word (xterm takes about 100 kB once they are encoded).
const maxClipboard = 64 << 10

// otherwise says how to come by the same where the terminal lets no program
// have the clipboard: nobody tells whether it did.
const otherwise = " If your terminal refuses the clipboard: "

// pageMsg is a page as Markdown, to be copied.
type pageMsg struct{ text string }

// copy copies what the page has to offer: what is chosen on it, or the page as
// Markdown. That is worked out elsewhere, since it may take a moment.
func (m *Model) copy() tea.Cmd {
	if m.overlay == overlayKnow {
		return m.copyText(m.current().Know().Text(), "")
	}
	text := m.current().Copy()
	switch {
	case text != "" && m.step == stepProof:
		return m.copyText(text, m.away("S, or snattop compare -o markdown."))
	case text != "" && m.isTurned():
		return m.copyText(text, m.away("S, or snattop report -o json."))
	case text != "":
		return m.copyText(text, "")
	case m.step > stepDests || len(m.pic.Snap.Nodes) == 0:
		m.notice = notice{text: "There is nothing to copy here."}
		return nil
	}
	s, now, filter := m.pic.Snap, m.pic.Now, m.filter()
	m.notice = notice{text: "Copying the page as Markdown …"}
	m.copying = true
	return func() tea.Msg {
		var b strings.Builder
		if err := report.Markdown(&b, report.Build(s, filter, now, s.Time.Sub(s.Started))); err != nil {
			return nil // not reached: a builder takes everything
		}
		return pageMsg{text: b.String()}
	}
}

func (m *Model) pageWritten(msg pageMsg) tea.Cmd {
	m.copying = false
	return m.copyText(msg.text, m.away("S, or snattop report -o markdown."))
}

// away is another way to the same; S only where it works.
func (m *Model) away(text string) string {
	if m.opts.SaveTicket == nil {
		text = strings.TrimPrefix(text, "S, or ")
	}
	return otherwise + text
}

// copyText puts a text on the clipboard, where the terminal lets programs do so
// (OSC 52).
func (m *Model) copyText(text, hint string) tea.Cmd {
	lines := strings.Count(strings.TrimSuffix(text, "\n"), "\n") + 1
	switch {
	case text == "":
		m.notice = notice{text: "There is nothing to copy here."}
		return nil
	case len(text) > maxClipboard:
		m.notice = notice{text: fmt.Sprintf("This is too long for a clipboard (%d kB).", len(text)>>10) + strings.Replace(hint, otherwise, " Use ", 1), bad: true}
		return nil
	case hint == "":
		m.notice = notice{text: "Copied (where the terminal lets programs do so): " + text}
	default:
		m.notice = notice{text: fmt.Sprintf("Copied as Markdown, %d lines.", lines) + hint}
	}
	if m.plain != nil {
		m.plain.clipboard(text)
		return nil
	}
	return tea.SetClipboard(text)
}

// filter is what of a report the page is about.
func (m *Model) filter() report.Filter {
	switch m.step {
	case stepPods:
		return report.Filter{Node: m.pods.NodeName()}
	case stepDests:
		node, owner := m.dests.Subject()
		f := report.Filter{Node: node}
		if n := m.pic.Snap.Node(node); n != nil {
			for _, o := range n.Owners {
				if o.Key == owner {
					f.Namespace, f.Pod = o.Namespace, o.Name
				}
			}
		}
		return f
	case stepNodes, stepCause, stepProof, stepBook:
	}
	return report.Filter{}
}

// copyKey is the key that copies, and what it copies on this page.
func (m *Model) copyKey() key.Binding {
	b := m.keys.Global.Copy
	what := "copy page (Markdown)"
	switch {
	case m.overlay == overlayKnow:
		what = "copy the evidence"
	case m.step == stepCause:
		what = "copy what is chosen"
	case m.step == stepBook:
		what = "copy the command"
	case m.step == stepDests && !m.isTurned() && m.dests.Copy() != "":
		what = "copy the process"
	}
	b.SetHelp(b.Help().Key, what)
	return b
}

package app

import (
	"slices"

	"charm.land/bubbles/v2/key"

	"github.com/snattop/snattop/tui/component/sheet"
)

// overlayKind is what lies over the page.
type overlayKind int

const (
	overlayNone overlayKind = iota
	overlayHelp
	overlayKnow
	overlayPalette
	overlayColumns
)

// Titles of groups of keys that are no commands.
const titleMove, titleMarks = "Move", "Marks"

// toggle opens an overlay, or closes it when it is the one that is open.
func (m *Model) toggle(kind overlayKind) {
	if m.overlay == kind {
		m.overlay = overlayNone
		return
	}
	m.overlay = kind
	m.sheet = sheet.New(m.keys, m.theme)
	if kind == overlayKnow {
		m.writeKnow()
		return
	}
	m.sheet.SetContent("Keys", sheet.Help(m.opts.Hint, m.helpGroups()))
}

func (m *Model) writeKnow() {
	s := m.current().Know()
	m.sheet.SetContent(s.Title, sheet.Evidence(s))
}

// helpGroups are the keys of the page that is seen, and those of every page.
func (m *Model) helpGroups() []sheet.Group {
	g := m.keys.Global
	titles := []string{"This page", titleMove, "Columns"}
	var groups []sheet.Group
	for i, bindings := range m.current().FullHelp() {
		title := ""
		if i < len(titles) {
			title = titles[i]
		}
		if i == 0 {
			bindings = append(bindings, m.splitKeys()...)
		}
		groups = append(groups, sheet.Group{Title: title, Bindings: bindings})
	}
	groups = append(groups, m.replayGroup()...)
	everywhere := sheet.Group{Title: "Everywhere"}
	everywhere.Bindings = append(everywhere.Bindings, g.Back)
	for i, b := range []key.Binding{g.Nodes, g.Pods, g.Connections, g.Cause, g.Proof} {
		if step(i) != m.step || m.isTurned() || m.inPane {
			everywhere.Bindings = append(everywhere.Bindings, b)
		}
	}
	if m.step != stepCause {
		everywhere.Bindings = append(everywhere.Bindings, g.Diagnose)
	}
	everywhere.Bindings = append(everywhere.Bindings, g.Baseline, g.GoTo, g.Palette, g.Freeze, g.Know, m.copyKey())
	if m.opts.SaveTicket != nil {
		everywhere.Bindings = append(everywhere.Bindings, g.Ticket)
	}
	if m.opts.Runbooks != nil {
		everywhere.Bindings = append(everywhere.Bindings, g.Tunnel, g.APIServer, g.PodNetwork)
	}
	if m.opts.Capture != nil {
		everywhere.Bindings = append(everywhere.Bindings, g.Capture)
	}
	if m.opts.Record != nil {
		everywhere.Bindings = append(everywhere.Bindings, g.Record)
	}
	if m.opts.Deck != nil {
		// Space pauses there, which stands among the keys of a replay.
		everywhere.Bindings = slices.DeleteFunc(everywhere.Bindings, func(b key.Binding) bool { return b.Help() == g.Freeze.Help() })
	}
	if m.opts.Suspend != nil {
		everywhere.Bindings = append(everywhere.Bindings, g.Suspend)
	}
	if m.plain != nil {
		everywhere.Bindings = append(everywhere.Bindings, g.Again)
	}
	everywhere.Bindings = append(everywhere.Bindings, g.Help, g.Quit)
	return append(groups, everywhere, m.legend())
}

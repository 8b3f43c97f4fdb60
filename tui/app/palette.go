package app

import (
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/tui/component/input"
	"github.com/snattop/snattop/tui/component/palette"
)

// openPalette lists what can be done on the page and gone to.
func (m *Model) openPalette() {
	m.palette = palette.New(m.keys, m.theme, append(m.commands(), m.places()...))
	m.overlay, m.prompt = overlayPalette, promptPalette
	m.line = input.Model{Label: "run: ", Hint: "a command, a node, a pod · enter runs · esc closes"}
	m.line.Set("")
}

func (m *Model) closePalette() { m.overlay, m.prompt = overlayNone, promptNone }

// choose runs an item of the palette.
func (m *Model) choose(it palette.Item) tea.Cmd {
	m.closePalette()
	return it.Do()
}

// chosen runs the item under the cursor; where nothing matched, what was typed
// may be an address.
func (m *Model) chosen() tea.Cmd {
	it, ok := m.palette.Selected()
	if !ok {
		m.closePalette()
		return m.goTo(m.line.Value())
	}
	return m.choose(it)
}

// commands are the keys that the page knows, by what they do. Moving is left
// out: that is what the arrows are for.
func (m *Model) commands() []palette.Item {
	var out []palette.Item
	for _, g := range m.helpGroups() {
		if g.Title == titleMove || g.Title == titleMarks {
			continue
		}
		for _, b := range g.Bindings {
			if !b.Enabled() || len(b.Keys()) == 0 || key.Matches(pressOf(b), m.keys.Global.Palette) {
				continue
			}
			out = append(out, palette.Item{
				Name: b.Help().Desc, Kind: "command", Key: b.Help().Key,
				Do: func() tea.Cmd { return m.keyPressed(pressOf(b)) },
			})
		}
	}
	return out
}

// pressOf is the press of a binding's first key. A key is told apart by how it
// is spelled, and that of a press is its text when it has any.
func pressOf(b key.Binding) tea.KeyPressMsg { return tea.KeyPressMsg{Text: b.Keys()[0]} }

// places are the nodes and the pods, worst first.
func (m *Model) places() []palette.Item {
	var nodes, pods []palette.Item
	for _, n := range m.pic.Snap.Nodes {
		nodes = append(nodes, palette.Item{
			Name: sanitize.Text(n.Name), Kind: "node", Do: func() tea.Cmd { m.visitPlace(target{node: n}); return nil },
		})
		for _, o := range n.Owners {
			if o.Name == "" {
				continue
			}
			pods = append(pods, palette.Item{
				Name: sanitize.Text(o.Title() + " on " + n.Name), Kind: "pod",
				Do: func() tea.Cmd { m.visitPlace(target{node: n, owner: o}); return nil },
			})
		}
	}
	return append(nodes, pods...)
}

// runNamed runs the command of that name; with begins, one whose name begins so
// and is the only one.
func (m *Model) runNamed(name string, begins bool) (cmd tea.Cmd, ok bool) {
	name = strings.ToLower(strings.TrimSpace(name))
	var hits []palette.Item
	for _, it := range m.commands() {
		of := strings.ToLower(it.Name)
		if of == name || begins && strings.HasPrefix(of, name) {
			hits = append(hits, it)
		}
	}
	if len(hits) == 0 || begins && len(hits) > 1 {
		return nil, false
	}
	return hits[0].Do(), true
}

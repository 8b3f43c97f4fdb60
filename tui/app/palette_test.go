package app

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/tui/tuitest"
)

func TestPaletteRunsCommandsAndGoesToPlaces(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 120, 40)
	press(m, "ctrl+p")
	wants(t, m, "Everything that can be done", "run: ", "how do you know", "set baseline")
	typeText(m, "freeze")
	press(m, "enter")
	wants(t, m, "FROZEN", "❶ Node")
	lacks(t, m, "Everything that can be done")

	press(m, "ctrl+p")
	typeText(m, "mailer")
	wants(t, m, "shop/mailer-66b7-qqq1z on aks-np1-vmss000007")
	press(m, "enter")
	wants(t, m, "❷ Pod", "▌shop/mailer")

	press(m, "ctrl+p")
	typeText(m, "vm7nod") // the letters of a node, in order
	wants(t, m, "(loosely)", "▌node", "aks-np1-vmss000007")
	press(m, "enter")
	wants(t, m, "❶ Node", "▌↓ aks-np1-vmss000007")

	press(m, "ctrl+p")
	typeText(m, "20.60.1.9") // an address is no item, and yet found
	wants(t, m, "nothing is called so")
	press(m, "enter")
	wants(t, m, "❸ Connections", "▌20.60.1.9:443")

	press(m, "ctrl+p")
	press(m, "esc")
	lacks(t, m, "Everything that can be done")
	wants(t, m, "❸ Connections")
}

func TestPaletteWithTheMouse(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 120, 40)
	press(m, "ctrl+p")
	typeText(m, "go through") // nothing here is called so
	press(m, "esc")
	press(m, "ctrl+p")
	typeText(m, "cause")
	y := lineOf(t, m, "command   cause")
	m.Update(tea.MouseClickMsg{X: 12, Y: y, Button: tea.MouseLeft})
	wants(t, m, "❹ Cause")
	press(m, "ctrl+p")
	before := screen(m)
	m.Update(tea.MouseWheelMsg{X: 5, Y: 10, Button: tea.MouseWheelDown})
	if screen(m) == before {
		t.Error("the wheel moves nothing in the list of commands")
	}
}

// TestEveryCommandOfThePaletteRuns holds that each does something that can be
// seen, or at least says why not.
func TestEveryCommandOfThePaletteRuns(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"1", "2", "3", "4", "5"} {
		m, _ := start(tuitest.Sick(), 120, 40)
		press(m, page)
		for i := range m.commands() {
			m, _ := start(tuitest.Sick(), 120, 40)
			press(m, page)
			it := m.commands()[i]
			before := screen(m)
			m.openPalette()
			cmd := m.choose(it)
			m.layout()
			fits(t, m)
			if cmd == nil && screen(m) == before && !atItsEnd(it.Name) && !(it.Name == map[string]string{"1": "nodes", "2": "pods", "3": "connections", "4": "cause", "5": "proof"}[page]) {
				t.Errorf("%q does nothing on page %s", it.Name, page)
			}
		}
	}
}

// atItsEnd are commands that do nothing where everything is as they want it.
func atItsEnd(name string) bool {
	switch name {
	case "next pane", "why and what to do", "reverse", "sort column left", "sort column right", "public only", "all/eligible":
		return true
	default:
		return false
	}
}

func TestGoToTakesCommands(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 120, 40)
	press(m, ":")
	typeText(m, "Help")
	press(m, "enter")
	wants(t, m, "── Keys")
	press(m, "esc", ":")
	typeText(m, "turn the")
	press(m, "enter")
	wants(t, m, "› by pod")
}

// lineOf is the line of the screen that holds a text.
func lineOf(t *testing.T, m *Model, text string) int {
	t.Helper()
	for y, l := range strings.Split(screen(m), "\n") {
		if strings.Contains(l, text) {
			return y
		}
	}
	t.Fatalf("the screen does not say %q:\n%s", text, screen(m))
	return 0
}

func clickOn(t *testing.T, m *Model, text string) {
	t.Helper()
	y := lineOf(t, m, text)
	before, _, _ := strings.Cut(strings.Split(screen(m), "\n")[y], text)
	m.Update(tea.MouseClickMsg{X: len([]rune(before)), Y: y, Button: tea.MouseLeft})
}

func TestASecondClickOpens(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 120, 40)
	clickOn(t, m, "aks-np1-vmss000007")
	wants(t, m, "❶ Node", "▌↓ aks-np1-vmss000007")
	clickOn(t, m, "aks-np1-vmss000007")
	wants(t, m, "❷ Pod", "shop/mailer")
	clickOn(t, m, "PORTS") // headers order, and open nothing
	clickOn(t, m, "PORTS")
	wants(t, m, "❷ Pod")
	clickOn(t, m, "shop/mailer")
	clickOn(t, m, "shop/mailer")
	wants(t, m, "❸ Connections")
}

func TestBreadcrumbsLeadBack(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 120, 40)
	press(m, "3", "d")
	wants(t, m, "❹ Cause", "› cause")
	clickOn(t, m, "shop/"+tuitest.SickPod)
	wants(t, m, "❸ Connections")
	clickOn(t, m, tuitest.SickNode+" ›")
	wants(t, m, "❷ Pod")
	clickOn(t, m, "prod-weu ›")
	wants(t, m, "❶ Node")
	press(m, "t", "t", "t", "t", "enter", "t")
	wants(t, m, "prod-weu › destination 20.60.1.9:443 tcp › by workload")
	press(m, "enter")
	wants(t, m, "› workload shop/checkout › by pod")
	clickOn(t, m, "destination 20.60.1.9")
	wants(t, m, "prod-weu › destination 20.60.1.9:443 tcp › by workload")
	clickOn(t, m, "prod-weu ›")
	wants(t, m, "prod-weu › nodes")
}

func TestTheKeysAtTheFootAreClicked(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 120, 40)
	clickOn(t, m, "x how do you know")
	wants(t, m, "How do you know?")
	clickOn(t, m, "esc close")
	lacks(t, m, "How do you know? Node")
	clickOn(t, m, "? help")
	wants(t, m, "── Keys")
}

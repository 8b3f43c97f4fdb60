package app

import (
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/tui/tuitest"
)

func TestTheWelcomeGoesWithTheFirstKey(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{80, 24}, {120, 40}, {60, 15}} {
		m := New(tuitest.NewView(tuitest.Sick()), Options{Now: tuitest.NewClock().Now, NoColor: true, Welcome: true})
		m.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		fits(t, m)
		if size[1] < 18 {
			lacks(t, m, "First time here?")
			continue
		}
		wants(t, m, "First time here? enter goes on to the culprit, esc back, d says why", "is out of ports")
		m.Update(secondMsg{})
		wants(t, m, "First time here?")
		press(m, "j")
		lacks(t, m, "First time here?")
	}
}

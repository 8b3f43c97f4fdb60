package app

import (
	"charm.land/bubbles/v2/key"
	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/tui/format"
)

// welcomeHeight is the height of the line for who sees the screen for the first
// time; any key or click takes it away.
func (m *Model) welcomeHeight() int {
	if m.welcome && m.height >= 18 {
		return 1
	}
	return 0
}

// welcomeLines say which few keys are enough to begin with.
func (m *Model) welcomeLines() []string {
	if m.welcomeHeight() == 0 {
		return nil
	}
	var parts []string
	for _, w := range []struct {
		key  key.Binding
		does string
	}{
		{m.keys.Global.Open, "goes on to the culprit"},
		{m.keys.Global.Back, "back"},
		{m.keys.Global.Diagnose, "says why"},
		{m.keys.Global.Help, "shows every key"},
		{m.keys.Global.Palette, "every command"},
		{m.keys.Table.Turn, "turns the table"},
	} {
		parts = append(parts, w.key.Help().Key+" "+w.does)
	}
	line := "First time here? " + parts[0]
	for _, p := range parts[1:] {
		if next := line + ", " + p; ansi.StringWidth(next)+1 <= m.width-2 {
			line = next
		}
	}
	return []string{format.Left(" "+m.theme.Notice.Render(line+"."), m.width)}
}

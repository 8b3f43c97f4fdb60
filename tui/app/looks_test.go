package app

import (
	"image/color"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/snattop/snattop/tui/theme"
	"github.com/snattop/snattop/tui/tuitest"
)

// The theme follows what the terminal says of itself, in whichever order.
func TestThemeFollowsTheTerminal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		profile colorprofile.Profile
		noColor bool
		want    theme.Colours
	}{
		{colorprofile.TrueColor, false, theme.Many},
		{colorprofile.ANSI256, false, theme.Many},
		{colorprofile.ANSI, false, theme.Sixteen},
		{colorprofile.ASCII, false, theme.None},
		{colorprofile.NoTTY, false, theme.None},
		{colorprofile.TrueColor, true, theme.None},
	} {
		var asked theme.Terminal
		m := New(tuitest.NewView(tuitest.Sick()), Options{
			Now: tuitest.NewClock().Now, NoColor: c.noColor,
			Theme: func(t theme.Terminal) *theme.Theme { asked = t; return theme.For(t) },
		})
		m.Update(tea.ColorProfileMsg{Profile: c.profile})
		m.Update(tea.BackgroundColorMsg{Color: color.Gray{Y: 0xff}})
		if want := (theme.Terminal{Light: true, Colours: c.want}); asked != want || m.terminal != want {
			t.Errorf("%s, no colours %t: %+v", c.profile, c.noColor, asked)
		}
		m.Update(tea.BackgroundColorMsg{Color: color.Gray{}})
		m.Update(tea.ColorProfileMsg{Profile: c.profile})
		if want := (theme.Terminal{Colours: c.want}); asked != want {
			t.Errorf("%s, no colours %t: %+v after a dark background", c.profile, c.noColor, asked)
		}
	}
}

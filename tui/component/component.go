// Package component holds what every part of the screen has in common.
package component

import (
	"charm.land/bubbles/v2/help"
	tea "charm.land/bubbletea/v2"
)

// Component is a part of the screen: a model that draws itself into a string
// of at most the size it was given. Only the root turns strings into a
// tea.View. Mouse messages reach a component in its own coordinates.
type Component interface {
	help.KeyMap
	// Update takes a message. It never does I/O; what takes time is a command.
	Update(msg tea.Msg) tea.Cmd
	// View draws the component.
	View() string
	// SetSize says how much room there is.
	SetSize(width, height int)
}

// Shift returns a mouse message moved by (-dx, -dy); others as they are.
func Shift(msg tea.Msg, dx, dy int) tea.Msg {
	switch m := msg.(type) {
	case tea.MouseClickMsg:
		m.X, m.Y = m.X-dx, m.Y-dy
		return m
	case tea.MouseWheelMsg:
		m.X, m.Y = m.X-dx, m.Y-dy
		return m
	default:
		return msg
	}
}

package theme

import "charm.land/lipgloss/v2"

// sixteen is the theme of a terminal that has the sixteen ANSI colours and no
// more: the Linux console, a serial line, an old emulator.
//
// Whoever owns the terminal has decided what they look like and what they stand
// on, and such a terminal seldom says. A colour that is read on black is not on
// white, so no text has a colour of its own without a ground of its own: what
// asks for attention is a label, and everything else is the terminal's own ink
// with bold and reverse. Bars are drawn, not read, and say nothing that the
// number beside them does not.
func sixteen() *Theme {
	base := lipgloss.NewStyle()
	label := func(ink, ground string) lipgloss.Style {
		return base.Foreground(lipgloss.Color(ink)).Background(lipgloss.Color(ground))
	}
	const black, red, blue, brightRed, brightYellow, white = "0", "1", "4", "9", "11", "15"
	return &Theme{
		Strong:          NewStyle(base.Bold(true)),
		Brand:           NewStyle(base.Bold(true).Reverse(true)),
		Accent:          NewStyle(base.Bold(true)),
		Selected:        NewStyle(label(white, blue)),
		SelectedBlurred: NewStyle(base.Underline(true)),
		Warn:            NewStyle(label(black, brightYellow)),
		Bad:             NewStyle(label(white, red).Bold(true)),
		Notice:          NewStyle(base.Bold(true)),
		BadBar:          NewStyle(base.Foreground(lipgloss.Color(brightRed))),
	}
}

// Package stepper draws where the operator stands on the way from a node to
// the proof.
package stepper

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/theme"
)

// Steps are the names of the steps, in order.
func Steps() []string { return []string{"Node", "Pod", "Connections", "Cause", "Proof"} }

var (
	here      = [...]string{"❶", "❷", "❸", "❹", "❺"}
	elsewhere = [...]string{"①", "②", "③", "④", "⑤"}
)

const joint = " ── "

// View draws the steps in exactly width cells; current counts from 0.
func View(current int, th *theme.Theme, width int) string {
	var parts []string
	for i, name := range Steps() {
		if i == current {
			parts = append(parts, th.Accent.Render(here[i])+" "+th.Strong.Render(name))
			continue
		}
		parts = append(parts, th.Dim.Render(elsewhere[i]+" "+name))
	}
	return format.Left(" "+strings.Join(parts, th.Rule.Render(joint)), width)
}

// Width is how wide the steps are, without what fills the line.
func Width() int {
	w := 1
	for i, name := range Steps() {
		if i > 0 {
			w += ansi.StringWidth(joint)
		}
		w += 2 + ansi.StringWidth(name)
	}
	return w
}

// Hit returns the step at column x, or -1.
func Hit(x int) int {
	at := 1
	for i, name := range Steps() {
		w := 2 + ansi.StringWidth(name)
		if x >= at && x < at+w {
			return i
		}
		at += w + ansi.StringWidth(joint)
	}
	return -1
}

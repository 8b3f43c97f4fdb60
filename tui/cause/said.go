package cause

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/tui/aloud"
	"github.com/snattop/snattop/tui/page"
)

// Said says every block, whether it is in the window or not: it is a text, and
// is read from its beginning.
func (p *Page) Said() page.Said {
	out := page.Said{At: -1}
	at := -1
	for _, b := range p.laid() {
		if b.choosable() {
			at++
		}
		text := said(b)
		if text == "" {
			continue
		}
		if b.choosable() && at == p.cursor {
			out.At = len(out.Rows)
		}
		out.Rows = append(out.Rows, text)
	}
	return out
}

// said is a block in one line, where a command and a warning are called so.
func said(b block) string {
	var parts []string
	for _, l := range b.lines {
		l = strings.TrimSpace(ansi.Strip(l))
		if command, ok := strings.CutPrefix(l, "$ "); ok {
			l = "command: " + command
		} else if warning, ok := strings.CutPrefix(l, "! "); ok && len(parts) > 0 {
			l = "mind: " + warning
		}
		if text := aloud.Text(l); text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, " ")
}

package sheet

import (
	"strings"

	"charm.land/bubbles/v2/key"
	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/tui/evidence"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/theme"
)

// Evidence lays out the answer to "how do you know?".
func Evidence(s evidence.Sheet) func(th *theme.Theme, width int) []string {
	return func(th *theme.Theme, width int) []string {
		var out []string
		for _, sec := range s.Sections {
			if len(sec.Items) == 0 {
				continue
			}
			out = append(out, "", th.Heading.Render(sec.Title))
			label := 0
			for _, it := range sec.Items {
				label = max(label, min(ansi.StringWidth(it.Label), 24))
			}
			for _, it := range sec.Items {
				out = append(out, item(th, it, label, width)...)
			}
		}
		if len(out) > 0 {
			out = out[1:]
		}
		return out
	}
}

func item(th *theme.Theme, it evidence.Item, label, width int) []string {
	if it.Command != "" {
		var out []string
		for _, l := range wrapped(sanitize.Text(it.Note), width-2) {
			out = append(out, "  "+th.Dim.Render(l))
		}
		for i, l := range wrapped(sanitize.Text(it.Command), width-4) {
			prefix := "  $ "
			if i > 0 {
				prefix = "    "
			}
			out = append(out, th.Dim.Render(prefix)+th.Accent.Render(l))
		}
		return out
	}
	if it.Label == "" {
		var out []string
		for _, l := range wrapped(sanitize.Text(it.Note), width-2) {
			out = append(out, "  "+l)
		}
		return out
	}
	var out []string
	head := format.Left(sanitize.Text(it.Label), label)
	for i, l := range wrapped(sanitize.Text(it.Note), max(10, width-label-4)) {
		if i > 0 {
			head = format.Spaces(label)
		}
		out = append(out, "  "+th.Dim.Render(head)+"  "+l)
	}
	return out
}

func wrapped(s string, width int) []string {
	if s == "" {
		return nil
	}
	return strings.Split(ansi.Wrap(s, max(1, width), " "), "\n")
}

// Group is a heading and the keys under it.
type Group struct {
	Title    string
	Bindings []key.Binding
}

// Help lays out keys: groups in as many columns as fit, each group in the
// column that is shortest so far, with a note above when there is one.
func Help(note string, groups []Group) func(th *theme.Theme, width int) []string {
	return func(th *theme.Theme, width int) []string {
		var out []string
		for _, l := range wrapped(sanitize.Text(note), width-2) {
			out = append(out, "  "+th.Dim.Render(l))
		}
		if len(out) > 0 {
			out = append(out, "")
		}
		blocks, widest := make([][]string, len(groups)), 1
		for i, g := range groups {
			blocks[i] = block(th, g)
			widest = max(widest, blockWidth(blocks[i]))
		}
		columns := make([][]string, max(1, min(width/widest, len(groups))))
		for _, b := range blocks {
			shortest := 0
			for i := range columns {
				if len(columns[i]) < len(columns[shortest]) {
					shortest = i
				}
			}
			if len(columns[shortest]) > 0 {
				columns[shortest] = append(columns[shortest], "")
			}
			columns[shortest] = append(columns[shortest], b...)
		}
		return append(out, sideBySide(columns)...)
	}
}

// block draws one group.
func block(th *theme.Theme, g Group) []string {
	out := []string{"  " + th.Heading.Render(g.Title)}
	w := 0
	for _, b := range g.Bindings {
		w = max(w, ansi.StringWidth(b.Help().Key))
	}
	for _, b := range g.Bindings {
		if b.Enabled() {
			out = append(out, "  "+th.Accent.Render(format.Left(b.Help().Key, w))+"  "+b.Help().Desc)
		}
	}
	return out
}

func blockWidth(lines []string) int {
	w := 0
	for _, l := range lines {
		w = max(w, ansi.StringWidth(l))
	}
	return w + 2
}

func sideBySide(blocks [][]string) []string {
	height := 0
	for _, b := range blocks {
		height = max(height, len(b))
	}
	out := make([]string, height)
	for _, b := range blocks {
		w := blockWidth(b)
		for i := range out {
			l := ""
			if i < len(b) {
				l = b[i]
			}
			out[i] += format.Left(l, w)
		}
	}
	return out
}

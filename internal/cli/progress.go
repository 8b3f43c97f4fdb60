package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/internal/sanitize"
)

// progressWidth is how much of a line is used, in cells: it must not wrap.
const progressWidth = 78

// progress keeps one line on a terminal's standard error that says what a run
// of runbooks waits for; elsewhere it says nothing.
type progress struct {
	out io.Writer
	// done counts the checks that have ended; open are the nodes that are being
	// visited, in the order of their first word, and notes what they wait for.
	done  int
	open  []string
	notes map[string]string
}

func newProgress(s Streams) *progress {
	p := &progress{notes: map[string]string{}}
	if s.ErrTerminal {
		p.out = s.Err
	}
	return p
}

// update takes one piece of news; the run calls it from one goroutine at a time.
func (p *progress) update(u step.Update) {
	if p.out == nil {
		return
	}
	switch {
	case u.Check != nil && u.Done:
		p.done++
	case u.Node != "" && u.Done:
		delete(p.notes, u.Node)
		p.open = slices.DeleteFunc(p.open, func(n string) bool { return n == u.Node })
	case u.Node != "":
		if _, known := p.notes[u.Node]; !known {
			p.open = append(p.open, u.Node)
		}
		p.notes[u.Node] = u.Note
	default:
		return
	}
	var words []string
	for _, n := range p.open {
		words = append(words, n+": "+p.notes[n])
	}
	line := fmt.Sprintf("%d steps done", p.done)
	if len(words) > 0 {
		line += " · " + strings.Join(words, " · ")
	}
	fmt.Fprint(p.out, "\r\x1b[K"+ansi.Truncate(sanitize.Text(line), progressWidth, "…"))
}

// end takes the line away.
func (p *progress) end() {
	if p.out != nil {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/runbook/step"
)

func TestProgressIsOneLine(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	p := newProgress(Streams{Err: &b, ErrTerminal: true})
	for _, u := range []step.Update{
		{Node: "node1", Note: "uploading the probe\x1b[2J"},
		{Node: "node2", Note: strings.Repeat("waiting ", 30)},
		{Check: &step.Check{ID: "a"}, Done: true},
		{Node: "node1", Done: true},
	} {
		b.Reset()
		p.update(u)
		line, ok := strings.CutPrefix(b.String(), "\r\x1b[K")
		if !ok || strings.ContainsAny(line, "\n\r\x1b") || ansi.StringWidth(line) > progressWidth {
			t.Errorf("got %q", b.String())
		}
	}
	if got := b.String(); !strings.Contains(got, "1 steps done · node2: waiting") {
		t.Errorf("got %q", got)
	}
	b.Reset()
	p.end()
	if b.String() != "\r\x1b[K" {
		t.Errorf("the line is left as %q", b.String())
	}
}

// Scripts read standard error: nothing is written where nobody watches.
func TestNoProgressWithoutATerminal(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	p := newProgress(Streams{Err: &b})
	p.update(step.Update{Node: "node1", Note: "x"})
	p.end()
	if b.Len() > 0 {
		t.Errorf("got %q", b.String())
	}
}

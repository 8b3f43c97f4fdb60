//go:build unix

package pty

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What cannot show a screen is told so in one line that names report, and gets
// no control character.
func TestNoScreen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ env, says string }{
		"dumb":    {"TERM=dumb", "TERM=dumb says that this terminal has none"},
		"no TERM": {"TERM=", "TERM does not say what this terminal is"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := run(t, setting{env: []string{c.env}}, "demo")
			p.exits(2)
			p.restored()
			if said := p.said(); !strings.Contains(said, c.says) || !strings.Contains(said, "snattop report") || strings.Count(said, "\n") != 1 {
				t.Errorf("it says %q", said)
			}
		})
	}
}

// Neither an output nor an input that is a pipe.
func TestPipes(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), snattop, "demo")
	cmd.Env = append(os.Environ(), "TERM=xterm-256color")
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var e *exec.ExitError
	if !errors.As(err, &e) || e.ExitCode() != 2 || out.Len() > 0 {
		t.Errorf("%v with %q", err, &out)
	}
	if said := errs.String(); !strings.Contains(said, "needs a terminal: use 'snattop report'") || strings.Count(said, "\n") != 1 {
		t.Errorf("it says %q", said)
	}
}

// A folder that cannot be written to is a line at the foot, and the UI goes on.
func TestTicketThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	p := demoWith(t, setting{}, "--out-dir", filepath.Join(t.TempDir(), "missing"))
	p.keys("S")
	p.shows("The ticket could not be saved", "--out-dir names another folder")
	p.keys("2")
	p.shows("❷", "shop/checkout")
	p.keys(ctrlC)
	p.exits(0)
	p.restored()
}

// What is copied goes to the terminal, which nobody knows to take it: the line
// says so, and how else to come by it.
func TestCopy(t *testing.T) {
	t.Parallel()
	p := demo(t, setting{})
	p.keys("y")
	p.shows("If your terminal refuses the clipboard: S, or snattop report -o markdown.")
	p.keys(ctrlC)
	p.exits(0)
	p.restored()
}

// A recording that a newer snattop has made, and something that is none.
func TestNoRecording(t *testing.T) {
	t.Parallel()
	text := filepath.Join(t.TempDir(), "x.snattop")
	if err := os.WriteFile(text, []byte("\x1b[2Jno recording"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := run(t, setting{}, "replay", text)
	p.exits(1)
	p.restored()
	if said := p.said(); !strings.Contains(said, "not a recording that this version can play") || strings.Count(said, "\n") > 3 {
		t.Errorf("it says %q", said)
	}
}

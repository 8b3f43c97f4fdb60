//go:build unix

package pty

import (
	"strings"
	"syscall"
	"testing"
)

// hungUp is the exit code of who lost the terminal.
const hungUp = 128 + int(syscall.SIGHUP)

// Signals end it at once, with the terminal as it was and the exit code that
// shells give them.
func TestSignals(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			p := demo(t, setting{})
			p.keys(":half a word")
			p.shows("half a word")
			if err := p.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			p.exits(128 + int(sig))
			p.restored()
			if said := p.said(); said != "" {
				t.Errorf("it says %q", said)
			}
		})
	}
}

// The window is closed: the kernel hangs up.
func TestLostTerminal(t *testing.T) {
	t.Parallel()
	p := demo(t, setting{})
	_ = p.master.Close()
	p.exits(hungUp)
}

// A shell that lives on without its terminal passes no signal on to its jobs.
// Nobody would ever end such a snattop, and its pods.
func TestLostTerminalWithoutASignal(t *testing.T) {
	t.Parallel()
	p := demo(t, setting{shell: true})
	_ = p.master.Close()
	p.exits(hungUp)
}

// A mistake of snattop's own leaves one line and a terminal that can be used.
func TestPanic(t *testing.T) {
	t.Parallel()
	for where, key := range brokenKeys() {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			p := start(t, setting{env: []string{brokenEnv + "=1"}}, testBinary())
			p.shows("❶")
			p.keys(key)
			p.exits(1)
			p.restored()
			said := p.said()
			if !strings.HasPrefix(said, "terminal UI: a mistake of snattop's own") || !strings.Contains(said, "broken on purpose: "+where) || strings.Count(said, "\n") != 1 {
				t.Errorf("it says %q", said)
			}
		})
	}
}

//go:build e2e && linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// terminal is snattop in a tmux of its own.
type terminal struct {
	t      *testing.T
	socket string
}

func newTerminal(t *testing.T, width, height int, args ...string) *terminal {
	t.Helper()
	term := &terminal{t: t, socket: fmt.Sprintf("snattop-e2e-%d-%d", os.Getpid(), time.Now().UnixNano())}
	t.Cleanup(func() {
		// A server whose only program has ended is gone already.
		_ = exec.CommandContext(context.WithoutCancel(t.Context()), "tmux", "-L", term.socket, "kill-server").Run()
	})
	cmd := fmt.Sprintf("KUBECONFIG=%s %s %s; echo exit code $?; stty -a; sleep 60", world.ground.Kubeconfig(), world.binary, strings.Join(args, " "))
	term.tmux("-f", "/dev/null", "new-session", "-d", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height), cmd)
	return term
}

func (e *terminal) tmux(args ...string) string {
	e.t.Helper()
	out, err := exec.CommandContext(e.t.Context(), "tmux", append([]string{"-L", e.socket}, args...)...).CombinedOutput()
	if err != nil {
		e.t.Fatalf("tmux %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (e *terminal) screen() string { return e.tmux("capture-pane", "-p") }

func (e *terminal) keys(keys ...string) { e.tmux(append([]string{"send-keys"}, keys...)...) }

// shows waits until the screen matches, and returns the match.
func (e *terminal) shows(pattern string) []string {
	e.t.Helper()
	re := regexp.MustCompile(pattern)
	var found []string
	eventually(e.t, 20*time.Second, "the screen shows "+pattern, func() error {
		s := e.screen()
		if found = re.FindStringSubmatch(s); found == nil {
			return errors.New("it shows:\n" + s)
		}
		return nil
	})
	return found
}

// walkTerminal drills down with the keys of the contract, at two sizes.
func walkTerminal(t *testing.T) {
	for _, size := range []struct{ width, height int }{{80, 24}, {200, 60}} {
		t.Run(fmt.Sprintf("%dx%d", size.width, size.height), func(t *testing.T) {
			term := newTerminal(t, size.width, size.height, "--snat-ports", fmt.Sprint(block))
			term.shows(`3/3 nodes`)
			term.shows(`node2 .*exhausted|▲.*node2|node2 is out of ports`)
			term.keys("g")
			term.shows(`(?m)^▌\s*node2 `)
			term.keys("Enter")
			term.shows(`(?m)^▌shop/leaker-\S*.* 256 `)
			term.keys("Enter")
			term.shows(`(?m)^▌20\.60\.1\.9:443.* 256 `)
			term.shows(`/bin/load leak.* 256`)
			if want := established(truth(t, sickNode)); want != block {
				t.Errorf("the gateway says %d meanwhile", want)
			}
			term.keys("?")
			term.shows(`esc close`)
			// Two escapes in one read would be one key with alt.
			term.keys("Escape")
			term.shows(`(?m)^▌20\.60\.1\.9:443`)
			term.keys("Escape")
			term.shows(`(?m)^▌shop/leaker-`)
			term.keys("Escape")
			term.shows(`(?m)^▌\s*node2 `)
			// Go to a pasted address.
			term.keys(":")
			term.keys("-l", "10.224.0.5")
			term.keys("Enter")
			term.shows(`(?m)^▌\s*node1 `)
			term.keys("q")
			term.shows(`exit code 0`)
			// The terminal is as it was: it echoes and reads lines.
			term.shows(`[^-]icanon`)
			term.shows(`[^-]echo `)
			nothingLeft(t)
		})
	}
}

// TestClosedTerminal closes the window in which snattop runs.
func TestClosedTerminal(t *testing.T) {
	term := newTerminal(t, 120, 40)
	term.shows(`3/3 nodes`)
	if len(ours(t)) == 0 {
		t.Fatal("no pod of ours stands, so nothing is proved")
	}
	term.tmux("kill-server")
	eventually(t, 30*time.Second, "no pods of ours are left", func() error {
		if left := ours(t); len(left) > 0 {
			return fmt.Errorf("%v", left)
		}
		return nil
	})
}

// TestTinyTerminal draws where nothing fits, and still ends well.
func TestTinyTerminal(t *testing.T) {
	term := newTerminal(t, 20, 5)
	term.shows(`too small`)
	term.keys("q")
	term.shows(`\S`)
	eventually(t, 30*time.Second, "no pods of ours are left", func() error {
		if left := ours(t); len(left) > 0 {
			return fmt.Errorf("%v", left)
		}
		return nil
	})
}

//go:build unix

package pty

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// remembering is a setting whose starts have one folder of configuration, and
// that folder.
func remembering(t *testing.T) (s setting, dir string) {
	t.Helper()
	home := t.TempDir()
	dir = filepath.Join(home, "snattop")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return setting{env: []string{"XDG_CONFIG_HOME=" + home}}, dir
}

// What is hidden is hidden the next time, too.
func TestColumnsStay(t *testing.T) {
	t.Parallel()
	s, _ := remembering(t)
	p := demo(t, s)
	p.shows("10.224.0.6")
	p.keys("C")
	p.shows("Columns of nodes", "auto      IP")
	p.keys(down + "  ")
	p.shows("▌hidden    IP")
	p.hides("10.224.0.6")
	p.keys("q")
	p.exits(0)
	p.restored()
	if said := p.said(); said != "" {
		t.Errorf("at the end it says %q", said)
	}

	p = run(t, s, "demo")
	if first := p.shows("❶", "VERDICT", "playing"); strings.Contains(first, "10.224.0.6") {
		t.Errorf("what was hidden is shown:\n%s", first)
	}
	p.keys(" C" + down + enter + escape)
	p.shows("10.224.0.6")
	p.hides("Columns of nodes")
	p.keys("q")
	p.exits(0)
	p.restored()
}

// A file that was tampered with is named, does nothing to the terminal, and is
// still there afterwards.
func TestColumnsOfAStranger(t *testing.T) {
	t.Parallel()
	s, dir := remembering(t)
	path := filepath.Join(dir, "columns.json")
	const text = `{"schema":"snattop.columns/v1","tables":{"nodes":{"ip":"\u001b]0;owned\u0007\u001b[2J\u202e"}}}` + "\x1b[2J"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := run(t, s, "demo")
	p.shows("❶", "those chosen before cannot be read", "10.224.0.6")
	p.keys(" C" + down + " ")
	p.shows("▌always    IP")
	p.shows("is now", "columns.json.unread-1")
	p.keys("q")
	p.exits(0)
	p.restored()
	if title := p.title(); strings.Contains(title, "owned") {
		t.Errorf("the title is %q", title)
	}
	if said := p.said(); !strings.Contains(said, "columns.json.unread-1") || strings.Count(said, "\n") != 1 {
		t.Errorf("at the end it says %q", said)
	}
	if left, err := os.ReadFile(path + ".unread-1"); err != nil || string(left) != text {
		t.Errorf("of the file %q is left (%v)", left, err)
	}
}

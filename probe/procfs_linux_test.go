package probe

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/snattop/snattop/probe/procfs"
)

func TestProcfsWorks(t *testing.T) {
	t.Parallel()
	if err := newProcfsCollector("/proc").works(os.Getpid()); err != nil {
		t.Errorf("of this process: %v", err)
	}
	for name, tc := range map[string]struct {
		text string
		want error
	}{
		"something else": {"hello", procfs.ErrLine},
		"no such file":   {"", fs.ErrNotExist},
	} {
		proc := t.TempDir()
		dir := filepath.Join(proc, "7/net")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if tc.text != "" {
			if err := os.WriteFile(filepath.Join(dir, "tcp"), []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := newProcfsCollector(proc).works(7); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

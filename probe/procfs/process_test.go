package procfs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// statLine is /proc/<pid>/stat up to field 24.
func statLine(command, state string, flags uint64, start string) string {
	return fmt.Sprintf("4242 (%s) %s 1 4242 4242 0 -1 %d 1 2 3 4 5 6 7 8 20 0 1 0 %s 1000 20\n", command, state, flags, start)
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		in   string
		idle bool
		bad  bool
	}{
		"plain":           {in: statLine("nginx", "S", 0x400100, "98765")},
		"brackets":        {in: statLine("a) R 1 (b", "S", 0, "98765")},
		"blanks":          {in: statLine("tmux: server", "R", 0, "98765")},
		"a line break":    {in: statLine("a\nb) Z", "D", 0, "98765")},
		"no name":         {in: statLine("", "S", 0, "98765")},
		"a kernel thread": {in: statLine("kworker/0:1", "I", 0x04208060, "98765"), idle: true},
		"a zombie":        {in: statLine("sh", "Z", 0x40040c, "98765"), idle: true},
		"dead":            {in: statLine("sh", "X", 0, "98765"), idle: true},
		"no bracket":      {in: "4242 nginx S 1", bad: true},
		"cut":             {in: "4242 (nginx) S 1 2 3", bad: true},
		"nothing behind":  {in: "4242 (nginx)", bad: true},
		"empty":           {in: "", bad: true},
		"a bad time":      {in: statLine("nginx", "S", 0, "x"), bad: true},
	} {
		start, idle, err := parseStat([]byte(tc.in))
		if (err != nil) != tc.bad || idle != tc.idle || !tc.bad && start != 98765 {
			t.Errorf("%s: %d, %t, %v", name, start, idle, err)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte(statLine("a) b", "S", 1, "7")))
	f.Add([]byte(")"))
	f.Fuzz(func(_ *testing.T, in []byte) { _, _, _ = parseStat(in) })
}

// fakeProc is a /proc of one process whose files a test writes.
func fakeProc(t *testing.T, files map[string]string) (proc string, pid int) {
	t.Helper()
	proc, pid = t.TempDir(), 4242
	dir := filepath.Join(proc, "4242")
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return proc, pid
}

func TestCommand(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", MaxCommand)
	for name, tc := range map[string]struct {
		files map[string]string
		want  string
	}{
		"command line": {map[string]string{"cmdline": "curl\x00-s\x00https://x\x00", "comm": "curl\n"}, "curl -s https://x"},
		"hostile":      {map[string]string{"cmdline": "\x1b]0;owned\x07sh\x00"}, "sh"},
		"name only":    {map[string]string{"cmdline": "", "comm": "kthreadd\n"}, "[kthreadd]"},
		"gone":         {nil, ""},
		"long":         {map[string]string{"cmdline": "x" + long}, "x" + long[:MaxCommand-2]},
		"no UTF-8":     {map[string]string{"cmdline": strings.Repeat("\xff", 500)}, strings.Repeat("\ufffd", MaxCommand/3)},
	} {
		proc, pid := fakeProc(t, tc.files)
		got := Command(proc, pid)
		if got != tc.want || !utf8.ValidString(got) || len(got) > MaxCommand+len("[]") {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

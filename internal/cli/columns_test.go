package cli

import (
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/snattop/snattop/tui/app"
	"github.com/snattop/snattop/tui/component/table"
	"github.com/snattop/snattop/tui/page"
)

// started are the columns that a start finds, and what keeps others.
func started(config string) (app.Columns, *columns) {
	var ui app.Options
	c := newColumns(config)
	c.add(&ui)
	return ui.Columns, c
}

// told is what is said after the UI has ended.
func told(c *columns) string {
	var b strings.Builder
	c.tell(&b)
	return b.String()
}

func TestColumnsAreThereAgain(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "new", "snattop", "config.yaml")
	want := page.Choices{"nodes": {"min": table.Always, "trend": table.Hidden}, "of another version": {"x": table.Auto}}
	first, c := started(config)
	if first.Problem != "" || len(first.Chosen) > 0 {
		t.Fatalf("at first they are %+v", first)
	}
	for _, chosen := range []page.Choices{{"pods": {"cause": table.Hidden}}, want} {
		if told, err := first.Keep(chosen); told != "" || err != nil {
			t.Fatalf("keeping them: %q, %v", told, err)
		}
	}
	again, _ := started(config)
	if !reflect.DeepEqual(again.Chosen, want) || again.Problem != "" {
		t.Errorf("the next time they are %+v", again)
	}
	if s := told(c); s != "" {
		t.Errorf("at the end it says %q", s)
	}
	names, err := os.ReadDir(filepath.Dir(config))
	if err != nil || len(names) != 1 || names[0].Name() != columnsFile {
		t.Errorf("there are %v beside each other, %v", names, err)
	}
}

// A file that cannot be read is named and why; it stays as it is until columns
// are chosen, and then under another name.
func TestColumnsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, says string }{
		"newer":     {`{"schema":"snattop.columns/v2","tables":["?"]}`, "of another version of snattop (snattop.columns/v2, this one reads snattop.columns/v1)"},
		"bent":      {`{"schema":"snattop.columns/v1","tables":["?"]}`, "it is damaged"},
		"another's": {`{"schema":"k9s"}`, `none of snattop's ("k9s"`},
		"empty":     {"", "it is damaged"},
		"truncated": {`{"schema":"snattop.columns/v1","tables":{"nodes":{"min":"alw`, "it is damaged"},
		"two":       {`{"schema":"snattop.columns/v1"}{}`, "it is damaged"},
		"deep":      {strings.Repeat(`[`, 20_000), "it is damaged"},
		"long":      {`{"schema":"snattop.columns/v1"}` + strings.Repeat(" ", maxColumns), "longer than 64 kB"},
		"a wish":    {`{"schema":"snattop.columns/v1","tables":{"nodes\u001b[2J":{"min\u202e":"\u001b]0;owned\u0007` + strings.Repeat("x", 1000) + `"}}}`, "use auto, always or hidden"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := filepath.Join(t.TempDir(), "config.yaml")
			path := filepath.Join(filepath.Dir(config), columnsFile)
			for n, text := range []string{c.text, c.text + " "} {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				cols, kept := started(config)
				if len(cols.Chosen) > 0 || !strings.Contains(cols.Problem, path) || !strings.Contains(cols.Problem, c.says) {
					t.Errorf("they are %+v", cols)
				}
				if strings.ContainsAny(cols.Problem, "\x1b\u202e\a\n") || len(cols.Problem) > 500+len(path) {
					t.Errorf("it says %q", cols.Problem)
				}
				if left, err := os.ReadFile(path); err != nil || string(left) != text {
					t.Errorf("the file is %q (%v)", left, err)
				}
				to := path + ".unread-" + string(rune('1'+n))
				said, err := cols.Keep(page.Choices{"nodes": {"min": table.Always}})
				if err != nil || !strings.Contains(said, to) || !strings.Contains(told(kept), to) {
					t.Errorf("keeping others says %q (%v), and at the end %q", said, err, told(kept))
				}
				if left, err := os.ReadFile(to); err != nil || string(left) != text {
					t.Errorf("put aside is %q (%v)", left, err)
				}
				if again, _ := started(config); again.Problem != "" || again.Chosen.Of("nodes", "min") != table.Always {
					t.Errorf("the next time they are %+v", again)
				}
			}
		})
	}
}

// What is no file may never end: it is not read.
func TestColumnsThatAreNoFile(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "config.yaml")
	path := filepath.Join(filepath.Dir(config), columnsFile)
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	cols, _ := started(config)
	if !strings.Contains(cols.Problem, "is no file") {
		t.Errorf("they are %+v", cols)
	}
	if said, err := cols.Keep(nil); err != nil || !strings.Contains(said, path+".unread-1") {
		t.Errorf("keeping others says %q (%v)", said, err)
	}
}

// A folder that cannot be written to leaves the old ones, and is told of.
func TestColumnsThatCannotBeKept(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cols, kept := started(filepath.Join(file, "config.yaml")) // a file stands where the folder should be
	if _, err := cols.Keep(page.Choices{}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("keeping them says %v", err)
	}
	if s := told(kept); !strings.Contains(s, "cannot be kept") || strings.Count(s, "\n") != 1 {
		t.Errorf("at the end it says %q", s)
	}
	if none, _ := started(""); none.Keep != nil || none.Problem != "" {
		t.Errorf("without a place for configuration they are %+v", none)
	}
}

// A link to the file, as those have who keep their configuration elsewhere, stays.
func TestColumnsBehindALink(t *testing.T) {
	t.Parallel()
	config, dots := filepath.Join(t.TempDir(), "config.yaml"), filepath.Join(t.TempDir(), "dotfile")
	path := filepath.Join(filepath.Dir(config), columnsFile)
	if err := os.WriteFile(dots, []byte(`{"schema":"snattop.columns/v1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dots, path); err != nil {
		if runtime.GOOS == "windows" {
			t.Skip("making links takes a right of its own there")
		}
		t.Fatal(err)
	}
	cols, _ := started(config)
	if _, err := cols.Keep(page.Choices{"nodes": {"min": table.Always}}); err != nil || cols.Problem != "" {
		t.Fatal(err, cols.Problem)
	}
	if text, err := os.ReadFile(dots); err != nil || !strings.Contains(string(text), "always") {
		t.Errorf("behind the link there is %q (%v)", text, err)
	}
}

func FuzzColumns(f *testing.F) {
	f.Add([]byte(`{"schema":"snattop.columns/v1","tables":{"nodes":{"min":"always"}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		chosen, err := parseColumns(text)
		if err != nil && chosen != nil {
			t.Error("what cannot be read is taken all the same")
		}
		for _, of := range chosen {
			for _, c := range of {
				if !c.Known() {
					t.Errorf("%q is no choice", c)
				}
			}
		}
	})
}

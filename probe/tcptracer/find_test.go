package tcptracer

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// plant writes a file below a root.
func plant(t *testing.T, root, path, text string, mode os.FileMode) string {
	t.Helper()
	full := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, full, text, mode)
	return full
}

// write writes a program while nothing is started: a child that was begun in
// between would hold it open for writing, and it could not be run ("text file busy").
func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no file is executable by its mode on Windows")
	}
	for _, place := range places {
		root := t.TempDir()
		plant(t, root, place, "#!/bin/sh\n", 0o755)
		if path, err := Find(root); err != nil || path != place {
			t.Errorf("%s: %q, %v", place, path, err)
		}
	}
	both := t.TempDir()
	plant(t, both, places[1], "#!/bin/sh\n", 0o755)
	plant(t, both, places[0], "#!/bin/sh\n", 0o644)
	if path, err := Find(both); err != nil || path != places[1] {
		t.Errorf("the first is no program: %q, %v", path, err)
	}
}

func TestFindSaysWhereItLooked(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		make func(root string)
		says string
	}{
		"nothing":       {func(string) {}, ""},
		"no program":    {func(root string) { plant(t, root, places[0], "text", 0o644) }, places[0] + " is no program"},
		"a directory":   {func(root string) { plant(t, root, places[0]+"/x", "text", 0o755) }, places[0] + " is no program"},
		"no way there":  {func(root string) { plant(t, root, "usr/sbin", "text", 0o755) }, "not a directory"},
		"leads outside": {func(root string) { link(t, root, "/bin/sh", places[1]) }, "escapes"},
	} {
		root := t.TempDir()
		tc.make(root)
		path, err := Find(root)
		if !errors.Is(err, ErrNotInstalled) || path != "" {
			t.Errorf("%s: %q, %v", name, path, err)
			continue
		}
		for _, says := range append(places[:], root, tc.says) {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v does not name %q", name, err, says)
			}
		}
	}
	if _, err := Find(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("a root that is not there: %v", err)
	}
	if _, err := Find(""); err != nil && !strings.Contains(err.Error(), "below /") {
		t.Errorf("our own root: %v", err)
	}
}

func link(t *testing.T, root, target, path string) {
	t.Helper()
	full := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, full); err != nil {
		t.Fatal(err)
	}
}

func TestReadBelow(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	full := plant(t, root, "usr/sbin/x", "#!text", 0o755)
	for _, tc := range []struct{ root, path string }{{root, "/usr/sbin/x"}, {"/", full}, {"", full}} {
		if text, err := readBelow(tc.root, tc.path); err != nil || string(text) != "#!text" {
			t.Errorf("%q below %q: %q, %v", tc.path, tc.root, text, err)
		}
	}
	plant(t, root, "big", strings.Repeat("x", maxScript+1), 0o755)
	for _, path := range []string{"/missing", "/usr", "/big"} {
		if _, err := readBelow(root, path); err == nil {
			t.Errorf("%s is read", path)
		}
	}
}

func TestInterpreter(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]string{
		"#!/usr/bin/env python\nimport":     "/usr/bin/env python3",
		"#! /usr/bin/env -S python2\n":      "/usr/bin/env python3",
		"#!/usr/bin/env python3\n":          "",
		"#! /usr/bin/python3\n":             "",
		"#!/bin/sh\n":                       "",
		"# /usr/bin/env python\n":           "",
		"\x7fELF\x02\x01 /usr/bin/env text": "",
		"":                                  "",
		"#!":                                "",
	} {
		if got := strings.Join(interpreter([]byte(script)), " "); got != want {
			t.Errorf("%q is run by %q, want %q", script, got, want)
		}
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	const before, since = `parser.add_argument("-t", "--timestamp"`, `group.add_argument("-6", "--ipv6", action="store_true",`
	if got := commands([]byte(before), false); len(got) != 1 || got[0] != (tool{"-tv", false}) || splits(got) {
		t.Errorf("before 0.22: %+v", got)
	}
	if got := commands([]byte(since), true); len(got) != 1 || got[0] != (tool{"-t4v", false}) || !splits(got) {
		t.Errorf("without IPv6: %+v", got)
	}
	if got := commands([]byte(since), false); len(got) != 2 || got[0].options != "-t4v" || got[1] != (tool{"-t6v", true}) {
		t.Errorf("with IPv6: %+v", got)
	}
}

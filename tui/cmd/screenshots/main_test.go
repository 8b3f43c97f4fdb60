package main

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/snat"
)

// leak is a recording of a real node that a leak exhausts.
const leak = "../../../internal/runbook/testdata/leak.snattop"

// The same recording gives the same files, byte for byte.
func TestTwice(t *testing.T) {
	t.Parallel()
	first, second := t.TempDir(), t.TempDir()
	for _, folder := range []string{first, second} {
		if err := run([]string{leak, folder}); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range shots() {
		a, err := os.ReadFile(filepath.Join(first, s.name+".png"))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(second, s.name+".png"))
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs the second time: %v", s.name, err)
		}
		if p, err := png.Decode(bytes.NewReader(a)); err != nil || p.Bounds().Dx() != s.still.Width*16+48 {
			t.Errorf("%s: %v", s.name, err)
		}
	}
}

// A moment is what was told until then, and nothing of what came later.
func TestMoments(t *testing.T) {
	t.Parallel()
	late, err := seen(t.Context(), leak, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	early, err := seen(t.Context(), leak, late.Started.Add(20*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if early.Done || late.Done || !early.Time.Before(late.Time) || early.Nodes[0].Open >= late.Nodes[0].Open {
		t.Errorf("%s with %d open, then %s with %d", early.Time, early.Nodes[0].Open, late.Time, late.Nodes[0].Open)
	}
}

// The recording that the documentation is drawn from shows what it speaks of.
func TestStory(t *testing.T) {
	t.Parallel()
	const file = "../../../internal/demo/demo.snattop"
	_, at, err := exhaustion(t.Context(), file)
	if err != nil || at.IsZero() {
		t.Fatalf("%v, %v: nothing is ever out of ports", at, err)
	}
	then, err := seen(t.Context(), file, at)
	if err != nil {
		t.Fatal(err)
	}
	now, err := seen(t.Context(), file, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if n := then.Nodes[0]; n.Verdict != snat.Exhausted || n.Waiting == 0 {
		t.Errorf("at the worst %s is %s", n.Name, n.Verdict)
	}
	if n := now.Node(then.Nodes[0].Name); n == nil || n.Verdict != snat.Healthy {
		t.Errorf("at the end it is %+v", n)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {leak}, {"missing", t.TempDir()}, {leak, filepath.Join(t.TempDir(), "none")}} {
		if err := run(args); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", args, err)
		}
	}
}

package demo_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/snattop/snattop/internal/demo"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
)

// The notes speak of moments, and the recording has them: full when they say
// so, mended and freed afterwards.
func TestStory(t *testing.T) {
	t.Parallel()
	file := demo.Recording()
	if len(file) > 1<<20 {
		t.Errorf("the recording has %d bytes", len(file))
	}
	want := map[string]struct {
		verdict snat.Verdict
		holds   func(open, cooling int) bool
	}{
		"Which node? Watch": {snat.Pressured, func(open, _ int) bool { return open > 800 }},
		"out of ports":      {snat.Exhausted, func(open, _ int) bool { return open > 950 }},
		// What waits then has ports, and has not tried again yet.
		"More ports": {snat.NotSNAT, func(open, _ int) bool { return open > 950 }},
		"Mended":     {snat.Healthy, func(open, cooling int) bool { return open < 100 && cooling > 1000 }},
		"free again": {snat.Healthy, func(open, cooling int) bool { return open < 100 && cooling < 200 }},
	}
	for _, n := range demo.Notes() {
		for says, w := range want {
			if !strings.Contains(n.Text, says) {
				continue
			}
			delete(want, says)
			// In its middle, and until shortly before what turns it into the next.
			moments := []time.Duration{n.From + time.Minute}
			if from := max(n.From, demo.Start); n.Until > 0 {
				moments = []time.Duration{from + (n.Until-from)/2, n.Until - 3*time.Second}
			}
			for _, at := range moments {
				node := played(t, file, at).Node("node1")
				if node.Verdict != w.verdict || !w.holds(node.Open, node.Cooling) {
					t.Errorf("%q at %s: %s, %d open, %d cooling", n.Text, at, node.Verdict, node.Open, node.Cooling)
				}
			}
		}
	}
	for says := range want {
		t.Errorf("no note says %q", says)
	}
	for _, at := range demo.Stops() {
		if v := played(t, file, at).Node("node1").Verdict; v != snat.Exhausted {
			t.Errorf("it pauses at %s, when the node is %s", at, v)
		}
	}
}

func TestNotesFit(t *testing.T) {
	t.Parallel()
	for _, n := range demo.Notes() {
		if c := utf8.RuneCountInString(n.Text); c > 2*78-16 {
			t.Errorf("%d characters: %q", c, n.Text)
		}
		if n.Until != 0 && n.Until <= n.From {
			t.Errorf("it is never shown: %q", n.Text)
		}
	}
}

// Nothing of the machine that it was recorded on is in the file.
func TestNothingOfTheMachine(t *testing.T) {
	t.Parallel()
	said := map[string]bool{}
	walk(t, demo.Recording(), func(e session.Event) {
		if e.Hello != nil {
			said[e.Hello.Kernel+" "+strings.TrimRight(e.Hello.Hostname, "123")] = true
		}
		if e.Tick == nil {
			return
		}
		for _, r := range e.Tick.Rows {
			for _, p := range r.Processes {
				said[p.Command] = true
			}
		}
	})
	for _, ours := range []string{"6.8.0 node", "kubelet", "kube-proxy", "/srv/checkout", "/srv/search", "/srv/cart", "/srv/export", "/srv/ads"} {
		delete(said, ours)
	}
	for text := range said {
		t.Errorf("the recording says %q", text)
	}
}

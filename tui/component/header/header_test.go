package header_test

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/tui/component/header"
	"github.com/snattop/snattop/tui/page"
	"github.com/snattop/snattop/tui/theme"
	"github.com/snattop/snattop/tui/tuitest"
)

func view(s *session.Snapshot, now time.Time, frozen bool, width int) string {
	return ansi.Strip(header.View(page.Picture{Snap: s, Now: now}, frozen, theme.New(true, true), width))
}

func TestSides(t *testing.T) {
	t.Parallel()
	done, lossy, named, empty := tuitest.Sick(), tuitest.Sick(), tuitest.Sick(), &session.Snapshot{}
	done.Done = true
	lossy.Loss = session.Loss{EventsLost: 40, DestinationsDropped: 2}
	named.Cluster.Context = "ctx\x1b[31m\n" + tuitest.WideName
	for _, c := range []struct {
		snap   *session.Snapshot
		after  time.Duration
		frozen bool
		wants  []string
	}{
		{tuitest.Sick(), 0, false, []string{"snattop  prod-weu  azure-lb · 1,024 ports a node (table)", "6/10 nodes  loss 0  ● 12:04:31Z"}},
		{tuitest.Sick(), 10 * time.Second, false, []string{"◌ stale 10 s 12:04:31Z"}},
		{tuitest.Sick(), 0, true, []string{"FROZEN 12:04:31Z"}},
		{done, time.Hour, false, []string{"ENDED 12:04:31Z"}},
		{lossy, 0, false, []string{"loss 42"}},
		{named, 0, false, []string{"ctx 支払い"}},
		{empty, 0, false, []string{"no context", "provider unknown · budget unknown", "0/0 nodes", "○ —"}},
	} {
		got := view(c.snap, tuitest.Now().Add(c.after), c.frozen, 140)
		for _, w := range c.wants {
			if !strings.Contains(got, w) {
				t.Errorf("%q lacks %q", got, w)
			}
		}
	}
}

func TestTrustNeverGivesWay(t *testing.T) {
	t.Parallel()
	s := tuitest.Sick()
	s.Cluster.Context = tuitest.Long(253)
	for width := 60; width < 200; width++ {
		got := view(s, tuitest.Now(), false, width)
		if ansi.StringWidth(got) != width || !strings.HasSuffix(got, "6/10 nodes  loss 0  ● 12:04:31Z") {
			t.Fatalf("%d: %q", width, got)
		}
	}
}

func TestBudget(t *testing.T) {
	t.Parallel()
	const pattern = "%s · %s ports a node (%s)"
	s := tuitest.Snapshot(1, tuitest.Node("a", "", 256), tuitest.Node("b", "", 1024), tuitest.Node("c", "", 0))
	if got, want := header.Budget(s, pattern), "azure-lb · 256–1,024 ports a node (table)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s.Nodes[0].Budget.Source = snat.BudgetMeasured
	if got, want := header.Budget(s, pattern), "azure-lb · 256–1,024 ports a node (mixed)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

package app

import (
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/tuitest"
)

// crowd starts on a picture with a crowded node, and returns what is to be done
// beside the keys for it.
func crowd(t *testing.T, width, height int) (*Model, *tuitest.View, tea.Cmd) {
	t.Helper()
	v := tuitest.NewView(tuitest.Crowded())
	m := New(v, Options{Now: tuitest.NewClock().Now, NoColor: true})
	_, work := m.Update(tea.WindowSizeMsg{Width: width, Height: height})
	if work = alone(work); work == nil {
		t.Fatal("there is nothing to do beside the keys")
	}
	return m, v, work
}

// TestCrowdedNode shows what is not known yet as such, and then what was found,
// on every page that says it.
func TestCrowdedNode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ keys, before, after string }{
		{"", "", "Cause: leak (high)"},
		{"2", "  …  ", "  leak  "},
		{"2 enter", "", "Cause: leak (high)"},
		{"d", "looking for the causes …", "Ruled out"},
	} {
		m, _, work := crowd(t, 150, 50)
		press(m, strings.Fields(c.keys)...)
		wants(t, m, c.before)
		lacks(t, m, c.after)
		m.Update(work())
		wants(t, m, c.after)
		if c.before != "" {
			lacks(t, m, c.before)
		}
	}
}

// The cause that was found names whose processes help.
func TestFocusFollowsTheDiagnosis(t *testing.T) {
	t.Parallel()
	m, v, work := crowd(t, 119, 50)
	press(m, "d")
	if f := v.Focus(); len(f) != 0 {
		t.Fatalf("processes are asked for before anything was found: %q", f)
	}
	m.Update(work())
	if f := v.Focus(); len(f) != 1 || f[0] != tuitest.SickNode+" "+string(tuitest.SickKey) {
		t.Errorf("processes are asked for: %q", f)
	}
}

// TestUnseenPageCatchesUp enters a page that was not seen while pictures came:
// it is of the newest, and in its order at once.
func TestUnseenPageCatchesUp(t *testing.T) {
	t.Parallel()
	picture := func(first, second int) *session.Snapshot {
		pod := func(name string, ports int) *session.Owner {
			return tuitest.Owner("one", "shop", name, session.Workload{}, tuitest.Load{Addr: "20.1.1.1:443", Established: ports})
		}
		return tuitest.Snapshot(1, tuitest.Node("one", "10.0.0.1", 1024, pod("apple", first), pod("pear", second)))
	}
	clock := tuitest.NewClock()
	v := tuitest.NewView(picture(30, 20))
	m := New(v, Options{Now: clock.Now, NoColor: true})
	m.Update(tea.WindowSizeMsg{Width: 100, Height: 30})
	press(m, "2", "esc")
	v.Set(picture(30, 77))
	clock.Advance(time.Second)
	m.Update(changedMsg{})
	press(m, "2")
	wants(t, m, "~77")
	if s := screen(m); strings.Index(s, "shop/pear") > strings.Index(s, "shop/apple") {
		t.Errorf("the rows stand as they did before the page was left:\n%s", s)
	}
	v.Set(picture(88, 77))
	clock.Advance(time.Second)
	m.Update(changedMsg{})
	if s := screen(m); strings.Index(s, "shop/pear") > strings.Index(s, "shop/apple") || !strings.Contains(s, "~88") {
		t.Errorf("rows move under the eyes of who has just entered, or do not change:\n%s", s)
	}
}

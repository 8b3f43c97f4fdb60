package app

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/tui/tuitest"
)

// listener is a terminal that keeps what is said since it was asked last.
type listener struct{ strings.Builder }

func (l *listener) heard() string {
	defer l.Reset()
	return strings.ReplaceAll(l.String(), "\r\n", "\n")
}

// listen starts a UI that is said, past its first page.
func listen(s *session.Snapshot) (*Model, *tuitest.View, *tuitest.Clock, *listener) {
	ear, clock, v := &listener{}, tuitest.NewClock(), tuitest.NewView(s)
	m := New(v, Options{Now: clock.Now, Plain: ear})
	m.Init()
	return m, v, clock, ear
}

// TestPlain holds what is said of every page, and of what lies over pages,
// against its golden.
func TestPlain(t *testing.T) {
	t.Parallel()
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			ear := &listener{}
			m := s.set(t, look{options: Options{Plain: ear}}, 80, 24)
			if s.name != "goto" && s.name != "filter" {
				ear.Reset() // what it took to get there
				m.plain.page(m)
			}
			got := ear.heard()
			if bad := regexp.MustCompile(`[^\x{20}-\x{7e}\n\p{Han}\p{Hiragana}\p{Katakana}\p{M}ー]`).FindString(got); bad != "" {
				t.Errorf("%q is no word", bad)
			}
			golden(t, filepath.Join("plain", s.name), strings.TrimSuffix(got, "\n"))
		})
	}
}

// Nothing is said while nothing happens, whatever is told.
func TestPlainIsSilent(t *testing.T) {
	t.Parallel()
	m, v, clock, ear := listen(tuitest.Sick())
	if first := ear.heard(); !strings.Contains(first, "Step 1 of 5, node: prod-weu, nodes.") || !strings.Contains(first, "Selected, row 1 of 10: node "+tuitest.SickNode+", verdict exhausted") {
		t.Errorf("at first:\n%s", first)
	}
	for i := range 100 {
		s := tuitest.Sick()
		s.Version, s.Nodes[0].Open = uint64(i+2), i
		v.Set(s)
		clock.Advance(time.Second)
		m.Update(changedMsg{})
		m.Update(secondMsg{})
		m.Update(tea.WindowSizeMsg{Width: 10, Height: 3})
	}
	if said := ear.heard(); said != "" {
		t.Errorf("by itself it says %q", said)
	}
	press(m, "j")
	if said := ear.heard(); strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "Selected, row 2 of 10: node stale, aks-np1-vmss000007, verdict pressured") {
		t.Errorf("a row down: %q", said)
	}
}

// A verdict that changes is news; many at once are one piece of it, and none
// comes more often than one can listen.
func TestPlainTellsVerdicts(t *testing.T) {
	t.Parallel()
	m, v, clock, ear := listen(tuitest.Sick())
	ear.heard()
	turn := func(verdict snat.Verdict, nodes ...int) {
		s := tuitest.Sick()
		for _, i := range nodes {
			s.Nodes[i].Verdict = verdict
		}
		v.Set(s)
		m.Update(changedMsg{})
	}
	turn(snat.Exhausted, 1)
	if said := ear.heard(); said != "" {
		t.Errorf("at once it says %q", said)
	}
	clock.Advance(quiet)
	m.Update(secondMsg{})
	if said := ear.heard(); said != "At 12:04:31Z aks-np1-vmss000007 is exhausted, and was pressured.\n" {
		t.Errorf("of a verdict it says %q", said)
	}
	m.Update(secondMsg{})
	clock.Advance(2 * quiet)
	m.Update(secondMsg{})
	if said := ear.heard(); said != "" {
		t.Errorf("once more it says %q", said)
	}
	turn(snat.NotSNAT, 0, 1, 6, 7, 8, 9)
	if said := ear.heard(); !strings.HasPrefix(said, "At 12:04:31Z the verdict of 6 nodes has changed.") || strings.Count(said, "\n") != 1 {
		t.Errorf("of six verdicts it says %q", said)
	}
	clock.Advance(quiet)
	s := tuitest.Sick()
	s.Problem = "the API server does not answer"
	v.Set(s)
	m.Update(changedMsg{})
	if said := ear.heard(); !strings.HasPrefix(said, "the API server does not answer\n") {
		t.Errorf("of a problem it says %q", said)
	}
}

// The first nodes are waited for, and then the page is said whole.
func TestPlainWaitsForTheFirstNodes(t *testing.T) {
	t.Parallel()
	m, v, clock, ear := listen(&session.Snapshot{})
	if said := ear.heard(); !strings.HasSuffix(said, "\nWaiting for the first nodes.\n") {
		t.Errorf("at first it says %q", said)
	}
	v.Set(tuitest.Sick())
	clock.Advance(quiet)
	m.Update(changedMsg{})
	if said := ear.heard(); !strings.Contains(said, "Step 1 of 5") {
		t.Errorf("of the first nodes it says %q", said)
	}
}

// What is typed is echoed, since nobody else does.
func TestPlainEchoes(t *testing.T) {
	t.Parallel()
	m, _, _, ear := listen(tuitest.Sick())
	ear.heard()
	press(m, ":")
	typeText(m, "vm")
	press(m, "backspace")
	typeText(m, "mss000007")
	if said, want := ear.heard(), "\nGo to a node, its address, a pod, an address with a port, or a command: vm\nvmss000007"; said != want {
		t.Errorf("it says %q, want %q", said, want)
	}
	press(m, "enter")
	if said := ear.heard(); !strings.Contains(said, "aks-np1-vmss000007") {
		t.Errorf("there it says %q", said)
	}
	press(m, "/")
	m.Update(tea.PasteMsg{Content: "mail\x1b[31mer\nx"})
	press(m, "enter")
	if said := ear.heard(); !strings.Contains(said, "Filter the rows by: mail") || strings.Contains(said, "\x1b") || !strings.Contains(said, "Filtered by mail") {
		t.Errorf("of a paste it says %q", said)
	}
}

// The page comes again when it is asked for, and in ASCII where that is wished.
func TestPlainAgain(t *testing.T) {
	t.Parallel()
	ear := &listener{}
	m := New(tuitest.NewView(tuitest.Sick()), Options{Now: tuitest.NewClock().Now, Plain: ear, ASCII: true})
	m.Init()
	ear.heard()
	press(m, "enter")
	once := ear.heard()
	m.Update(tea.KeyPressMsg{Code: 'l', Mod: tea.ModCtrl})
	if again := ear.heard(); again != once || !strings.Contains(once, "shop/??????-") {
		t.Errorf("again it says\n%s\nand not\n%s", again, once)
	}
	if m.View().AltScreen || m.View().Content != "" || m.View().MouseMode != tea.MouseModeNone {
		t.Error("something is drawn")
	}
	press(m, "?")
	if said := ear.heard(); !strings.Contains(said, "ctrl+l: say the page again") || strings.Contains(said, "Marks") {
		t.Errorf("the help says %q", said)
	}
}

// The clipboard is asked for where the words go.
func TestPlainCopies(t *testing.T) {
	t.Parallel()
	m, _, _, ear := listen(tuitest.Sick())
	press(m, "d")
	ear.heard()
	if cmd := press(m, "y"); cmd != nil {
		t.Error("the drawn screen is asked")
	}
	if said := ear.heard(); !strings.HasPrefix(said, "\x1b]52;c;") || !strings.Contains(said, "Copied (where the terminal lets programs do so): ") {
		t.Errorf("it says %q", said)
	}
}

// Every column of every table has a label in words.
func TestPlainLabels(t *testing.T) {
	t.Parallel()
	for _, s := range scenes() {
		m := s.set(t, look{options: Options{Plain: &listener{}}}, 80, 24)
		said, ok := m.said()
		if !ok && m.overlay == overlayNone {
			t.Errorf("%s is read out as it is drawn", s.name)
		}
		for _, r := range said.Rows {
			if bad := regexp.MustCompile(`\b[a-z0-9-]+/s\b|\bp50\b`).FindString(r); bad != "" {
				t.Errorf("%s: %q is no word: %s", s.name, bad, fmt.Sprint(r))
			}
		}
	}
}

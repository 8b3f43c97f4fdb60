package app

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/tuitest"
)

var update = flag.Bool("update", false, "write the goldens anew")

// start returns a model of a snapshot at a size, on a clock that stands still.
func start(s *session.Snapshot, width, height int) (*Model, *tuitest.View) {
	v := tuitest.NewView(s)
	m := New(v, Options{Now: tuitest.NewClock().Now, NoColor: true})
	m.Update(tea.WindowSizeMsg{Width: width, Height: height})
	return m, v
}

// press sends keys, each as bubbletea spells it, and returns the command of
// the last one.
func press(m *Model, keys ...string) (cmd tea.Cmd) {
	for _, k := range keys {
		_, cmd = m.Update(keyMsg(k))
	}
	return alone(cmd)
}

// alone is the command of a key without the one that wakes the model when
// something has taken long.
func alone(cmd tea.Cmd) tea.Cmd {
	if cmd == nil {
		return nil
	}
	return func() tea.Msg {
		msg := cmd()
		if batch, ok := msg.(tea.BatchMsg); ok {
			return batch[0]()
		}
		return msg
	}
}

func keyMsg(k string) tea.KeyPressMsg {
	named := map[string]rune{
		"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "up": tea.KeyUp, "down": tea.KeyDown, "space": tea.KeySpace,
		"pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "home": tea.KeyHome, "end": tea.KeyEnd, "backspace": tea.KeyBackspace,
		"left": tea.KeyLeft, "right": tea.KeyRight, "f2": tea.KeyF2, "f3": tea.KeyF3, "f4": tea.KeyF4,
	}
	if code, ok := named[k]; ok {
		msg := tea.KeyPressMsg{Code: code}
		if k == "space" {
			msg.Text = " "
		}
		return msg
	}
	if letter, ok := strings.CutPrefix(k, "ctrl+"); ok {
		return tea.KeyPressMsg{Code: rune(letter[0]), Mod: tea.ModCtrl}
	}
	if letter, ok := strings.CutPrefix(k, "shift+"); ok && len(letter) > 1 {
		msg := keyMsg(letter)
		msg.Mod |= tea.ModShift
		return msg
	}
	return tea.KeyPressMsg{Code: []rune(k)[0], Text: k}
}

// typeText sends a text one key at a time.
func typeText(m *Model, text string) {
	for _, r := range text {
		press(m, string(r))
	}
}

// screen is what is seen, without styling.
func screen(m *Model) string { return ansi.Strip(m.View().Content) }

func TestGoldens(t *testing.T) {
	t.Parallel()
	scenes := []struct {
		name string
		snap func() *session.Snapshot
		keys []string
	}{
		{"nodes", tuitest.Sick, nil},
		{"nodes-unseen", tuitest.Sick, []string{"j", "j"}},
		{"pods", tuitest.Sick, []string{"enter"}},
		{"dests", tuitest.Sick, []string{"enter", "enter"}},
		{"know", tuitest.Sick, []string{"enter", "enter", "x"}},
		{"nodes-gap", tuitest.Sick, []string{"j"}},
		{"know-gap", tuitest.Sick, []string{"j", "x"}},
		{"pods-gap", tuitest.Sick, []string{"j", "enter"}},
		{"pods-seen", seen, []string{"enter"}},
		{"dests-seen", seen, []string{"enter", "enter"}},
		{"know-seen", seen, []string{"enter", "enter", "x"}},
		{"know-seen-node", seen, []string{"x"}},
		{"measured", tuitest.Measured, nil},
		{"cause", tuitest.Measured, []string{"d"}},
		{"cause-end", tuitest.Sick, []string{"d", "G"}},
		{"cause-pod", tuitest.Sick, []string{"2", "j", "d"}},
		{"cause-healthy", seen, []string{"4"}},
		{"cause-know", tuitest.Measured, []string{"d", "x"}},
		{"cause-unseen", tuitest.Sick, []string{"j", "j", "d"}},
		{"help", tuitest.Sick, []string{"?"}},
		{"palette", tuitest.Sick, []string{"2", "ctrl+p", "o", "down"}},
		{"turned-workloads", tuitest.Sick, []string{"t", "t"}},
		{"turned-dests", tuitest.Sick, []string{"t", "t", "t", "t"}},
		{"turned-dest-pods", tuitest.Sick, []string{"t", "t", "t", "t", "enter"}},
		{"turned-namespaces", tuitest.Sick, []string{"2", "t", "t"}},
		{"turned-processes", tuitest.Sick, []string{"t", "t", "t", "t", "t"}},
		{"turned-containers", seen, []string{"3", "T"}},
		{"turned-know", tuitest.Sick, []string{"t", "t", "t", "x"}},
		{"filter", tuitest.Sick, []string{"/", "n", "p", "2"}},
		{"frozen-ended", ended, []string{"space"}},
		{"empty", func() *session.Snapshot {
			return &session.Snapshot{Problem: "no cluster answers at https://10.0.0.1: try snattop local"}
		}, nil},
	}
	for _, s := range scenes {
		for _, size := range [][2]int{{80, 24}, {120, 40}, {200, 60}} {
			name := fmt.Sprintf("%s-%dx%d", s.name, size[0], size[1])
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				m, _ := start(s.snap(), size[0], size[1])
				press(m, s.keys...)
				fits(t, m)
				golden(t, name, screen(m))
			})
		}
	}
}

// seen is a node whose collector counts every event.
func seen() *session.Snapshot {
	s := tuitest.Sick()
	s.Nodes = []*session.Node{s.Node(tuitest.SeenNode)}
	return s
}

func ended() *session.Snapshot {
	s := tuitest.Sick()
	s.Done, s.Cluster.Source, s.Cluster.Context = true, "recording", "weu-outage.snat"
	s.Loss.EventsLost = 1234
	return s
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got+"\n" == string(want) {
		return
	}
	a, b := strings.Split(got+"\n", "\n"), strings.Split(string(want), "\n")
	at := 0
	for at < min(len(a), len(b))-1 && a[at] == b[at] {
		at++
	}
	t.Errorf("%s differs from line %d on (go test ./tui/app -update writes it anew):\nis  %s\nwas %s", path, at+1, a[at], b[at])
}

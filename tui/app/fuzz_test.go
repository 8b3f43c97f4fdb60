package app

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/tuitest"
)

// pictures are what a fuzzed model may come to see. They are built once: a
// picture is never written again.
var pictures = sync.OnceValue(func() []*session.Snapshot {
	small := tuitest.Sick()
	small.Nodes = small.Nodes[:1]
	gone := tuitest.Sick()
	gone.Nodes[0].Owners = nil
	return []*session.Snapshot{
		tuitest.Sick(), {}, small, gone, ended(), tuitest.Many(200), tuitest.Big(150), {Problem: "broken\x1b[31m\n", Done: true},
		seen(), {Nodes: []*session.Node{{Name: "odd", State: session.StateStreaming, Collector: "\x1b[2J", Handovers: []session.Handover{{From: tuitest.Hostile, To: "ebpf"}}, Counts: session.Counts{Lives: &session.Lives{23: 1}}}}, Cluster: session.Cluster{Source: "local"}},
		{Nodes: []*session.Node{{Name: tuitest.Hostile, State: "\x1b[2J"}, {}}},
		tuitest.Measured(),
	}
})

// Every key of the contract, and some that mean nothing.
var fuzzKeys = []string{
	"enter", "esc", "up", "down", "j", "k", "pgup", "pgdown", "g", "G", "tab", "1", "2", "3", "4", "5", "/", "<", ">", "r", "p", "a",
	"space", "x", "y", ":", "?", "S", "b", "d", "backspace", "home", "end", "é", "支", "0", ".",
}

// drive feeds a model with what the bytes spell: keys, sizes, pictures, mouse.
func drive(t testing.TB, data []byte) {
	clock := tuitest.NewClock()
	all := pictures()
	v := tuitest.NewView(all[0])
	m := New(v, Options{Now: clock.Now, NoColor: len(data)%2 == 0, SaveTicket: func(Ticket) (string, error) { return "", errors.New("no\x1b[2J disk") }})
	fits(t, m)
	for i := 0; i+1 < len(data) && i < 400; i += 2 {
		op, arg := data[i], int(data[i+1])
		switch op % 8 {
		case 0:
			m.Update(tea.WindowSizeMsg{Width: arg, Height: int(op) / 4})
		case 1:
			v.Set(all[arg%len(all)])
			m.Update(changedMsg{})
		case 2:
			m.Update(tea.MouseClickMsg{X: arg - 20, Y: int(op)/4 - 5, Button: tea.MouseLeft})
		case 3:
			m.Update(tea.MouseWheelMsg{X: arg, Y: int(op) / 4, Button: []tea.MouseButton{tea.MouseWheelUp, tea.MouseWheelDown}[arg%2]})
		case 4:
			m.Update(tea.PasteMsg{Content: fmt.Sprintf("\x1b[2J%d\u202e日\n%d", arg, op)})
		case 5:
			clock.Advance(time.Duration(arg) * 100 * time.Millisecond)
			m.Update(secondMsg{})
		default:
			if cmd := press(m, fuzzKeys[arg%len(fuzzKeys)]); cmd != nil {
				m.Update(cmd())
			}
		}
		fits(t, m)
	}
	m.close()
}

func FuzzModel(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{160, 80, 6, 0, 6, 0, 6, 22, 6, 1})
	f.Add([]byte{160, 80, 6, 13, 9, 1, 6, 5, 8, 10, 24, 20, 160, 200})
	f.Add([]byte("0P6#some bytes that spell keys, sizes and pictures"))
	f.Fuzz(func(t *testing.T, data []byte) { drive(t, data) })
}

func TestEveryScreenFitsEverySize(t *testing.T) {
	t.Parallel()
	scenes := [][]string{nil, {"j", "j", "x"}, {"?"}, {"2"}, {"3"}, {"3", "x"}, {"3", "tab"}, {"j", "x"}, {"G", "k", "k", "enter"}, {"G", "k", "k", "enter", "enter"}, {"/", "w", "i"}, {":", "1", "0"}, {"space", "y"}, {"d"}, {"d", "G"}, {"2", "j", "d", "x"}, {"3", "d", "j", "y"}, {"j", "j", "d"}, {"b", "5"}, {"5", "x"}}
	for _, keys := range scenes {
		m, _ := start(tuitest.Sick(), 200, 60)
		press(m, keys...)
		for _, w := range []int{1, 3, 10, 20, 59, 60, 61, 79, 80, 99, 100, 129, 130, 131, 160, 200, 400} {
			for _, h := range []int{1, 3, 5, 14, 15, 16, 17, 18, 24, 60} {
				m.Update(tea.WindowSizeMsg{Width: w, Height: h})
				fits(t, m)
			}
		}
		m.Update(tea.WindowSizeMsg{Width: 10, Height: 3})
		wants(t, m, "terminal")
		m.Update(tea.WindowSizeMsg{Width: 20, Height: 5})
		wants(t, m, "20×5, needs 60×15")
	}
}

func BenchmarkMoveAmong10000Pods(b *testing.B) {
	m, _ := start(tuitest.Big(10_000), 200, 60)
	press(m, "enter")
	for i := 0; b.Loop(); i++ {
		press(m, []string{"j", "k"}[i%2])
		_ = m.View()
	}
}

func BenchmarkPictureOf10000Pods(b *testing.B) {
	s, other := tuitest.Big(10_000), tuitest.Big(10_000)
	m, v := start(s, 200, 60)
	press(m, "enter")
	for i := 0; b.Loop(); i++ {
		v.Set([]*session.Snapshot{s, other}[i%2])
		m.Update(changedMsg{})
		_ = m.View()
	}
}

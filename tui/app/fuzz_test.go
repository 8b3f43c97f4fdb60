package app

import (
	"errors"
	"fmt"
	"image/color"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/keys"
	"github.com/snattop/snattop/tui/page"
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

// fuzzKeys are every key that is bound, and some that mean nothing.
var fuzzKeys = sync.OnceValue(func() []string {
	out := []string{"backspace", "é", "支", "0", "w", "i", "ctrl+z"}
	areas := reflect.ValueOf(*keys.Default())
	for a := range areas.NumField() {
		for b := range areas.Field(a).NumField() {
			out = append(out, areas.Field(a).Field(b).Interface().(key.Binding).Keys()...)
		}
	}
	return slices.DeleteFunc(out, func(k string) bool { return k == "none" })
})

// told are the words of others that a fuzzed model is given.
var told = []string{"", "ok", "no\x1b[2J disk\n\u202e", strings.Repeat("支払い e\u0301 ", 400), tuitest.Hostile}

// drive feeds a model with what the bytes spell: messages of every kind that may
// come from a terminal, a view, or something that runs in the background.
func drive(t testing.TB, data []byte) {
	clock := tuitest.NewClock()
	all := pictures()
	v := tuitest.NewView(all[0])
	opts := Options{
		Now: clock.Now, NoColor: len(data)%2 == 0, ASCII: len(data)%3 == 0, Hint: told[len(data)%len(told)],
		SaveTicket: func(Ticket) (string, error) { return "", errors.New(told[2]) },
		Suspend:    func() bool { return len(data)%5 == 0 },
		Columns:    Columns{Problem: told[len(data)/2%len(told)], Keep: func(page.Choices) (string, error) { return told[3], nil }},
	}
	if len(data)%4 == 1 {
		opts.Deck = &deck{at: session.Playback{Begin: clock.Now(), End: clock.Now().Add(time.Hour), Speed: 1}}
		opts.Captions = []Caption{{Text: told[3]}}
	}
	m := New(v, opts)
	fits(t, m)
	for i := 0; i+1 < len(data) && i < 400; i += 2 {
		op, arg := data[i], int(data[i+1])
		if op%8 < 6 {
			m.Update(spell(op, arg, v, clock))
		} else if cmd := press(m, fuzzKeys()[arg%len(fuzzKeys())]); cmd != nil {
			m.Update(cmd())
		}
		fits(t, m)
	}
	m.close()
}

// spell is the message, other than a key, that two bytes stand for.
func spell(op byte, arg int, v *tuitest.View, clock *tuitest.Clock) tea.Msg {
	word := told[arg%len(told)]
	switch op % 8 {
	case 0:
		return tea.WindowSizeMsg{Width: arg * (1 + int(op)/128), Height: int(op) / 4}
	case 1:
		all := pictures()
		v.Set(all[arg%len(all)])
		return changedMsg{ended: arg > 250}
	case 2:
		return tea.MouseClickMsg{X: arg - 20, Y: int(op)/4 - 5, Button: []tea.MouseButton{tea.MouseLeft, tea.MouseLeft, tea.MouseRight}[arg%3]}
	case 3:
		return tea.MouseWheelMsg{X: arg, Y: int(op) / 4, Button: []tea.MouseButton{tea.MouseWheelUp, tea.MouseWheelDown, tea.MouseWheelLeft}[arg%3]}
	case 4:
		return tea.PasteMsg{Content: fmt.Sprintf("\x1b[2J%d\u202e日\n%d%s", arg, op, word)}
	default:
		clock.Advance(time.Duration(arg) * 100 * time.Millisecond)
		return []tea.Msg{
			secondMsg{}, restedMsg{}, pulseMsg{},
			tea.BackgroundColorMsg{Color: color.Gray{Y: uint8(arg)}}, tea.BackgroundColorMsg{},
			tea.ColorProfileMsg{Profile: colorprofile.Profile(arg % 6)}, tea.EnvMsg{"TERM_PROGRAM=" + word},
			ticketMsg{number: arg % 3, saved: word}, ticketMsg{number: arg % 3, err: errors.New(word)},
			recordedMsg{path: word, on: arg%2 == 0}, recordedMsg{path: word, err: errors.New(word)},
			bookMsg{}, columnsKept{told: word}, columnsKept{err: errors.New(word)}, captureLine{word}, captureDone{told: word}, captureDone{told: word, err: errors.New(word)},
			pageMsg{text: word}, suspendedMsg{stopped: arg%2 == 0}, suspendedMsg{err: errors.New(word)},
			tea.FocusMsg{}, tea.BlurMsg{}, tea.MouseMotionMsg{X: arg}, tea.MouseReleaseMsg{X: arg}, tea.KeyReleaseMsg{Code: rune(arg)}, nil,
		}[int(op)/8%26]
	}
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
	scenes := [][]string{nil, {"j", "j", "x"}, {"?"}, {"2"}, {"3"}, {"3", "x"}, {"3", "tab"}, {"C"}, {"3", "tab", "C", "G"}, {"j", "x"}, {"G", "k", "k", "enter"}, {"G", "k", "k", "enter", "enter"}, {"/", "w", "i"}, {":", "1", "0"}, {"space", "y"}, {"d"}, {"d", "G"}, {"2", "j", "d", "x"}, {"3", "d", "j", "y"}, {"j", "j", "d"}, {"b", "5"}, {"5", "x"}}
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

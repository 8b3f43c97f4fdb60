package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/tuitest"
)

// deck notes what it is asked for.
type deck struct {
	at    session.Playback
	asked []string
}

func (d *deck) Playback() session.Playback { return d.at }
func (d *deck) Pause(on bool)              { d.asked = append(d.asked, fmt.Sprint("pause ", on)) }
func (d *deck) SetSpeed(x float64)         { d.asked = append(d.asked, fmt.Sprint("speed ", x)) }
func (d *deck) SeekTo(at time.Time) {
	d.asked = append(d.asked, "seek "+at.Sub(d.at.Begin).String())
}
func (d *deck) Step() { d.asked = append(d.asked, "step") }

// watch is a model that watches a recording of ten minutes at its third.
func watch(width, height int, captions ...Caption) (*Model, *deck) {
	d := &deck{at: session.Playback{Begin: tuitest.Now(), End: tuitest.Now().Add(10 * time.Minute), At: tuitest.Now().Add(2 * time.Minute), Speed: 4}}
	m := New(tuitest.NewView(tuitest.Sick()), Options{Now: tuitest.NewClock().Now, NoColor: true, Deck: d, Captions: captions})
	m.Update(tea.WindowSizeMsg{Width: width, Height: height})
	return m, d
}

func arrow(code rune, mod tea.KeyMod) tea.KeyPressMsg { return tea.KeyPressMsg{Code: code, Mod: mod} }

func TestReplayKeys(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		msg  tea.KeyPressMsg
		at   func(*session.Playback)
		want string
	}{
		"space":                {msg: keyMsg("space"), want: "[pause true]"},
		"space while paused":   {msg: keyMsg("space"), at: func(p *session.Playback) { p.Paused = true }, want: "[pause false]"},
		"space at the end":     {msg: keyMsg("space"), at: func(p *session.Playback) { p.Ended, p.Paused = true, true }, want: "[seek 0s pause false]"},
		"left":                 {msg: arrow(tea.KeyLeft, 0), want: "[seek 1m50s]"},
		"right":                {msg: arrow(tea.KeyRight, 0), want: "[seek 2m10s]"},
		"shift left":           {msg: arrow(tea.KeyLeft, tea.ModShift), want: "[seek 1m0s]"},
		"ctrl right":           {msg: arrow(tea.KeyRight, tea.ModCtrl), want: "[seek 3m0s]"},
		"home":                 {msg: keyMsg("home"), want: "[seek 0s]"},
		"end":                  {msg: keyMsg("end"), want: "[seek 10m0s]"},
		"faster":               {msg: keyMsg("+"), want: "[speed 8]"},
		"faster than it goes":  {msg: keyMsg("]"), at: func(p *session.Playback) { p.Speed = 60 }, want: "[speed 60]"},
		"slower":               {msg: keyMsg("-"), want: "[speed 2]"},
		"slower than it goes":  {msg: keyMsg("["), at: func(p *session.Playback) { p.Speed = 0.25 }, want: "[speed 0.25]"},
		"from a speed between": {msg: keyMsg("["), at: func(p *session.Playback) { p.Speed = 3 }, want: "[speed 2]"},
		"step":                 {msg: keyMsg("."), want: "[step]"},
		"a key of the pages":   {msg: keyMsg("down"), want: "[]"},
		"a runbook step":       {msg: keyMsg("2"), want: "[]"},
	} {
		m, d := watch(80, 24)
		if c.at != nil {
			c.at(&d.at)
		}
		m.Update(c.msg)
		if got := fmt.Sprint(d.asked); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	// What is typed is text, and without a replay the keys are the pages' own.
	m, d := watch(80, 24)
	press(m, "/", ".", "-", "space")
	if len(d.asked) > 0 || m.current().Filter() != ".- " {
		t.Errorf("%q was asked while %q was typed", d.asked, m.current().Filter())
	}
	live, _ := start(tuitest.Sick(), 80, 24)
	press(live, "space")
	if !live.frozen {
		t.Error("space does not freeze a live picture")
	}
}

func TestTape(t *testing.T) {
	t.Parallel()
	m, d := watch(80, 24)
	wants(t, m, "playing 2:00 of 10:00  4×", "space pause")
	d.at.Paused = true
	wants(t, m, "paused  2:00 of 10:00")
	d.at.Seeking = true
	wants(t, m, "seeking 2:00")
	d.at.Seeking, d.at.Ended, d.at.At, d.at.Speed = false, true, d.at.End, 0.25
	wants(t, m, "the end 10:00 of 10:00  0.25×")
	d.at.End = d.at.Begin.Add(3*time.Hour + 4*time.Second)
	wants(t, m, "of 3:00:04")
	press(m, "?")
	wants(t, m, "shift →", "10 s back")
	press(m, "G")
	wants(t, m, "one tick")
	if strings.Contains(m.render(), "freeze") {
		t.Error("space is told to do two things")
	}
	press(m, "esc", "C")
	wants(t, m, "Columns of")
	lacks(t, m, "space pause")
	press(m, "space")
	if len(d.asked) > 0 {
		t.Errorf("%q was asked while a column was changed", d.asked)
	}
	press(m, "C")
	wants(t, m, "space pause")
	for _, size := range [][2]int{{60, 15}, {80, 24}, {120, 40}, {200, 60}} {
		m, _ := watch(size[0], size[1], Caption{Text: strings.Repeat("a long word and another ", 20)})
		lines := strings.Split(m.render(), "\n")
		if len(lines) > size[1] {
			t.Errorf("%v: %d lines", size, len(lines))
		}
		for _, l := range lines {
			if ansi.StringWidth(l) > size[0] {
				t.Errorf("%v: a line of %d cells: %q", size, ansi.StringWidth(l), l)
			}
		}
	}
}

func TestCaptions(t *testing.T) {
	t.Parallel()
	m, d := watch(80, 24,
		Caption{From: time.Minute, Until: 3 * time.Minute, Page: "pods", Text: "which of the pods"},
		Caption{Until: 3 * time.Minute, Text: "somewhere else"}, Caption{From: 3 * time.Minute, Text: "later"},
	)
	wants(t, m, "somewhere else")
	press(m, "enter")
	wants(t, m, "which of the pods")
	d.at.At = d.at.Begin.Add(5 * time.Minute)
	wants(t, m, "later")
	_, tall := m.bodyAt()
	press(m, "n")
	if _, height := m.bodyAt(); height != tall+captionLines || strings.Contains(m.render(), "later") {
		t.Errorf("%d lines of %d, and it says\n%s", height, tall, m.render())
	}
	press(m, "n")
	wants(t, m, "later")
}

// recorder is a Recorder that does as it is told.
type recorder struct {
	on        bool
	err, died error
}

func (r *recorder) Start() (string, error) { r.on = r.err == nil; return "x.snattop", r.err }
func (r *recorder) Stop() (string, error)  { r.on = false; return "x.snattop", r.err }
func (r *recorder) State() (bool, error)   { return r.on && r.died == nil, r.died }

func TestRecordKey(t *testing.T) {
	t.Parallel()
	rec := &recorder{}
	m := New(tuitest.NewView(tuitest.Sick()), Options{Now: tuitest.NewClock().Now, NoColor: true, Record: rec})
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	do := func() { m.Update(press(m, "R")()) }
	do()
	wants(t, m, "● REC", "Recording to x.snattop")
	press(m, "down")
	wants(t, m, "● REC")
	do()
	wants(t, m, "Recorded to x.snattop; snattop replay shows it")
	if strings.Contains(m.render(), "REC") {
		t.Error("the sign stays")
	}
	// The disk fills up while it records: said once, and the UI goes on.
	do()
	rec.died = fmt.Errorf("no space left on device")
	m.Update(secondMsg{})
	wants(t, m, "has stopped, and snattop goes on: no space left on device")
	press(m, "down")
	m.Update(secondMsg{})
	if s := m.render(); strings.Contains(s, "REC") || strings.Contains(s, "has stopped") {
		t.Errorf("it is said again:\n%s", s)
	}
	rec.died, rec.err = nil, fmt.Errorf("permission denied")
	do()
	wants(t, m, "permission denied")
	if strings.Contains(m.render(), "REC") {
		t.Error("it pretends to record")
	}
	replay, _ := watch(80, 24)
	press(replay, "R")
	wants(t, replay, "This is a recording already.")
	bare, _ := start(tuitest.Sick(), 80, 24)
	press(bare, "R")
	wants(t, bare, "Recording is not available here.")
}

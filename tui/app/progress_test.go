package app

import (
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	runbooks "github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/progress"
	"github.com/snattop/snattop/tui/tuitest"
)

// coming is a cluster of which two nodes are on their way.
func coming(more ...*session.Node) *session.Snapshot {
	return tuitest.Snapshot(1, append([]*session.Node{
		tuitest.Unseen("n1", "10.0.0.1", "linux", session.StateConnecting, "", "waiting for the node pod to start"),
		tuitest.Unseen("n2", "10.0.0.2", "linux", session.StateConnecting, "", "uploading the probe"),
	}, more...)...)
}

func TestStartingUpIsFollowed(t *testing.T) {
	t.Parallel()
	v, clock := tuitest.NewView(coming()), tuitest.NewClock()
	m := New(v, Options{Now: clock.Now, NoColor: true})
	m.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
	m.Update(tea.EnvMsg{"WT_SESSION=1"})
	clock.Advance(299 * time.Millisecond)
	m.Update(pulseMsg{})
	lacks(t, m, "◷")
	if bar := m.View().ProgressBar; bar != nil {
		t.Errorf("the terminal shows a bar after 299 ms: %+v", bar)
	}
	clock.Advance(3701 * time.Millisecond)
	m.Update(secondMsg{})
	wants(t, m, "◷ reaching nodes 0 of 2 [        ]", "connecting: uploading the probe · 4 s", "Reaching 2 nodes, for 4 s; longest waits n1: waiting for the node pod to start.")
	if bar := m.View().ProgressBar; bar == nil || bar.State != tea.ProgressBarDefault || bar.Value != 0 {
		t.Errorf("the terminal's bar is %+v, want an empty one", bar)
	}

	s := coming(tuitest.Node("n3", "10.0.0.3", 1024))
	s.Nodes[0] = tuitest.Node("n1", "10.0.0.1", 1024)
	s.Nodes[2].State = session.StateConnecting
	v.Set(s)
	m.Update(changedMsg{})
	clock.Advance(2 * time.Second)
	m.Update(secondMsg{})
	wants(t, m, "◷ reaching nodes 1 of 3", "~12 s left", "connecting · 2 s, ~2 s left")
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	wants(t, m, "◷ 33% ~12 s left")
	if bar := m.View().ProgressBar; bar == nil || bar.Value != 33 {
		t.Errorf("the terminal's bar is %+v, want a third", bar)
	}
	v.Set(tuitest.Snapshot(2, tuitest.Node("n1", "10.0.0.1", 1024)))
	m.Update(changedMsg{})
	lacks(t, m, "◷")
	if bar := m.View().ProgressBar; bar != nil {
		t.Errorf("the terminal still shows %+v", bar)
	}
}

func TestOtherTerminalsGetNoBar(t *testing.T) {
	t.Parallel()
	for env, want := range map[string]bool{
		"TERM=xterm-256color": false, "TERM_PROGRAM=Apple_Terminal": false, "TERM_PROGRAM=ghostty": true, "TERM=xterm-ghostty": true, "ConEmuANSI=ON": true,
	} {
		if got := ownsBar(tea.EnvMsg{env}); got != want {
			t.Errorf("%s: %v, want %v", env, got, want)
		}
	}
}

func TestATicketThatTakesLongIsShown(t *testing.T) {
	t.Parallel()
	clock := tuitest.NewClock()
	m := New(tuitest.NewView(tuitest.Snapshot(1, tuitest.Node("n1", "10.0.0.1", 1024))), Options{
		Now: clock.Now, NoColor: true, SaveTicket: func(Ticket) (string, error) { return "there", nil },
	})
	m.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
	m.Update(tea.EnvMsg{"TERM_PROGRAM=WezTerm"})
	cmd := press(m, "S")
	clock.Advance(time.Second)
	m.Update(pulseMsg{})
	wants(t, m, "◷ writing the ticket 1 s")
	if bar := m.View().ProgressBar; bar == nil || bar.State != tea.ProgressBarIndeterminate {
		t.Errorf("the terminal's bar is %+v, want one without an end", bar)
	}
	m.Update(cmd())
	lacks(t, m, "writing the ticket")
}

// seeker is a deck that looks a moment up for as long as a test wants.
type seeker struct {
	session.Deck
	seeking bool
}

func (s *seeker) Playback() session.Playback {
	return session.Playback{Begin: tuitest.Now(), End: tuitest.Now().Add(time.Hour), At: tuitest.Now(), Speed: 1, Seeking: s.seeking}
}

func (s *seeker) SeekTo(time.Time) { s.seeking = true }

func TestSeekingThatTakesLongIsShown(t *testing.T) {
	t.Parallel()
	clock, deck := tuitest.NewClock(), &seeker{}
	s := coming() // in a recording nobody waits for nodes
	s.Cluster.Source = "recording"
	m := New(tuitest.NewView(s), Options{Now: clock.Now, NoColor: true, Deck: deck})
	m.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
	m.Update(tea.KeyPressMsg{Code: tea.KeyRight})
	clock.Advance(200 * time.Millisecond)
	m.Update(secondMsg{})
	lacks(t, m, "◷ ")
	clock.Advance(200 * time.Millisecond)
	m.Update(pulseMsg{})
	wants(t, m, "◷ seeking")
	deck.seeking = false
	m.Update(changedMsg{})
	lacks(t, m, "◷ ")
}

func TestRunbooksAndCapturesAreJobs(t *testing.T) {
	t.Parallel()
	m := withBooks(&fakeBooks{}, 120, 40)
	m.Update(fn(tea.KeyF2))
	m.books.Take(runbooks.Update{Check: &runbooks.Check{ID: "tunnel.agents"}, Done: true})
	m.books.Take(runbooks.Update{Node: "node1", Note: "uploading the probe"})
	want := progress.Job{Name: "runbook tunnel", Done: 1, Total: 2, Note: "node1: uploading the probe"}
	if got := m.jobs(); len(got) != 2 || got[0] != want || got[1].Name != "reaching nodes" {
		t.Errorf("%+v, want first %+v", got, want)
	}
	m.books.End(nil)
	m.capturing = &capturing{line: "7 packets"}
	if got := m.jobs()[0]; got != (progress.Job{Name: "capture", Note: "7 packets"}) {
		t.Errorf("a capture is %+v", got)
	}
	m.capturing = nil
}

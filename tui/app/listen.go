package app

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/page"
)

type (
	// changedMsg brings a new picture; ended says that it is the last. Without
	// one there is one to be taken.
	changedMsg struct {
		ended bool
		snap  *session.Snapshot
	}
	// restedMsg says that it is time to listen again.
	restedMsg struct{}
	// secondMsg comes every second, for what ages by itself.
	secondMsg struct{}
)

// pace is the least time between two pictures: ten a second are plenty for
// the eye, and what comes in between is coalesced by the view.
const pace = 100 * time.Millisecond

// listen waits for one change, and has the picture made: keys are not to wait
// for that.
func (m *Model) listen() tea.Cmd {
	if m.ended {
		return nil
	}
	view, changed, closed := m.view, m.view.Changed(), m.closed
	return func() tea.Msg {
		select {
		case _, more := <-changed:
			return changedMsg{ended: !more, snap: view.Snapshot()}
		case <-closed:
			return nil
		}
	}
}

// rest waits before listening again.
func (m *Model) rest() tea.Cmd {
	if m.ended {
		return nil
	}
	return tea.Tick(pace, func(time.Time) tea.Msg { return restedMsg{} })
}

func second() tea.Cmd {
	return tea.Tick(time.Second, func(time.Time) tea.Msg { return secondMsg{} })
}

// look takes the newest picture, unless the present one is frozen.
func (m *Model) look() {
	if !m.frozen {
		m.lookAt(m.view.Snapshot())
	}
}

// lookAt does so with a picture that is there, unless a newer one is.
func (m *Model) lookAt(snap *session.Snapshot) {
	if m.frozen {
		return
	}
	before := m.pic.Snap
	if snap != nil && before != nil && snap.Version < before.Version {
		return
	}
	m.pic.Snap = snap
	if m.pic.Snap == nil {
		m.pic.Snap = &session.Snapshot{}
	}
	if before != nil && leapt(before.Time, m.pic.Snap.Time) {
		m.pic.Clock = time.Time{}
		m.show(m.pic)
	}
	m.age()
}

// leapt reports whether a picture is of another time than the one before: after
// a seek no row has a place on the screen to keep.
func leapt(before, now time.Time) bool {
	d := now.Sub(before)
	return d < 0 || d >= leap-time.Second
}

// age sets the time against which ages are measured. A frozen picture does
// not age, and a recording lives in its own time.
func (m *Model) age() {
	if m.frozen {
		return
	}
	m.pic.Now, m.pic.Reach = m.opts.Now(), &m.reach
	m.pic.Clock, m.pic.Touched = m.pic.Now, m.touched
	if m.pic.Snap.Cluster.Source == "recording" {
		m.pic.Now = m.pic.Snap.Time
	}
	m.show(m.pic)
}

func (m *Model) show(pic page.Picture) {
	for _, p := range m.pages() {
		p.SetPicture(pic)
	}
	if m.overlay == overlayKnow {
		m.writeKnow()
	}
}

// freeze holds the picture, or lets it go on.
func (m *Model) freeze() {
	m.frozen = !m.frozen
	m.look()
}

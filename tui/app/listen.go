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

// look takes the newest picture, and waits for it to be made.
func (m *Model) look() { m.lookAt(m.view.Snapshot()) }

// lookAt takes a picture, unless a newer one is there; while the present one is
// frozen it is kept for later.
func (m *Model) lookAt(snap *session.Snapshot) {
	if m.frozen {
		m.held = snap
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

// show gives a picture to the pages; those that are not seen and would work on
// it catch up when they are entered.
func (m *Model) show(pic page.Picture) {
	for _, p := range m.pages() {
		if m.unseen(p) {
			m.missed[p] = true
			continue
		}
		p.SetPicture(pic)
	}
	if m.overlay == overlayKnow {
		m.writeKnow()
	}
}

// unseen reports whether a page works on every picture, and is not on the
// screen.
func (m *Model) unseen(p page.Page) bool {
	switch p {
	case m.pods:
		return m.step != stepPods || m.isTurned()
	case m.dests:
		return m.step != stepDests || m.isTurned()
	case m.turn:
		return !m.isTurned()
	default:
		return false
	}
}

// catchUp shows the page that is entered what it has missed. Its rows stand in
// their order at once: nobody has seen where they stood.
func (m *Model) catchUp() {
	p := m.current()
	if !m.missed[p] {
		return
	}
	delete(m.missed, p)
	pic := m.pic
	pic.Clock = time.Time{}
	p.SetPicture(pic)
	p.SetPicture(m.pic)
}

// freeze holds the picture, or lets it go on with the newest that has come
// meanwhile.
func (m *Model) freeze() {
	m.frozen = !m.frozen
	if m.frozen {
		return
	}
	if snap := m.held; snap != nil {
		m.held = nil
		m.lookAt(snap)
		return
	}
	m.age()
}

package app

import (
	"cmp"
	"context"
	"sync"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	runbooks "github.com/snattop/snattop/internal/runbook/step"
)

// Runbooks goes through the runbooks beside SNAT's for the UI.
type Runbooks interface {
	// Checks are the steps of a runbook, in order.
	Checks(name string) []runbooks.Check
	// Run goes through it, tells what goes on, and returns when it is done or
	// ctx has ended. It runs outside of the UI's own goroutine.
	Run(ctx context.Context, name string, tell func(runbooks.Update)) error
}

// bookRun is a runbook that is being gone through, or was.
type bookRun struct {
	number int
	name   string
	again  key.Binding
	cancel context.CancelFunc
	news   *news
}

// news hands updates from the run to the UI: the run never waits for it.
type news struct {
	mu    sync.Mutex
	list  []runbooks.Update
	done  bool
	err   error
	there chan struct{}
}

func newNews() *news { return &news{there: make(chan struct{}, 1)} }

func (n *news) put(u runbooks.Update) {
	n.mu.Lock()
	n.list = append(n.list, u)
	n.mu.Unlock()
	n.signal()
}

func (n *news) end(err error) {
	n.mu.Lock()
	n.done, n.err = true, err
	n.mu.Unlock()
	n.signal()
}

func (n *news) signal() {
	select {
	case n.there <- struct{}{}:
	default:
	}
}

// bookMsg is what a run told since the last one. number says which run.
type bookMsg struct {
	number  int
	updates []runbooks.Update
	done    bool
	err     error
}

// bookKey opens a runbook's page, and goes through it; where it is open already
// and done, once more.
func (m *Model) bookKey(msg tea.KeyPressMsg) (cmd tea.Cmd, ok bool) {
	g := m.keys.Global
	for _, b := range []struct {
		key  key.Binding
		name string
	}{{g.Tunnel, "tunnel"}, {g.APIServer, "apiserver"}, {g.PodNetwork, "connectivity"}} {
		if key.Matches(msg, b.key) {
			return m.openBook(b.name, b.key), true
		}
	}
	return nil, false
}

func (m *Model) openBook(name string, again key.Binding) tea.Cmd {
	if m.opts.Runbooks == nil {
		m.notice = notice{text: cmp.Or(m.opts.NoRunbooks, "The other runbooks need a live cluster: they ask its API server and its nodes.")}
		return nil
	}
	m.overlay = overlayNone
	here := m.step == stepBook
	if !here {
		m.beforeBook = m.step
		m.enter(stepBook)
	}
	if m.book.name == name && (!here || m.books.Running()) {
		return nil // its answers are still there
	}
	m.stopBook()
	ctx, cancel := context.WithCancel(context.Background())
	run := bookRun{number: m.book.number + 1, name: name, again: again, cancel: cancel, news: newNews()}
	m.book = run
	m.books.Begin(name, again)
	m.books.List(m.opts.Runbooks.Checks(name))
	books := m.opts.Runbooks
	return tea.Batch(run.listen(), func() tea.Msg {
		run.news.end(books.Run(ctx, name, run.news.put))
		return nil
	})
}

// listen waits for news of a run.
func (r bookRun) listen() tea.Cmd {
	return func() tea.Msg {
		<-r.news.there
		r.news.mu.Lock()
		defer r.news.mu.Unlock()
		msg := bookMsg{number: r.number, updates: r.news.list, done: r.news.done, err: r.news.err}
		r.news.list = nil
		return msg
	}
}

// bookTold takes what a run told; that of a run before is dropped.
func (m *Model) bookTold(msg bookMsg) tea.Cmd {
	if msg.number != m.book.number {
		return nil
	}
	for _, u := range msg.updates {
		m.books.Take(u)
	}
	if msg.done {
		m.books.End(msg.err)
		return nil
	}
	return m.book.listen()
}

// stopBook ends a run that is under way.
func (m *Model) stopBook() {
	if m.book.cancel != nil {
		m.book.cancel()
	}
}

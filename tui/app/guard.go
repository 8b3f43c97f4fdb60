package app

import (
	"fmt"
	"runtime/debug"
	"sync"

	tea "charm.land/bubbletea/v2"
)

// guard stands between the terminal and the model. Should the model panic, the
// UI ends as it does when somebody quits: the terminal is as it was, and what is
// said about it is one line, not a page of frames.
type guard struct {
	model *Model

	mu     sync.Mutex
	why    any
	broken chan struct{} // closed when why is set
}

var _ tea.Model = (*guard)(nil)

func newGuard(m *Model) *guard { return &guard{model: m, broken: make(chan struct{})} }

// Init implements tea.Model.
func (g *guard) Init() (cmd tea.Cmd) {
	defer g.catch()
	// View has no way to quit but this one.
	watch := func() tea.Msg {
		select {
		case <-g.broken:
			return tea.QuitMsg{}
		case <-g.model.closed:
			return nil
		}
	}
	return tea.Batch(watch, g.guarded(g.model.Init()))
}

// Update implements tea.Model.
func (g *guard) Update(msg tea.Msg) (self tea.Model, cmd tea.Cmd) {
	self = g
	if g.err() != nil {
		return self, nil // it is about to quit
	}
	defer g.catch()
	_, cmd = g.model.Update(msg)
	return self, g.guarded(cmd)
}

// View implements tea.Model.
func (g *guard) View() (v tea.View) {
	if g.err() != nil {
		return v
	}
	defer g.catch()
	return g.model.View()
}

// guarded wraps a command, and those that it may result in.
func (g *guard) guarded(cmd tea.Cmd) tea.Cmd {
	if cmd == nil {
		return nil
	}
	return func() (msg tea.Msg) {
		defer g.catch()
		msg = cmd()
		if batch, ok := msg.(tea.BatchMsg); ok {
			for i, c := range batch {
				batch[i] = g.guarded(c)
			}
		}
		return msg
	}
}

// catch is deferred by what may panic.
func (g *guard) catch() {
	why := recover()
	if why == nil {
		return
	}
	stack := debug.Stack()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.why != nil {
		return
	}
	g.why = why
	if tell := g.model.opts.Broken; tell != nil {
		tell(why, stack)
	}
	close(g.broken)
}

// err is what has broken the model; nil when nothing has.
func (g *guard) err() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.why == nil {
		return nil
	}
	return fmt.Errorf("a mistake of snattop's own, which --log-file FILE would tell more about: %v", g.why)
}

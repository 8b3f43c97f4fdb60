package app

import (
	"fmt"
	"time"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/page"
	"github.com/snattop/snattop/tui/theme"
)

// Still is a page to be drawn without a terminal.
type Still struct {
	// Width and Height are in cells.
	Width, Height int
	// Light is the theme for a light background, where there are colours.
	Light bool
	// Colours are how many it may use.
	Colours theme.Colours
	// Page is one of StillPages; empty is the one that Node and Pod lead to.
	Page string
	// Node and Pod ("namespace/name") are what the page is about; empty are the
	// worst ones.
	Node, Pod string
	// Baseline is what the page "proof" compares with.
	Baseline *session.Snapshot
}

// StillPages are the pages that can be drawn, by their names, in the order of
// the runbook.
func StillPages() []string { return []string{"nodes", "pods", "connections", "cause", "proof"} }

// Draw draws one page of a picture as a terminal of that size would show it,
// with its styling. It fails when there is no such page, node or pod.
func Draw(s *session.Snapshot, opts Options, still Still) (string, error) {
	opts.Now = func() time.Time { return s.Time }
	m := New(stillView{s}, opts)
	m.doctor.Waits = true
	if opts.NoColor {
		still.Colours = theme.None
	}
	m.setTerminal(theme.Terminal{Light: still.Light, Colours: still.Colours})
	m.width, m.height = still.Width, still.Height
	m.layout()
	if still.Baseline != nil {
		m.proof.SetBaseline(page.Picture{Snap: still.Baseline, Now: still.Baseline.Time})
	}
	if err := m.aim(still); err != nil {
		return "", err
	}
	m.layout()
	return m.drawn(), nil
}

// aim opens the page and selects what it is about.
func (m *Model) aim(still Still) error {
	to := stepNodes
	switch {
	case still.Pod != "":
		to = stepDests
	case still.Node != "":
		to = stepPods
	}
	if still.Page != "" {
		to = -1
		for i, name := range StillPages() {
			if name == still.Page {
				to = step(i)
			}
		}
		if to < 0 {
			return fmt.Errorf("there is no page %q", sanitize.Text(still.Page))
		}
	}
	if still.Node == "" && still.Pod == "" {
		m.goStep(to)
		return nil
	}
	for _, n := range m.pic.Snap.Nodes {
		if still.Node != "" && still.Node != n.Name && still.Node != n.InternalIP {
			continue
		}
		m.nodes.Select(n.Name)
		if still.Pod == "" {
			m.goStep(to)
			return nil
		}
		for _, o := range n.Owners {
			if o.Title() == still.Pod {
				m.openNode(n.Name)
				m.pods.Select(o.Key)
				m.layout()
				m.goStep(to)
				return nil
			}
		}
	}
	if still.Pod != "" {
		return fmt.Errorf("the pod %s has no outbound connections in this picture", sanitize.Text(still.Pod))
	}
	return fmt.Errorf("there is no node %s in this picture", sanitize.Text(still.Node))
}

// stillView is a view that never changes.
type stillView struct{ snap *session.Snapshot }

func (v stillView) Snapshot() *session.Snapshot { return v.snap }

func (stillView) Changed() <-chan struct{} { return nil }

func (stillView) FocusOn(string, session.Key) {}

package app

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/format"
)

// target is a place that a word may mean.
type target struct {
	node  *session.Node
	owner *session.Owner
	dest  *session.Dest
}

// How well a place matches, best first.
const (
	matchExact = iota
	matchPrefix
	matchPart
	matchNone
)

// match compares a lower-case word with the names of a place.
func match(word string, names ...string) int {
	best := matchNone
	for _, name := range names {
		name = strings.ToLower(name)
		switch {
		case name == "" || best == matchExact:
		case name == word:
			best = matchExact
		case strings.HasPrefix(name, word):
			best = min(best, matchPrefix)
		case strings.Contains(name, word):
			best = min(best, matchPart)
		}
	}
	return best
}

// find looks for what a word means: nodes by name and address, pods by name,
// namespace/name and address, destinations by address. The best kind of match
// wins, then nodes before pods before destinations, then the worst. others is
// the number of places that match as well.
func find(s *session.Snapshot, word string) (found target, others int, ok bool) {
	word = strings.ToLower(strings.TrimSpace(word))
	if word == "" {
		return target{}, 0, false
	}
	var hits [3][matchNone][]target // by kind, then by match
	add := func(kind, how int, t target) {
		if how < matchNone {
			hits[kind][how] = append(hits[kind][how], t)
		}
	}
	for _, n := range s.Nodes {
		add(0, match(word, n.Name, n.InternalIP), target{node: n})
		for _, o := range n.Owners {
			names := []string{o.Name, o.Title()}
			if !o.HostNetwork { // there the address is the node's
				for _, ip := range o.IPs {
					names = append(names, ip.String())
				}
			}
			add(1, match(word, names...), target{node: n, owner: o})
			for _, d := range o.Dests() {
				addr := strings.Fields(d.Dest.String())[0]
				add(2, match(word, d.IP.String(), addr, d.Name), target{node: n, owner: o, dest: d})
			}
		}
	}
	for how := matchExact; how < matchNone; how++ {
		all := 0
		for kind := range hits {
			all += len(hits[kind][how])
		}
		for kind := range hits {
			if len(hits[kind][how]) > 0 {
				return hits[kind][how][0], all - 1, true
			}
		}
	}
	return target{}, 0, false
}

// goTo jumps to what a word means, runs the command that is called so, or says
// what was searched. A command's whole name comes before places, the beginning
// of one after them.
func (m *Model) goTo(word string) tea.Cmd {
	if strings.TrimSpace(word) == "" {
		return nil
	}
	if cmd, ok := m.runNamed(word, false); ok {
		return cmd
	}
	s := m.pic.Snap
	t, others, ok := find(s, word)
	if !ok {
		if cmd, ok := m.runNamed(word, true); ok {
			return cmd
		}
		owners := 0
		for _, n := range s.Nodes {
			owners += len(n.Owners)
		}
		m.notice = notice{bad: true, text: fmt.Sprintf("%q is nowhere: searched %s by name and IP, %s with connections by name, namespace/name and IP, and their destinations.",
			word, format.Plural(len(s.Nodes), "node"), format.Plural(owners, "pod"))}
		return nil
	}
	m.visitPlace(t)
	if others > 0 {
		m.notice = notice{text: fmt.Sprintf("%q fits %s; this is the worst of them.", word, format.Plural(others+1, "place"))}
	}
	return nil
}

// visitPlace shows a place: a node or a pod in its table, a destination under
// the cursor.
func (m *Model) visitPlace(t target) {
	m.overlay, m.turns = overlayNone, nil
	switch {
	case t.dest != nil:
		m.pods.Open(m.pic, t.node.Name)
		m.pods.Select(t.owner.Key)
		m.openOwner(t.node.Name, t.owner)
		m.dests.Select(t.dest)
	case t.owner != nil:
		m.openNode(t.node.Name)
		m.pods.Select(t.owner.Key)
	default:
		m.enter(stepNodes)
	}
	m.nodes.Select(t.node.Name)
}

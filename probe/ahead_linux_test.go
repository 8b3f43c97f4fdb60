package probe

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/snattop/snattop/probe/wire"
)

// manyChildren are processes with a connection each, in namespaces of their own.
func manyChildren(t *testing.T, n int) (out []*child) {
	t.Helper()
	for range n {
		ch := newChild(t)
		ch.say("dial " + ch.listen().String())
		out = append(out, ch)
	}
	return out
}

// Two threads tell the same as one, and in the same order.
func TestLookAheadChangesNothing(t *testing.T) {
	t.Parallel()
	if runtime.GOMAXPROCS(0) < 2 {
		t.Skip("one processor has one thread")
	}
	children := manyChildren(t, 5)
	two, one := nodeView(t, CollectorDiag, children...), nodeView(t, CollectorDiag, children...)
	one.s.collect = &countingCollector{collector: one.s.collect} // not one that is looked ahead with
	same := func(what string) {
		t.Helper()
		a, b := two.look(), one.look()
		// Others use the namespace of this process as well.
		rows := func(w *view, tick *wire.Tick) (out []string) {
			for _, r := range tick.Rows {
				if got := w.v.rows[r.ID]; got != nil && got.key.owner != w.s.selfNS {
					out = append(out, fmt.Sprintf("%v %+v", got.key, r.Established))
				}
			}
			return out
		}
		if x, y := rows(two, a), rows(one, b); !slices.Equal(x, y) {
			t.Errorf("%s: with two threads %q\nwith one %q", what, x, y)
		}
	}
	same("at first")
	for _, ch := range children {
		ch.say("dial " + ch.listen().String())
	}
	same("more connections")
	children[2].die()
	same("a namespace vanishes")
	for _, ch := range children[3:] {
		ch.say("abort")
	}
	same("connections end")
	same("quiet again")
	if two.s.ahead == nil || one.s.ahead != nil {
		t.Error("nothing was looked ahead, or with the wrong view")
	}
}

// What the second thread could not bring is read as it always was.
func TestLookAheadFails(t *testing.T) {
	t.Parallel()
	if runtime.GOMAXPROCS(0) < 2 {
		t.Skip("one processor has one thread")
	}
	ch := newChild(t)
	ch.say("crowd " + fmt.Sprint(maxAhead+10))
	w := nodeView(t, CollectorDiag, ch)
	w.look()
	total := uint32(0)
	for _, r := range w.v.rows {
		if r.key.owner == ch.netns {
			total += r.now.established
		}
	}
	if total != maxAhead+10 {
		t.Errorf("%d connections are told", total)
	}
	if p := w.s.collect.(*diagCollector).ports[ch.netns]; p == nil || len(p.last) == 0 || !p.tried {
		t.Errorf("ports %+v", p)
	}
	// The door leads elsewhere, and nowhere; the third is never taken.
	l := newLookAhead()
	defer l.close()
	with := w.s.collect.(*diagCollector)
	spaces := []*namespace{
		{inode: 1, path: "/proc/self/ns/net"}, {inode: 2, path: filepath.Join(t.TempDir(), "none")}, {inode: 3, path: ch.path("ns/net")},
	}
	spaces[2].inode = ch.netns
	claims := make([]claim, 0, len(spaces))
	for _, ns := range spaces {
		claims = append(claims, claim{ns, &inboundPorts{}, true})
	}
	l.start(t.Context(), with, claims)
	if _, ok := l.take(&namespace{inode: 1}); ok {
		t.Error("another namespace was taken for it")
	}
	for i := range 2 {
		if f, ok := l.take(spaces[i]); ok || claims[i].ports.tried {
			t.Errorf("%s: %+v", spaces[i].path, f)
		}
	}
	if l.drop(); len(l.claimed) != 0 || claims[2].ports.tried {
		t.Errorf("something is kept: %+v", claims[2].ports)
	}
	// A snapshot that was given up is no hindrance to the next.
	l.start(t.Context(), with, claims[2:])
	l.start(t.Context(), with, []claim{{&namespace{inode: ch.netns, path: ch.path("ns/net")}, &inboundPorts{}, true}})
	if len(l.claimed) != 1 {
		t.Errorf("%d namespaces are claimed", len(l.claimed))
	}
}

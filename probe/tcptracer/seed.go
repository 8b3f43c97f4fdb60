package tcptracer

import (
	"net/netip"

	"github.com/snattop/snattop/probe/count"
)

// Reseed begins a seeding: what is open now and is neither seeded nor told by
// an event before Seeded has ended unseen. The dump that is seeded has to begin
// afterwards and to be complete.
func (t *Table) Reseed() {
	t.generation++
	t.seeding = true
	if t.waiting == nil {
		t.waiting = make(map[tuple]unknown)
	}
}

// Seed tells of a connection that a dump found open, in the states ESTABLISHED
// or CLOSE-WAIT: in all others the program has closed it, or it was never open.
// pid is in the initial PID namespace, 0 when it is not known. What has ended
// since Reseed stays so, and Seeded takes out again what was accepted.
func (t *Table) Seed(netns uint64, pid uint32, local, remote netip.AddrPort) {
	local, remote = unmap(local), unmap(remote)
	k := makeTuple(netns, local, remote)
	if c, ok := t.open[k]; ok {
		c.generation = t.generation
		t.open[k] = c
		return
	}
	if _, ok := t.waiting[k]; ok {
		return
	}
	if e, ok := t.ends.get(k); ok && e.generation == t.generation {
		return
	}
	if r := t.row(count.Key{NetNS: netns, PID: pid, Remote: remote}, ""); r != nil {
		t.track(k, conn{row: r, generation: t.generation})
	}
}

// SeedListener tells of a listening socket; the order among seeds is free.
func (t *Table) SeedListener(netns uint64, local netip.AddrPort) {
	t.listening.put(listener{netns, local.Port()}, struct{}{})
}

// Seeded ends a seeding.
func (t *Table) Seeded() {
	t.seeding = false
	for k, w := range t.waiting {
		if t.listens(w.key.NetNS, k.localPort) {
			continue
		}
		t.countCloses(w.key, w.command, w.times)
		if e, ok := t.ends.get(k); ok {
			e.uncounted = false
			t.ends.put(k, e)
		}
	}
	t.waiting = nil
	for k, c := range t.open {
		if !c.opened.known() && t.listens(k.netns, k.localPort) {
			t.forget(k, c)
			continue
		}
		if c.generation == t.generation {
			continue
		}
		t.drop(k, c)
		e, _ := t.ends.get(k)
		e.opened = c.opened
		e.owed++
		t.ends.put(k, e)
	}
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

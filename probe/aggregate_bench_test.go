package probe

import (
	"net/netip"
	"testing"
	"time"
)

// busyNode is n sockets of 200 owners to 2,000 destinations, a third of them in
// TIME_WAIT: ten times what a large node has.
func busyNode(n int) []Socket {
	out := make([]Socket, n)
	for i := range out {
		state := StateEstablished
		if i%3 == 0 {
			state = StateTimeWait
		}
		dest := i % 2000
		out[i] = Socket{
			Key: uint64(i + 1), Protocol: protocolTCP, State: state, Inode: uint64(i + 1),
			Local:  netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i % 200)}), uint16(i)),
			Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{20, 0, byte(dest >> 8), byte(dest)}), 443),
		}
	}
	return out
}

func feed(a *Aggregator, procs *procTable, sockets []Socket) int {
	a.Begin()
	for i := range sockets {
		s := &sockets[i]
		if a.knows(s) {
			a.add(s, 1, 0, false)
			continue
		}
		a.add(s, 1, a.owners.id(ownerKey{ns: uint64(i % 200)}, false), false)
	}
	a.sweep()
	return len(a.finish(time.Unix(1, 0), time.Second, procs).Rows)
}

func BenchmarkAggregator190kFirst(b *testing.B) {
	sockets, procs := busyNode(190_000), newProcTable()
	b.ReportAllocs()
	for b.Loop() {
		if rows := feed(NewAggregator(0), procs, sockets); rows != 2000 {
			b.Fatal(rows)
		}
	}
}

// A steady tick: one socket in a hundred has been replaced by another.
func BenchmarkAggregator190kSteady(b *testing.B) {
	sockets, procs, a := busyNode(190_000), newProcTable(), NewAggregator(0)
	feed(a, procs, sockets)
	next := uint64(len(sockets))
	b.ReportAllocs()
	for b.Loop() {
		for i := 0; i < len(sockets); i += 100 {
			next++
			sockets[i].Key = next
		}
		feed(a, procs, sockets)
	}
	if len(a.conns) != len(sockets) {
		b.Fatalf("%d sockets are remembered", len(a.conns))
	}
}

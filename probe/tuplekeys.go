package probe

import (
	"hash/maphash"
	"net/netip"
)

// tupleKeys makes keys out of tuples. The seed is random for each run, so that
// nobody can choose connections whose keys collide.
type tupleKeys struct{ seed maphash.Seed }

func newTupleKeys() tupleKeys { return tupleKeys{maphash.MakeSeed()} }

func (k tupleKeys) key(ns uint64, proto uint8, local, remote netip.AddrPort) uint64 {
	return maphash.Comparable(k.seed, struct {
		ns     uint64
		proto  uint8
		local  netip.AddrPort
		remote netip.AddrPort
	}{ns, proto, local, remote})
}

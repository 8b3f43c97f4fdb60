package session

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/snattop/snattop/probe/wire"
)

// TrackedSource is who opened connections that the node tracks, by address.
// Where the sockets live elsewhere (a virtual machine, a node behind this one)
// this is all there is to see of them.
type TrackedSource struct {
	IP netip.Addr
	// Name is what the address is called; may be "".
	Name string
	// TCP and UDP are entries of the node's connection tracking table.
	TCP, UDP int
	// Local means that the address lives in a namespace of this node, so its
	// sockets are counted as well.
	Local bool
}

// sources keeps what a probe said of tracked connections: those with the most
// entries, most first.
func sources(list []wire.Source) []wire.Source {
	out := make([]wire.Source, 0, len(list))
	for _, s := range list {
		if s.IP.IsValid() {
			s.IP = address(s.IP)
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b wire.Source) int {
		return cmp.Or(cmp.Compare(uint64(b.TCP)+uint64(b.UDP), uint64(a.TCP)+uint64(a.UDP)), a.IP.Compare(b.IP))
	})
	return slices.Clip(out[:min(len(out), maxSources)])
}

// tracked names the sources.
func (s *Session) tracked(list []wire.Source) []TrackedSource {
	out := make([]TrackedSource, 0, len(list))
	for _, one := range list {
		out = append(out, TrackedSource{IP: one.IP, Name: s.names.called.get(one.IP), TCP: int(one.TCP), UDP: int(one.UDP), Local: one.Local})
	}
	return out
}

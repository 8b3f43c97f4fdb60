package probe

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// addressBook remembers which addresses live in which namespace: connection
// tracking knows addresses only.
type addressBook struct {
	byNS map[uint64]localAddrs
	// age counts reads of a namespace since its addresses were listed.
	age map[uint64]int
}

// addressReads is how many snapshots a list of addresses is believed.
const addressReads = 30

func newAddressBook() *addressBook {
	return &addressBook{byNS: make(map[uint64]localAddrs), age: make(map[uint64]int)}
}

// read lists the addresses of the calling thread's namespace, now and then.
func (b *addressBook) read(ns uint64) {
	if !b.due(ns) {
		return
	}
	if list, err := listAddresses(); err == nil { // else the next snapshot tries again
		b.byNS[ns] = list
	}
}

// due counts a read of a namespace, and reports whether its addresses are to be
// listed.
func (b *addressBook) due(ns uint64) bool {
	b.age[ns]++
	return len(b.byNS[ns]) == 0 || b.age[ns]%addressReads == 0
}

// listAddresses returns the addresses of the calling thread's namespace.
func listAddresses() (localAddrs, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("listing addresses: %w", err)
	}
	var out localAddrs
	for _, a := range list {
		ipnet, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		addr, ok := netip.AddrFromSlice(ipnet.IP)
		addr = addr.Unmap()
		if ok && !addr.IsLoopback() && !addr.IsLinkLocalUnicast() {
			out = append(out, addr)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out, nil
}

func (b *addressBook) of(ns uint64) []netip.Addr { return b.byNS[ns] }

func (b *addressBook) retain(live map[uint64]bool) {
	for ns := range b.age {
		if !live[ns] {
			delete(b.byNS, ns)
			delete(b.age, ns)
		}
	}
}

// locals maps every known address to its namespace.
func (b *addressBook) locals(spaces []*namespace) map[netip.Addr]*namespace {
	out := make(map[netip.Addr]*namespace)
	for _, ns := range spaces {
		for _, a := range b.byNS[ns.inode] {
			// The host comes first in spaces and keeps its addresses.
			if out[a] == nil {
				out[a] = ns
			}
		}
	}
	return out
}

package session

import (
	"encoding/binary"
	"net/netip"
)

// directory says what addresses are called. One is never written again once it
// was handed out: what changes is copied, and that is one drawer of many.
type directory struct {
	drawers [drawers]map[netip.Addr]string
}

const drawers = 256

func drawerOf(ip netip.Addr) int {
	b := ip.As16()
	// Neighbours lie apart (Fibonacci hashing).
	n := binary.BigEndian.Uint64(b[:8]) ^ binary.BigEndian.Uint64(b[8:])
	return int(n * 0x9e3779b97f4a7c15 >> 56)
}

func (d *directory) get(ip netip.Addr) string {
	if d == nil {
		return ""
	}
	return d.drawers[drawerOf(ip)][ip]
}

// register is a directory that changes.
type register struct {
	now *directory
	// lent means that now was handed out, and own which drawers are not.
	lent bool
	own  [drawers]bool
}

func newRegister() register { return register{now: &directory{}} }

// lend hands out the directory as it is.
func (r *register) lend() *directory {
	if !r.lent {
		r.lent, r.own = true, [drawers]bool{}
	}
	return r.now
}

func (r *register) get(ip netip.Addr) string { return r.now.get(ip) }

// set names an address; "" takes the name back.
func (r *register) set(ip netip.Addr, name string) {
	if r.now.get(ip) == name {
		return
	}
	if r.lent {
		then := *r.now
		r.now, r.lent = &then, false
	}
	i := drawerOf(ip)
	if !r.own[i] {
		mine := make(map[netip.Addr]string, len(r.now.drawers[i])+1)
		for ip, name := range r.now.drawers[i] {
			mine[ip] = name
		}
		r.now.drawers[i], r.own[i] = mine, true
	}
	if name == "" {
		delete(r.now.drawers[i], ip)
		return
	}
	r.now.drawers[i][ip] = name
}

// all is what addresses are called, as one map.
func (r *register) all() map[netip.Addr]string {
	out := make(map[netip.Addr]string)
	for _, d := range r.now.drawers {
		for ip, name := range d {
			out[ip] = name
		}
	}
	return out
}

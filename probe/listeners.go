package probe

import "net/netip"

// listeners are the listening sockets of one namespace: a connection on one of
// their ports came from outside and takes no source port of ours.
type listeners map[uint16][]netip.Addr

func (l listeners) add(s *Socket) {
	l[s.Local.Port()] = append(l[s.Local.Port()], s.Local.Addr())
}

// accepts reports whether a connection's local end belongs to a listener.
func (l listeners) accepts(local netip.AddrPort) bool {
	for _, addr := range l[local.Port()] {
		if addr.IsUnspecified() || addr == local.Addr() {
			return true
		}
	}
	return false
}

package probe

import "net/netip"

// State is a TCP state as the kernel numbers it (include/net/tcp_states.h).
type State uint8

// The states that matter here.
const (
	StateEstablished State = 1
	StateSynSent     State = 2
	StateSynRecv     State = 3
	StateFinWait1    State = 4
	StateFinWait2    State = 5
	StateTimeWait    State = 6
	StateClose       State = 7
	StateCloseWait   State = 8
	StateLastAck     State = 9
	StateListen      State = 10
	StateClosing     State = 11
	StateNewSynRecv  State = 12
)

// phase folds the states into what the port model tells apart.
type phase uint8

const (
	phaseNone phase = iota
	phaseAttempting
	phaseEstablished
	phaseClosing
	phaseTimeWait
	phaseListen
)

func (s State) phase() phase {
	switch s {
	case StateEstablished:
		return phaseEstablished
	case StateSynSent:
		return phaseAttempting
	case StateFinWait1, StateFinWait2, StateCloseWait, StateLastAck, StateClosing:
		return phaseClosing
	case StateTimeWait:
		return phaseTimeWait
	case StateListen:
		return phaseListen
	case StateSynRecv, StateNewSynRecv, StateClose:
		return phaseNone
	default:
		return phaseNone
	}
}

// Socket is one row of a socket or connection tracking table.
type Socket struct {
	// Key is the same for the same socket at every read, TIME_WAIT included:
	// the kernel's socket cookie, or a hash of the tuple where there is none.
	Key           uint64
	Protocol      uint8
	State         State
	Local, Remote netip.AddrPort
	// Inode is that of the socket's file, 0 when no process holds it.
	Inode uint64
	// Cgroup is the ID of the cgroup (v2) that made the socket, 0 unknown.
	Cgroup uint64
	// Unanswered means that connection tracking has seen no packet of the other
	// side.
	Unanswered bool
	// Silence is that of an established connection.
	Silence silence
}

// Package count is what the counting collectors (eBPF, tcptracer) tell: events
// and gauges, counted as they happen and kept by holder and destination. The
// other collectors list sockets instead, and leave the counting to package
// probe.
package count

import (
	"net/netip"
	"time"

	"github.com/snattop/snattop/probe/wire"
)

// Key is who talks to what.
type Key struct {
	// NetNS is the inode of the network namespace.
	NetNS uint64
	// Cgroup is the ID of the cgroup (v2) that made the sockets; 0 unknown.
	Cgroup uint64
	// PID is the process that connected, in the PID namespace of the probe; 0
	// unknown.
	PID uint32
	// Remote is the destination; TCP is the only protocol counted so far.
	Remote netip.AddrPort
}

// Gauges are how many connections there are at this moment, by state.
type Gauges struct {
	Established uint32
	// Closing is FIN-WAIT-1/2, CLOSE-WAIT, CLOSING and LAST-ACK.
	Closing uint32
	SynSent uint32
	// Silent are those of Established through which nothing has passed for a
	// while; wire.Row says what the buckets are. Collectors that cannot tell
	// leave it at 0.
	Silent [wire.SilentBuckets]uint32
}

// Events are what happened, since the start of the collector; the counters
// wrap around.
type Events struct {
	// Opens are handshakes that were completed, Closes their ends, Fails
	// attempts that ended without.
	Opens, Closes, Fails uint32
	// Resets are those of Closes that ended by a reset of either side.
	Resets uint32
	// Refused, TimedOut and NoPort are those of Fails that were answered by a
	// reset, not answered at all, and refused a local port.
	Refused, TimedOut, NoPort uint32
	// SynRetrans and Retrans are segments sent again: SYNs, and all others.
	SynRetrans, Retrans uint32
	// TimeWaits are those of Closes that went on into TIME_WAIT.
	TimeWaits uint32
	// ResetsIn and ResetsOut are RST segments of connections that were known.
	ResetsIn, ResetsOut uint32
	// Lives is a histogram of how long the connections of Closes had been
	// established; wire.Life says what the buckets are.
	Lives [wire.LifeBuckets]uint32
}

// Sub returns what happened since an earlier reading.
func (e *Events) Sub(old *Events) Events {
	out := Events{
		Opens: e.Opens - old.Opens, Closes: e.Closes - old.Closes, Fails: e.Fails - old.Fails, Resets: e.Resets - old.Resets,
		Refused: e.Refused - old.Refused, TimedOut: e.TimedOut - old.TimedOut, NoPort: e.NoPort - old.NoPort,
		SynRetrans: e.SynRetrans - old.SynRetrans, Retrans: e.Retrans - old.Retrans,
		TimeWaits: e.TimeWaits - old.TimeWaits,
		ResetsIn:  e.ResetsIn - old.ResetsIn, ResetsOut: e.ResetsOut - old.ResetsOut,
	}
	for i := range out.Lives {
		out.Lives[i] = e.Lives[i] - old.Lives[i]
	}
	return out
}

// Row is one holder's use of one destination.
type Row struct {
	Key
	// Command is the name that the process had when it connected.
	Command string
	Gauges
	// Events are what happened since the row was read last.
	Events Events
	// Waits are connections that were found in TIME_WAIT at the start.
	Waits []Wait
}

// Wait is a number of connections in TIME_WAIT that end together.
type Wait struct {
	// Left is how long the kernel still keeps them.
	Left  time.Duration
	Count uint32
}

// Reading is what a counting collector tells at one moment.
type Reading struct {
	// Rows holds every row that has connections, or had events since the last
	// reading. It is valid until the next.
	Rows []Row
	// Lost counts events that could not be counted, since the start.
	Lost uint64
	// Problems are sentences about what is not seen, for as long as that holds.
	Problems []string
}

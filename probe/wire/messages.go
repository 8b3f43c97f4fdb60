package wire

import "net/netip"

// Version is the version of the format. It changes only when an old decoder
// would misread a new stream; new fields do not change it.
const Version = 1

// Kind says what a frame's payload is.
type Kind uint8

// Kinds of frames. The probe sends Hello once, then Ticks, then Bye. Its
// controller sends Commands. A probe that examines its node sends Sections,
// then Bye.
const (
	KindHello   Kind = 1
	KindTick    Kind = 2
	KindBye     Kind = 3
	KindCommand Kind = 4
	KindSection Kind = 5
)

// Answer is a finding of a feature probe: yes, no, or could not tell.
type Answer uint8

// The three answers.
const (
	CouldNotTell Answer = 0
	Yes          Answer = 1
	No           Answer = 2
)

// String returns "yes", "no" or "could not tell".
func (a Answer) String() string {
	switch a {
	case Yes:
		return "yes"
	case No:
		return "no"
	case CouldNotTell:
		return "could not tell"
	default:
		return "could not tell"
	}
}

// Feature is something the probe looked for on its node.
type Feature struct {
	Name   string `cbor:"1,keyasint"`
	Answer Answer `cbor:"2,keyasint"`
	// Detail says how it is known, or why it could not be.
	Detail string `cbor:"3,keyasint,omitempty"`
}

// Hello is the first frame of a stream.
type Hello struct {
	// Probe is the probe's own version.
	Probe string `cbor:"1,keyasint"`
	// Hostname, Kernel (uname -r) and Arch (GOARCH) of the node.
	Hostname string `cbor:"2,keyasint"`
	Kernel   string `cbor:"3,keyasint"`
	Arch     string `cbor:"4,keyasint"`
	// Collector is the one in use: "diag", "procfs", …
	Collector string    `cbor:"5,keyasint"`
	Features  []Feature `cbor:"6,keyasint,omitempty"`
	// IntervalMillis is the time between ticks in milliseconds.
	IntervalMillis int64 `cbor:"7,keyasint"`
	// Scope is "node" for every network namespace of a node, "pod" for one.
	Scope string `cbor:"8,keyasint"`
}

// Tick is what changed since the tick before.
type Tick struct {
	Seq uint64 `cbor:"1,keyasint"`
	// UnixNanos is the node's clock when the snapshot was taken.
	UnixNanos int64 `cbor:"2,keyasint"`
	// ElapsedNanos is the time since the previous snapshot, by a monotonic
	// clock; 0 on the first.
	ElapsedNanos int64 `cbor:"3,keyasint,omitempty"`
	// Full means that everything not in this tick is gone. The first tick of
	// a stream is full; its event counts describe what was found, not what
	// happened, so they must not be turned into rates.
	Full bool `cbor:"4,keyasint,omitempty"`

	Owners []Owner `cbor:"5,keyasint,omitempty"`
	// GoneOwners are IDs of owners that have no rows left.
	GoneOwners []uint32 `cbor:"6,keyasint,omitempty"`
	Rows       []Row    `cbor:"7,keyasint,omitempty"`
	// GoneRows are IDs of rows whose gauges fell to zero and that have no
	// events left to tell.
	GoneRows []uint32 `cbor:"8,keyasint,omitempty"`
	// Conntrack holds one row for each namespace that tracks connections;
	// absent when nothing changed.
	Conntrack []Conntrack `cbor:"9,keyasint,omitempty"`
	Loss      Loss        `cbor:"10,keyasint"`
	// Cost is what the snapshot took.
	Cost Cost `cbor:"11,keyasint"`
	// Problems are sentences about what could not be seen in this snapshot.
	Problems []string `cbor:"12,keyasint,omitempty"`
	// Collector is the one that took over from the Hello's (or the last one
	// told here), which failed; the tick is full then, and Problems say why.
	Collector string `cbor:"13,keyasint,omitempty"`
	// Sources counts the node's tracked connections by who opened them; absent
	// when nothing changed.
	Sources []Source `cbor:"14,keyasint,omitempty"`
}

// Owner is who holds sockets: a container group (pod) or a part of the host.
type Owner struct {
	// ID names the owner in this stream, from 1.
	ID uint32 `cbor:"1,keyasint"`
	// NetNS is the inode of the network namespace.
	NetNS uint64 `cbor:"2,keyasint"`
	// HostNetwork means that NetNS is the node's own.
	HostNetwork bool `cbor:"3,keyasint,omitempty"`
	// PodUID is as the cgroup path spells it, dashes restored; empty for the
	// host and when the path hides it.
	PodUID string `cbor:"4,keyasint,omitempty"`
	// ContainerIDs are the containers seen in the owner, without a scheme.
	ContainerIDs []string `cbor:"5,keyasint,omitempty"`
	// Unit is the systemd unit or the command of a host process.
	Unit string `cbor:"6,keyasint,omitempty"`
	// IPs are the addresses inside the namespace, loopback left out.
	IPs []netip.Addr `cbor:"7,keyasint,omitempty"`
	// LocalPorts is how many local ports the namespace has to connect from: the
	// size of net.ipv4.ip_local_port_range, which serves IPv6 as well, without
	// those in net.ipv4.ip_local_reserved_ports; 0 when that is not known.
	LocalPorts uint32 `cbor:"8,keyasint,omitempty"`
}

// Row is one destination of one owner. Gauges are absolute; events count what
// happened since the tick before.
type Row struct {
	// ID names the row in this stream, from 1. Owner, Protocol, IP and Port
	// are sent with a row's first appearance and never change.
	ID       uint32     `cbor:"1,keyasint"`
	Owner    uint32     `cbor:"2,keyasint,omitempty"`
	Protocol uint8      `cbor:"3,keyasint,omitempty"`
	IP       netip.Addr `cbor:"4,keyasint,omitempty"`
	Port     uint16     `cbor:"5,keyasint,omitempty"`

	// Established, Closing (FIN-WAIT-1/2, CLOSE-WAIT, CLOSING, LAST-ACK),
	// SynSent and TimeWait are gauges of sockets. For UDP, Established counts
	// all tracked flows, and SynSent those of them that nobody has answered.
	Established uint32 `cbor:"6,keyasint,omitempty"`
	Closing     uint32 `cbor:"7,keyasint,omitempty"`
	SynSent     uint32 `cbor:"8,keyasint,omitempty"`
	TimeWait    uint32 `cbor:"9,keyasint,omitempty"`

	// Opens, Closes and Fails are events: connections that came to be, that
	// ended after they had come to be, and that ended without.
	Opens  uint32 `cbor:"10,keyasint,omitempty"`
	Closes uint32 `cbor:"11,keyasint,omitempty"`
	Fails  uint32 `cbor:"12,keyasint,omitempty"`

	// Processes is sent for owners in focus only, and replaces what was sent
	// before. It names the holders of the most sockets, not always all.
	Processes []Process `cbor:"13,keyasint,omitempty"`
	// Detailed means that Processes is meaningful, even when empty.
	Detailed bool `cbor:"14,keyasint,omitempty"`

	// More events. They are counted by collectors that see each of them (eBPF)
	// and are 0 with the others.

	// Resets are those of Closes that ended by a reset, of either side.
	Resets uint32 `cbor:"15,keyasint,omitempty"`
	// Refused, TimedOut and NoPort are those of Fails that were answered by a
	// reset, were not answered at all, and never got a local port to leave
	// from. What is left of Fails was given up by the program.
	Refused  uint32 `cbor:"16,keyasint,omitempty"`
	TimedOut uint32 `cbor:"17,keyasint,omitempty"`
	NoPort   uint32 `cbor:"18,keyasint,omitempty"`
	// SynRetrans and Retrans are segments sent again: SYNs, and all others.
	SynRetrans uint32 `cbor:"19,keyasint,omitempty"`
	Retrans    uint32 `cbor:"20,keyasint,omitempty"`
	// ResetsIn and ResetsOut are RST segments, received and sent, of
	// connections that were known at that moment.
	ResetsIn  uint32 `cbor:"21,keyasint,omitempty"`
	ResetsOut uint32 `cbor:"22,keyasint,omitempty"`
	// Lives is how long the connections of Closes had been established.
	Lives []Life `cbor:"23,keyasint,omitempty"`

	// Silent are gauges of those of Established through which no packet has
	// passed for a while, in either direction; acknowledgements and keep-alives
	// are packets too, since they refresh the idle timer of a balancer. Index i
	// counts flows that have been silent for 2^i minutes or more and for less
	// than 2^(i+1), the last of SilentBuckets those silent for longer as well.
	// The list ends with its last number that is not 0. None means that no flow
	// is silent, or that the collector cannot tell; the sum is never more than
	// Established.
	Silent []uint32 `cbor:"24,keyasint,omitempty"`
}

// SilentBuckets is the number of buckets of silence: 1, 2, 4, 8, 16, 32, 64
// minutes and more.
const SilentBuckets = 7

// LifeBuckets is the number of buckets of a histogram of lives.
const LifeBuckets = 24

// Life is one bucket of a histogram of lives. Bucket 0 holds lives below one
// millisecond, bucket i those from 2^(i-1) to below 2^i milliseconds, and the
// last one everything longer.
type Life struct {
	_      struct{} `cbor:",toarray"`
	Bucket uint8
	Count  uint32
}

// Source is who opened tracked connections, by address: where the sockets live
// elsewhere (a virtual machine, a node behind this one), the connection
// tracking table is all there is to see of them.
type Source struct {
	IP netip.Addr `cbor:"1,keyasint"`
	// TCP and UDP are entries of the host's table.
	TCP uint32 `cbor:"2,keyasint,omitempty"`
	UDP uint32 `cbor:"3,keyasint,omitempty"`
	// Local means that the address lives in one of this node's namespaces.
	Local bool `cbor:"4,keyasint,omitempty"`
}

// Process is a holder of sockets of a row.
type Process struct {
	// PID is the node's, 0 when the kernel names no process.
	PID uint32 `cbor:"1,keyasint"`
	// Command is the process name and its arguments, cut to a bound.
	Command     string `cbor:"2,keyasint,omitempty"`
	ContainerID string `cbor:"3,keyasint,omitempty"`
	Established uint32 `cbor:"4,keyasint,omitempty"`
	SynSent     uint32 `cbor:"5,keyasint,omitempty"`
}

// Conntrack is the state of one namespace's connection tracking table.
type Conntrack struct {
	NetNS        uint64 `cbor:"1,keyasint"`
	HostNetwork  bool   `cbor:"2,keyasint,omitempty"`
	Count        uint64 `cbor:"3,keyasint"`
	Max          uint64 `cbor:"4,keyasint"`
	InsertFailed uint64 `cbor:"5,keyasint,omitempty"`
	Drop         uint64 `cbor:"6,keyasint,omitempty"`
	EarlyDrop    uint64 `cbor:"7,keyasint,omitempty"`
}

// Loss counts what the probe knows it has not told.
type Loss struct {
	// Events that were lost before they were counted, since the start: a full
	// kernel map, a line of tcptracer that did not parse.
	Events uint64 `cbor:"1,keyasint,omitempty"`
	// Destinations that did not fit the row limit, in this snapshot.
	Destinations uint64 `cbor:"2,keyasint,omitempty"`
	// Namespaces that could not be entered, in this snapshot.
	Namespaces uint64 `cbor:"3,keyasint,omitempty"`
}

// Cost is what a snapshot took on the node.
type Cost struct {
	WallNanos  int64  `cbor:"1,keyasint,omitempty"`
	Sockets    uint64 `cbor:"2,keyasint,omitempty"`
	Namespaces uint32 `cbor:"3,keyasint,omitempty"`
	// CPUNanos is the processor time of the whole probe since the tick before.
	CPUNanos int64 `cbor:"4,keyasint,omitempty"`
}

// Bye is the last frame of a stream that ended on purpose.
type Bye struct {
	// Reason is "leash" (standard input ended), "deadline" or an error.
	Reason string `cbor:"1,keyasint"`
	// Failed means that the reason is an error.
	Failed bool `cbor:"2,keyasint,omitempty"`
}

// Command is what a controller asks of the probe. A zero field asks nothing.
type Command struct {
	// Focus replaces the set of owners whose processes are wanted.
	Focus *Focus `cbor:"1,keyasint,omitempty"`
	// IntervalMillis changes the time between ticks.
	IntervalMillis int64 `cbor:"2,keyasint,omitempty"`
}

// Focus is a set of owners in detail.
type Focus struct {
	All    bool     `cbor:"1,keyasint,omitempty"`
	Owners []uint32 `cbor:"2,keyasint,omitempty"`
}

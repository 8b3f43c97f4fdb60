package session

import (
	"net/netip"
	"time"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// Snapshot is one immutable picture of everything a session knows. Views keep
// the pointer for as long as they like; nothing in it is written again.
type Snapshot struct {
	// Version grows with every change.
	Version uint64
	// Time is the newest time that a source told.
	Time    time.Time
	Started time.Time
	Cluster Cluster
	// Nodes is worst first: by verdict, then estimate, then name.
	Nodes []*Node
	Loss  Loss
	// Problem is a sentence about the source as a whole: empty when it is
	// well, else what failed and what to do. Pictures before it stay valid.
	Problem string
	// Done means that the source has ended (a recording was read to its end).
	Done bool
	// Cloud is what the cloud measures; nil when it was not asked or has not
	// answered yet.
	Cloud *cloud.Reading
	// Timers are those that ports are cooled by.
	Timers snat.Timers
}

// Node returns the node of that name, or nil.
func (s *Snapshot) Node(name string) *Node {
	for _, n := range s.Nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// Cluster is what names the whole.
type Cluster struct {
	// Context is the kubeconfig context, "local" for this host, or the name
	// of the file that is replayed.
	Context       string
	ServerVersion string
	Provider      snat.Provider
	// Source is "live", "local" or "recording".
	Source string
}

// Loss is what the picture is known to lack.
type Loss struct {
	EventsLost          uint64
	DestinationsDropped uint64
	// NodesUnseen lists the nodes without numbers, each with its reason.
	NodesUnseen []NodeUnseen
}

// NodeUnseen is a node without numbers.
type NodeUnseen struct{ Node, Reason string }

// State says how well a node is seen.
type State string

// The states of a node; the last three and StateStreaming are those of
// snattop.report/v1, the others last only while a node is being reached.
const (
	StateWaiting     State = "waiting"
	StateConnecting  State = "connecting"
	StateStreaming   State = "streaming"
	StateUnreachable State = "unreachable"
	StateDenied      State = "denied"
	StateNotLinux    State = "not-linux"
)

// Node is one machine of the cluster.
type Node struct {
	Name       string
	InternalIP string
	ProviderID string
	OS         string
	Ready      bool

	State State
	// Error says what failed and what next; empty while all is well.
	Error string
	// Progress says what is being waited for while State is connecting.
	Progress string
	// LeftOut means that the operator did not ask for this node.
	LeftOut bool
	// Rung is the way in that serves: "node pod", "ephemeral container", …
	Rung string

	// Collector is the one in use, by its name on the wire; Sight says what it
	// can see.
	Collector string
	Kernel    string
	Features  []wire.Feature
	// Handovers are the collectors that failed while they ran, oldest first;
	// the newest few only.
	Handovers []Handover
	// Since is when numbers began; CountedSince is when events began to be
	// counted without a gap, which every new start of a probe and every
	// hand-over make; LastTick is when the newest numbers arrived.
	Since        time.Time
	CountedSince time.Time
	LastTick     time.Time
	// Interval is the time between ticks.
	Interval time.Duration
	// Scoped lists the pods that are seen when not the whole node is.
	Scoped []string
	// Problems are what the probe could not see.
	Problems []string
	Loss     wire.Loss
	Cost     wire.Cost
	// ProbeCPU is the processor time that the probe takes, in milliseconds a
	// second; 0 when it is not known.
	ProbeCPU float64

	Budget snat.Budget
	// BudgetWas is the last change of the budget while it was watched; nil
	// when it has not changed.
	BudgetWas *BudgetChange
	Verdict   snat.Verdict
	Why       []string
	// Full are the destinations towards which no port is left.
	Full []snat.Dest
	// FullIn is when the budget is used up if it goes on as it does: 0 means
	// now, nil that it is not known or that it does not fill.
	FullIn *time.Duration
	// Measured is what the cloud says of this node; nil when it says nothing.
	Measured *cloud.NodeReading
	Counts
	// Trend is the ports estimate over the last minutes, oldest first, one
	// value every TrendStep.
	Trend []int
	// Conntrack is the node's own table; nil when it could not be read.
	Conntrack *wire.Conntrack
	// ConntrackLost is what that table loses, in events a second; nil when it
	// could not be read twice.
	ConntrackLost *ConntrackLoss
	// Tracked is who opened the connections in that table, most first; empty
	// where the probe does not tell.
	Tracked []TrackedSource

	// Owners is worst first: by estimate, then open, then name.
	Owners []*Owner
}

// BudgetChange is a budget that became another.
type BudgetChange struct {
	At       time.Time
	From, To snat.Budget
}

// ConntrackLoss is what a connection tracking table loses, in events a second.
type ConntrackLoss struct{ InsertFailed, Drop, EarlyDrop float64 }

// TrendStep is the time between two values of a node's trend.
const TrendStep = 5 * time.Second

// Key identifies an owner across snapshots: stable for the life of a pod or a
// host unit.
type Key string

// Workload is what made a pod, or the unit or command of a host process (then
// Kind is "unit" or "process").
type Workload = inventory.Workload

// Owner is who holds flows: a pod, or a part of the host.
type Owner struct {
	Key  Key
	Node string
	// Namespace and Name are empty for a process of the host that belongs to
	// no pod; then Workload holds its unit or command.
	Namespace, Name, UID string
	Workload             Workload
	HostNetwork          bool
	// Known is false for a pod that the watch has not (or no longer) shown.
	Known bool
	IPs   []netip.Addr
	// Containers are names where the watch told them, else short IDs.
	Containers []string
	Phase      string
	// OwnEgress says why none of its flows uses a port of the node; empty when
	// they do.
	OwnEgress string
	// LocalPorts is how many local ports its network namespace has for
	// outbound connections to one destination; 0 when it is not known.
	LocalPorts int

	Counts
	// Listed is what Dests returns of an owner that was made by hand. A session
	// leaves it empty.
	Listed []*Dest
	// cards are what Dests are made of, and names what their addresses are
	// called.
	cards []*card
	names *directory
}

// Title is how the owner is named on a page: "shop/checkout-x" or
// "host: sshd.service".
func (o *Owner) Title() string {
	if o.Name == "" {
		return "host: " + o.Workload.Name
	}
	if o.Namespace == "" {
		return o.Name
	}
	return o.Namespace + "/" + o.Name
}

// Counts are numbers of eligible flows, summed over destinations. TCP and UDP
// pools are separate at the balancer; Ports and the gauges are TCP's.
type Counts struct {
	Ports snat.Ports
	// Open is established and closing flows; Trying is SYNs without an
	// answer; Cooling is closed flows whose port is probably still held.
	Open, Trying, Cooling int
	// Waiting are those of Trying that have been without an answer for some
	// ticks: not merely on their way.
	Waiting int
	// Abandoned are attempts that ended without an answer and whose port may
	// still be held.
	Abandoned int
	// UDP are the ports of the UDP pool.
	UDP snat.Ports
	// Silent is nil when the collector cannot see it.
	Silent *Silence
	// OpenTrend is Open over the last minutes, oldest first, one value every
	// TrendStep.
	OpenTrend []int
	// Levels are how the numbers have stood over the last half minute.
	Levels Levels
	// EstablishedPublic is the seeds' count: TCP sockets in ESTABLISHED to a
	// public address. SynSentPublic likewise for SYN_SENT.
	EstablishedPublic, SynSentPublic int
	// All is the number of flows to any destination, eligible or not.
	All int
	// UDPFlows is the number of eligible UDP flows.
	UDPFlows int
	// Rates are events a second over the last ticks.
	OpensPerSecond, ClosesPerSecond, FailedPerSecond float64
	// Trouble and Lives are nil when the collector cannot see them. Lives are
	// those since CountedSince.
	Trouble *Trouble
	Lives   *Lives
}

// Dest is one destination of one owner.
type Dest struct {
	snat.Dest
	// Name is what the address is called: a Service, a pod, a node; may be "".
	Name string
	snat.Class

	// SynSent of UDP are flows that nobody has answered.
	Established, Closing, SynSent, TimeWait, Cooling int
	// Waiting and Abandoned are as in Counts.
	Waiting, Abandoned int
	// Endpoints are the public addresses behind a Service's: where the ports
	// are really used.
	Endpoints []netip.AddrPort
	// mixed means that private addresses are behind it as well.
	mixed bool
	// Silent is nil when the collector cannot see it.
	Silent *Silence
	// OpenTrend is Open over the last minutes, oldest first, one value every
	// TrendStep; nil for destinations that never had many.
	OpenTrend []int
	// Levels is nil for destinations that never had many, too.
	Levels *Levels

	OpensPerSecond, ClosesPerSecond, FailedPerSecond float64
	// Trouble and Lives are nil when the collector cannot see them, and for
	// UDP, which has neither.
	Trouble *Trouble
	Lives   *Lives

	// Processes is known for owners in focus only.
	Processes []Process
	// Detailed means that Processes is meaningful, even when empty.
	Detailed bool
}

// Counting reports whether events have been counted for long enough to speak
// of: one tick tells what is there, not what happens.
func (n *Node) Counting() bool {
	return n.LastTick.After(n.Since) && n.LastTick.After(n.CountedSince)
}

// Open is the number of established and closing flows.
func (d *Dest) Open() int { return d.Established + d.Closing }

// Process holds flows to a destination.
type Process struct {
	// PID is the node's; 0 when the kernel names no process.
	PID int
	// Command may be empty: then the process is unknown.
	Command string
	// Container is its name where known, else a short ID, else "".
	Container            string
	Established, SynSent int
}

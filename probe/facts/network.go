package facts

// PartNetwork is how pods are wired to the node, and what their wires lost while
// they were watched.
const PartNetwork Part = "network"

// Bounds of a Network.
const (
	// MaxPodLinks bounds the interfaces of pods; a node holds 250 pods at most.
	MaxPodLinks = 512
	maxBridges  = 8
	maxTunnels  = 8
	maxBad      = 64
	maxTypes    = 16
	maxLabel    = 128
)

// Network is the node's side of its pods' network. Counters are what was added
// during the window, never history.
type Network struct {
	CNI     CNI      `cbor:"1,keyasint"`
	Bridges []Bridge `cbor:"2,keyasint,omitempty"`
	// Uplink is what the node's default route leaves by; Name is empty without
	// one.
	Uplink Wire `cbor:"3,keyasint"`
	// Tunnels are the overlay's devices that are up: VXLAN, IPIP, Geneve,
	// WireGuard.
	Tunnels []Wire `cbor:"4,keyasint,omitempty"`
	// Pods are those whose namespace could be entered, worst first.
	Pods []PodLink `cbor:"5,keyasint,omitempty"`
	// Hidden counts pods' namespaces that could not be entered.
	Hidden     int        `cbor:"6,keyasint,omitempty"`
	Neighbours Neighbours `cbor:"7,keyasint"`
	// Millis is the length of the window; 0 when there was no second look.
	Millis int64 `cbor:"8,keyasint,omitempty"`
	// SoftnetDropped are packets that no processor had room for, of the whole
	// machine (/proc/net/softnet_stat, second column).
	SoftnetDropped uint64 `cbor:"9,keyasint,omitempty"`
}

// CNI is the configuration that the runtime uses: the first of the files in
// /etc/cni/net.d that reads as one.
type CNI struct {
	// File is its name; empty when there is none, and Error says why.
	File  string `cbor:"1,keyasint,omitempty"`
	Error string `cbor:"2,keyasint,omitempty"`
	// Types are its plugins in order ("bridge", "portmap").
	Types []string `cbor:"3,keyasint,omitempty"`
	// Bridge is the bridge that it is to make; empty when it makes none.
	Bridge string `cbor:"4,keyasint,omitempty"`
}

// Wire is an interface of the node.
type Wire struct {
	Name string `cbor:"1,keyasint,omitempty"`
	MTU  int    `cbor:"2,keyasint,omitempty"`
}

// Bridge is a bridge that pods hang on.
type Bridge struct {
	Wire Wire `cbor:"1,keyasint"`
	Up   bool `cbor:"2,keyasint,omitempty"`
	// State is its operational state as `ip link` writes it.
	State string `cbor:"3,keyasint,omitempty"`
	// Ports counts its interfaces, PortsDown those that are set down.
	Ports     int `cbor:"4,keyasint,omitempty"`
	PortsDown int `cbor:"5,keyasint,omitempty"`
	// Address is the hardware's.
	Address string `cbor:"6,keyasint,omitempty"`
}

// PodLink is a pod's interface with the node's end of it.
type PodLink struct {
	// PodUID is that of the pod by its control group.
	PodUID string `cbor:"1,keyasint"`
	// Inner is the pod's own end, Outer the node's; Outer is empty when the
	// interface has no end on the node (ipvlan, SR-IOV).
	Inner Wire `cbor:"2,keyasint"`
	Outer Wire `cbor:"3,keyasint,omitzero"`
	// Master is the bridge that Outer is a port of, or empty.
	Master string `cbor:"4,keyasint,omitempty"`
	// Packets passed in both directions; Dropped and Errors are the sums over
	// both ends.
	Packets uint64 `cbor:"5,keyasint,omitempty"`
	Dropped uint64 `cbor:"6,keyasint,omitempty"`
	Errors  uint64 `cbor:"7,keyasint,omitempty"`
	// OutSegs are the TCP segments that the pod sent; Retrans of them were sent
	// again, SynRetrans of those were attempts to connect.
	OutSegs    uint64 `cbor:"8,keyasint,omitempty"`
	Retrans    uint64 `cbor:"9,keyasint,omitempty"`
	SynRetrans uint64 `cbor:"10,keyasint,omitempty"`
}

// Neighbours is what the node has learned of hardware addresses.
type Neighbours struct {
	// Entries are those of the kernel's IPv4 table, of all namespaces where the
	// kernel tells; Max is gc_thresh3, 0 when it cannot be read.
	Entries int `cbor:"1,keyasint,omitempty"`
	Max     int `cbor:"2,keyasint,omitempty"`
	// Full counts, in the window, the entries for which there was no room.
	Full uint64 `cbor:"3,keyasint,omitempty"`
	// Learned counts entries with an address of the pods' interfaces.
	Learned int `cbor:"4,keyasint,omitempty"`
	// Bad are those of the pods' interfaces that do not answer.
	Bad []Neighbour `cbor:"5,keyasint,omitempty"`
}

// Neighbour is one entry. State is the kernel's word: FAILED, INCOMPLETE.
type Neighbour struct {
	IP    string `cbor:"1,keyasint"`
	Link  string `cbor:"2,keyasint"`
	State string `cbor:"3,keyasint"`
}

func (n *Network) bound() {
	if n == nil {
		return
	}
	n.CNI.bound()
	n.Uplink.bound()
	n.Bridges = n.Bridges[:min(len(n.Bridges), maxBridges)]
	for i := range n.Bridges {
		b := &n.Bridges[i]
		b.Wire.bound()
		b.State, b.Address = cut(b.State, maxLabel), cut(b.Address, maxLabel)
	}
	n.Tunnels = n.Tunnels[:min(len(n.Tunnels), maxTunnels)]
	for i := range n.Tunnels {
		n.Tunnels[i].bound()
	}
	n.Pods = n.Pods[:min(len(n.Pods), MaxPodLinks)]
	for i := range n.Pods {
		p := &n.Pods[i]
		p.Inner.bound()
		p.Outer.bound()
		p.PodUID, p.Master = cut(p.PodUID, maxLabel), cut(p.Master, maxLabel)
	}
	bad := n.Neighbours.Bad
	bad = bad[:min(len(bad), maxBad)]
	for i := range bad {
		bad[i].IP, bad[i].Link, bad[i].State = cut(bad[i].IP, maxLabel), cut(bad[i].Link, maxLabel), cut(bad[i].State, maxLabel)
	}
	n.Neighbours.Bad = bad
}

func (c *CNI) bound() {
	c.File, c.Error, c.Bridge = cut(c.File, maxLabel), cut(c.Error, 4*maxLabel), cut(c.Bridge, maxLabel)
	c.Types = c.Types[:min(len(c.Types), maxTypes)]
	for i := range c.Types {
		c.Types[i] = cut(c.Types[i], maxLabel)
	}
}

func (w *Wire) bound() { w.Name = cut(w.Name, maxLabel) }

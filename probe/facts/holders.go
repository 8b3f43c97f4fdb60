package facts

import (
	"slices"
	"strings"
)

// PartHolders is who holds the ports in the network of certain pods.
// Ask.Holders says of which.
const PartHolders Part = "holders"

// Bounds of what is asked and told.
const (
	MaxHolderPods = 32
	MaxHolders    = 256
	MaxComplaints = 64
)

// HolderPod is a pod whose listeners are wanted.
type HolderPod struct {
	UID string `cbor:"1,keyasint"`
	// HostNetwork: its ports are the node's.
	HostNetwork bool `cbor:"2,keyasint,omitempty"`
}

// Holder is a process that holds a port.
type Holder struct {
	// PodUID is the pod whose network it is.
	PodUID string `cbor:"1,keyasint"`
	// Network is "tcp" or "udp", Address what it is bound to.
	Network string `cbor:"2,keyasint"`
	Address string `cbor:"3,keyasint"`
	Port    uint16 `cbor:"4,keyasint"`
	// PID is 0 when no process could be found.
	PID     int    `cbor:"5,keyasint,omitempty"`
	Command string `cbor:"6,keyasint,omitempty"`
	Seconds int64  `cbor:"7,keyasint,omitempty"`
	// OwnerUID and Container are what the process's control group says; Unit
	// what it says of a process that is no pod's.
	OwnerUID  string `cbor:"8,keyasint,omitempty"`
	Container string `cbor:"9,keyasint,omitempty"`
	Unit      string `cbor:"10,keyasint,omitempty"`
}

// Complaint is a line of a container's log, as the kubelet keeps it on the node,
// that says that an address was in use.
type Complaint struct {
	PodUID    string `cbor:"1,keyasint"`
	Container string `cbor:"2,keyasint"`
	Line      string `cbor:"3,keyasint"`
}

// InUse reports whether a line says that a port was taken: the words of
// EADDRINUSE, in the cases in which programs write them.
func InUse(line string) bool {
	lower := strings.ToLower(line)
	for _, words := range []string{"address already in use", "eaddrinuse", "address in use", "only one usage of each socket address"} {
		if strings.Contains(lower, words) {
			return true
		}
	}
	return false
}

func (a Ask) withHolders(b Ask, out *Ask) {
	out.Holders = slices.Clone(a.Holders)
	for _, p := range b.Holders {
		if !slices.Contains(out.Holders, p) {
			out.Holders = append(out.Holders, p)
		}
	}
	out.Holders = out.Holders[:min(len(out.Holders), MaxHolderPods)]
}

func (s *Section) boundHolders() {
	s.Holders = s.Holders[:min(len(s.Holders), MaxHolders)]
	for i := range s.Holders {
		h := &s.Holders[i]
		h.PodUID, h.Network, h.Address = cut(h.PodUID, maxLabel), cut(h.Network, maxLabel), cut(h.Address, maxLabel)
		h.Command, h.OwnerUID, h.Container, h.Unit = cut(h.Command, 2*maxLabel), cut(h.OwnerUID, maxLabel), cut(h.Container, maxLabel), cut(h.Unit, 2*maxLabel)
	}
	s.Complaints = s.Complaints[:min(len(s.Complaints), MaxComplaints)]
	for i := range s.Complaints {
		c := &s.Complaints[i]
		c.PodUID, c.Container, c.Line = cut(c.PodUID, maxLabel), cut(c.Container, maxLabel), cut(c.Line, 4*maxLabel)
	}
}

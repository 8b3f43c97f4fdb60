// Package inventory holds what the API server says of a cluster, cut down to
// what a session joins with the numbers of the probes. Plain data: watches
// fill it, recordings store it, nothing here knows client-go.
package inventory

import "net/netip"

// Change is what the watches told since the last one.
type Change struct {
	// Nodes, Pods and Services were added or changed.
	Nodes    []Node    `cbor:"1,keyasint,omitempty"`
	Pods     []Pod     `cbor:"2,keyasint,omitempty"`
	Services []Service `cbor:"3,keyasint,omitempty"`
	// GoneNodes are names; GonePods and GoneServices are UIDs.
	GoneNodes    []string `cbor:"4,keyasint,omitempty"`
	GonePods     []string `cbor:"5,keyasint,omitempty"`
	GoneServices []string `cbor:"6,keyasint,omitempty"`
}

// Empty reports whether the change says nothing.
func (c *Change) Empty() bool {
	return len(c.Nodes)+len(c.Pods)+len(c.Services)+len(c.GoneNodes)+len(c.GonePods)+len(c.GoneServices) == 0
}

// Node is what the API server says of a node.
type Node struct {
	Name       string `cbor:"1,keyasint"`
	InternalIP string `cbor:"2,keyasint,omitempty"`
	ProviderID string `cbor:"3,keyasint,omitempty"`
	// OS and Arch as status.nodeInfo spells them: "linux", "amd64".
	OS    string `cbor:"4,keyasint,omitempty"`
	Arch  string `cbor:"5,keyasint,omitempty"`
	Ready bool   `cbor:"6,keyasint,omitempty"`
	// NotReady is the reason and message of the Ready condition while the
	// node is not ready: "KubeletNotReady: ...".
	NotReady string `cbor:"9,keyasint,omitempty"`
	// PodCIDRs and ExternalIPs as the node's spec and status tell them.
	PodCIDRs    []string `cbor:"7,keyasint,omitempty"`
	ExternalIPs []string `cbor:"8,keyasint,omitempty"`
	// Images are the references of the images that the node holds, smallest
	// first: a pod made of one of them needs no pull.
	Images []string `cbor:"-"`
}

// Pod is what the API server says of a pod.
type Pod struct {
	UID         string       `cbor:"1,keyasint"`
	Namespace   string       `cbor:"2,keyasint"`
	Name        string       `cbor:"3,keyasint"`
	Node        string       `cbor:"4,keyasint,omitempty"`
	HostNetwork bool         `cbor:"5,keyasint,omitempty"`
	Workload    Workload     `cbor:"6,keyasint,omitempty"`
	IPs         []netip.Addr `cbor:"7,keyasint,omitempty"`
	Phase       string       `cbor:"8,keyasint,omitempty"`
	Containers  []Container  `cbor:"9,keyasint,omitempty"`
	// ConfigHash is a static pod's kubernetes.io/config.hash, which its
	// cgroup carries in place of the UID.
	ConfigHash string `cbor:"10,keyasint,omitempty"`
}

// Container joins a container's name to its ID (without a scheme such as
// "containerd://").
type Container struct {
	Name string `cbor:"1,keyasint"`
	ID   string `cbor:"2,keyasint"`
}

// Service is what the API server says of a service.
type Service struct {
	UID        string       `cbor:"1,keyasint"`
	Namespace  string       `cbor:"2,keyasint"`
	Name       string       `cbor:"3,keyasint"`
	ClusterIPs []netip.Addr `cbor:"4,keyasint,omitempty"`
}

// Workload is what made a pod: "Deployment" "checkout".
type Workload struct {
	Kind string `cbor:"1,keyasint,omitempty"`
	Name string `cbor:"2,keyasint,omitempty"`
}

// shortKinds are kubectl's short names, where it has one.
var shortKinds = map[string]string{
	"Deployment": "deploy", "ReplicaSet": "rs", "StatefulSet": "sts", "DaemonSet": "ds",
	"ReplicationController": "rc", "Job": "job", "CronJob": "cronjob", "Node": "node",
}

// String returns "deploy/checkout", in kubectl's short names where it has one.
func (w Workload) String() string {
	if w.Name == "" {
		return ""
	}
	kind, ok := shortKinds[w.Kind]
	if !ok {
		kind = w.Kind
	}
	if kind == "" {
		return w.Name
	}
	return kind + "/" + w.Name
}

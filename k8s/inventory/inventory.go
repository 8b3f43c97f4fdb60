// Package inventory holds what the API server says of a cluster, cut down to
// what a session joins with the numbers of the probes. Plain data: watches
// fill it, recordings store it, nothing here knows client-go.
package inventory

import (
	"net/netip"
	"time"
)

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
	// Endpoints were added or changed; GoneEndpoints are UIDs of those that
	// are gone, or lead to private addresses only by now.
	Endpoints     []Endpoints `cbor:"7,keyasint,omitempty"`
	GoneEndpoints []string    `cbor:"8,keyasint,omitempty"`
}

// Empty reports whether the change says nothing.
func (c *Change) Empty() bool {
	return len(c.Nodes)+len(c.Pods)+len(c.Services)+len(c.Endpoints)+
		len(c.GoneNodes)+len(c.GonePods)+len(c.GoneServices)+len(c.GoneEndpoints) == 0
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
	// Labels are the few that say how the node's traffic leaves it; see
	// NodeLabels. Nil when it has none of them.
	Labels map[string]string `cbor:"10,keyasint,omitempty"`
	// Images are the references of the images that the node holds, smallest
	// first: a pod made of one of them needs no pull.
	Images []string `cbor:"-"`
}

// The labels of a node that are kept.
const (
	// LabelAzureCluster names the resource group that holds an AKS cluster's
	// nodes ("MC_…").
	LabelAzureCluster = "kubernetes.azure.com/cluster"
	// LabelAzurePool is the agent pool of an AKS node.
	LabelAzurePool = "kubernetes.azure.com/agentpool"
	// LabelAzureMode is what the pool is for: "system", "user" or "gateway".
	LabelAzureMode = "kubernetes.azure.com/mode"
	// LabelAzurePodNetwork is "overlay", "vnet" or "vnetblock" where pods do
	// not take addresses of the node's own subnet.
	LabelAzurePodNetwork = "kubernetes.azure.com/podnetwork-type"
	// LabelAzureHostRouting is "true" where eBPF programs masquerade: the
	// kernel's own connection tracking does not see those connections.
	LabelAzureHostRouting = "kubernetes.azure.com/ebpf-host-routing"
	// LabelGKEPool and LabelEKSGroup name the pool of a GKE node and the group
	// of an EKS one: enough to know the cloud where there is no provider ID.
	LabelGKEPool  = "cloud.google.com/gke-nodepool"
	LabelEKSGroup = "eks.amazonaws.com/nodegroup"
)

// NodeLabels lists the labels that Node.Labels may hold.
func NodeLabels() []string {
	return []string{LabelAzureCluster, LabelAzurePool, LabelAzureMode, LabelAzurePodNetwork, LabelAzureHostRouting, LabelGKEPool, LabelEKSGroup}
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
	// OwnEgress says why connections of the pod take no SNAT port of its node:
	// "static egress gateway NAME". Empty when they do, as far as is known.
	OwnEgress string `cbor:"11,keyasint,omitempty"`
	// Created is when the pod came to be, by the API server's clock; zero when
	// that is not known.
	Created time.Time `cbor:"12,keyasint,omitzero"`
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
	// Ports are those of the ClusterIPs.
	Ports []ServicePort `cbor:"5,keyasint,omitempty"`
}

// Workload is what made a pod: "Deployment" "checkout".
type Workload struct {
	Kind string `cbor:"1,keyasint,omitempty"`
	Name string `cbor:"2,keyasint,omitempty"`
}

// Batch reports whether the pod runs to an end: it is a Job's, or a CronJob's
// by way of a Job.
func (w Workload) Batch() bool { return w.Kind == "Job" || w.Kind == "CronJob" }

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

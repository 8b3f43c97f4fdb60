package session_test

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

const (
	appID  = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	sideID = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
	hash   = "d41d8cd98f00b204e9800998ecf8427e"
)

func TestOwnerNames(t *testing.T) {
	t.Parallel()
	pods := []inventory.Pod{
		{
			UID: "u1", Namespace: "shop", Name: "checkout-1", Node: "n1", Phase: "Running",
			Workload:   inventory.Workload{Kind: "Deployment", Name: "checkout"},
			IPs:        []netip.Addr{ip("10.244.0.9")},
			Containers: []inventory.Container{{Name: "app", ID: appID}, {Name: "side", ID: sideID}},
		},
		{UID: "u2", Namespace: "kube-system", Name: "kube-proxy-n1", Node: "n1", HostNetwork: true, Workload: inventory.Workload{Kind: "Node", Name: "n1"}, ConfigHash: hash},
		{UID: "u3", Namespace: "mesh", Name: "agent-x", Node: "n1", HostNetwork: true, Containers: []inventory.Container{{Name: "agent", ID: appID[1:] + "0"}}},
	}
	for name, c := range map[string]struct {
		owner      wire.Owner
		title, uid string
		workload   inventory.Workload
		host       bool
		known      bool
		containers []string
	}{
		"by UID": {
			wire.Owner{PodUID: "u1", NetNS: 7, ContainerIDs: []string{appID, sideID, strings.Repeat("e", 64)}},
			"shop/checkout-1", "u1", inventory.Workload{Kind: "Deployment", Name: "checkout"}, false, true, []string{"app", "side"},
		},
		"by container, where the cgroup hides the UID": {
			wire.Owner{NetNS: 7, ContainerIDs: []string{sideID}, Unit: "container fedcba987654"},
			"shop/checkout-1", "u1", inventory.Workload{Kind: "Deployment", Name: "checkout"}, false, true, []string{"side"},
		},
		"by container on the host's network": {
			wire.Owner{NetNS: 1, HostNetwork: true, ContainerIDs: []string{appID[1:] + "0"}, Unit: "container 123456789abc"},
			"mesh/agent-x", "u3", inventory.Workload{}, true, true, []string{"agent"},
		},
		"static pod by its hash": {
			wire.Owner{PodUID: hash, NetNS: 1, HostNetwork: true},
			"kube-system/kube-proxy-n1", "u2", inventory.Workload{Kind: "Node", Name: "n1"}, true, true, nil,
		},
		"unknown pod": {
			wire.Owner{PodUID: "9f1c7a52-0000-4000-8000-123456789abc", NetNS: 7},
			"pod 9f1c7a52-000", "9f1c7a52-0000-4000-8000-123456789abc", inventory.Workload{}, false, false, nil,
		},
		"unknown container": {
			wire.Owner{NetNS: 7, ContainerIDs: []string{strings.Repeat("e", 64)}},
			"pod eeeeeeeeeeee", strings.Repeat("e", 64), inventory.Workload{}, false, false, nil,
		},
		"unit of the host": {
			wire.Owner{NetNS: 1, HostNetwork: true, Unit: "sshd.service"},
			"host: sshd.service", "", inventory.Workload{Kind: "unit", Name: "sshd.service"}, true, true, nil,
		},
		"process of the host": {
			wire.Owner{NetNS: 1, HostNetwork: true, Unit: "curl"},
			"host: curl", "", inventory.Workload{Kind: "process", Name: "curl"}, true, true, nil,
		},
		"nobody": {
			wire.Owner{NetNS: 1, HostNetwork: true},
			"host: process unknown", "", inventory.Workload{Kind: "process", Name: "process unknown"}, true, true, nil,
		},
		"a namespace that no pod has": {
			wire.Owner{NetNS: 9, Unit: "curl"},
			"host: curl", "", inventory.Workload{Kind: "netns", Name: "curl"}, false, true, nil,
		},
		"a dot is no unit": {
			wire.Owner{NetNS: 1, HostNetwork: true, Unit: ".service"},
			"host: .service", "", inventory.Workload{Kind: "process", Name: ".service"}, true, true, nil,
		},
	} {
		f := aks(pods...)
		c.owner.ID = 1
		f.full("n1", wire.Tick{Owners: []wire.Owner{c.owner}, Rows: []wire.Row{to(1, 1, wire.Row{Established: 1})}})
		o := f.only(t, "n1")
		if o.Title() != c.title || o.UID != c.uid || o.Workload != c.workload || o.HostNetwork != c.host || o.Known != c.known ||
			!slices.Equal(o.Containers, c.containers) || o.Node != "n1" {
			t.Errorf("%s: %q %+v", name, o.Title(), o)
		}
		if (o.Name == "") != (c.uid == "") || o.Name == "" && o.Namespace != "" {
			t.Errorf("%s: namespace %q and name %q", name, o.Namespace, o.Name)
		}
	}
}

// The same command in several namespaces is several owners.
func TestNamespacesStayApart(t *testing.T) {
	t.Parallel()
	f := aks()
	f.full("n1", wire.Tick{
		Owners: []wire.Owner{{ID: 1, NetNS: 10, Unit: "curl"}, {ID: 2, NetNS: 11, Unit: "curl"}, {ID: 3, NetNS: 1, HostNetwork: true, Unit: "curl"}},
		Rows:   []wire.Row{to(1, 1, wire.Row{Established: 1}), to(2, 2, wire.Row{Established: 2}), to(3, 3, wire.Row{Established: 4})},
	})
	n := f.node(t, "n1")
	if len(n.Owners) != 3 || n.Open != 7 || n.Owners[0].Open != 4 || n.Owners[2].Open != 1 {
		t.Errorf("%q, %d open", titles(n), n.Open)
	}
	// They share the node's ports: one destination holds them all.
	if n.Ports.Min != 7 {
		t.Errorf("ports %+v", n.Ports)
	}
}

func TestPodIsNamedLater(t *testing.T) {
	t.Parallel()
	f := aks()
	f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{to(1, 1, wire.Row{Established: 1})}})
	before := f.only(t, "n1")
	if before.Known || before.Title() != "pod u1" {
		t.Fatalf("%q is known", before.Title())
	}
	f.objects(inventory.Change{Pods: []inventory.Pod{podOf("u1", "checkout-1")}})
	o := f.only(t, "n1")
	if !o.Known || o.Title() != "shop/checkout-1" || o.Key != before.Key {
		t.Errorf("%q, key %q; was %q", o.Title(), o.Key, before.Key)
	}
	// A pod that is deleted keeps its flows, and its name with them.
	f.objects(inventory.Change{GonePods: []string{"u1"}})
	if o = f.only(t, "n1"); o.Known || o.Open != 1 || o.Key != before.Key || o.Title() != "shop/checkout-1" || o.Workload.Name != "checkout" || o.Phase != "" {
		t.Errorf("%+v", o)
	}
}

// Names of pods that have gone are kept for the newest of them only.
func TestGonePodsAreForgotten(t *testing.T) {
	t.Parallel()
	f := aks()
	f.full("n1", wire.Tick{
		Owners: []wire.Owner{podOwner(1, "u1"), {ID: 2, NetNS: 9, ContainerIDs: []string{appID}}},
		Rows:   []wire.Row{to(1, 1, wire.Row{Established: 1}), to(2, 2, wire.Row{Established: 1})},
	})
	hidden := podOf("u2", "hidden")
	hidden.Containers = []inventory.Container{{Name: "app", ID: appID}}
	f.objects(inventory.Change{Pods: []inventory.Pod{podOf("u1", "checkout-1"), hidden}})
	f.objects(inventory.Change{GonePods: []string{"u1", "u2"}})
	if got := titles(f.node(t, "n1")); !slices.Contains(got, "shop/checkout-1") || !slices.Contains(got, "shop/hidden") {
		t.Fatalf("%q", got)
	}
	for i := range 5000 {
		uid := "x" + strconv.Itoa(i)
		f.objects(inventory.Change{Pods: []inventory.Pod{podOf(uid, uid)}})
		f.objects(inventory.Change{GonePods: []string{uid}})
	}
	if got := titles(f.node(t, "n1")); slices.Contains(got, "shop/checkout-1") || slices.Contains(got, "shop/hidden") {
		t.Errorf("%q: it remembers for ever", got)
	}
}

// Addresses and containers that a probe finds out later are shown.
func TestOwnerIsToldAgain(t *testing.T) {
	t.Parallel()
	pod := podOf("u1", "checkout-1")
	pod.Containers = []inventory.Container{{Name: "app", ID: appID}}
	f := aks(pod)
	f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{to(1, 1, wire.Row{Established: 1})}})
	o := podOwner(1, "u1")
	o.ContainerIDs, o.IPs = []string{appID}, []netip.Addr{ip("10.244.0.9")}
	f.after(time.Second).tick("n1", wire.Tick{Owners: []wire.Owner{o}})
	if got := f.only(t, "n1"); !slices.Equal(got.Containers, []string{"app"}) || !slices.Equal(got.IPs, o.IPs) {
		t.Errorf("containers %q, addresses %v", got.Containers, got.IPs)
	}
}

// Probes in pods number their owners alike, each from 1.
func TestPodStreamsBesideEachOther(t *testing.T) {
	t.Parallel()
	f := aks(podOf("u1", "checkout-1"), podOf("u2", "checkout-2"))
	scoped := session.NodeState{State: session.StateStreaming, Rung: "ephemeral container", Scoped: []string{"shop/checkout-1", "shop/checkout-2"}}
	f.state("n1", scoped)
	for i, uid := range []string{"u1", "u2"} {
		f.pod = uid
		f.full("n1", wire.Tick{
			Owners:    []wire.Owner{{ID: 1, NetNS: 5}},
			Rows:      []wire.Row{to(1, 1, wire.Row{Established: uint32(10 * (i + 1))})},
			Conntrack: []wire.Conntrack{{HostNetwork: true, Count: 1, Max: 2}},
		})
	}
	n := f.node(t, "n1")
	if !slices.Equal(titles(n), []string{"shop/checkout-2", "shop/checkout-1"}) || n.Open != 30 || n.Ports.Min != 30 {
		t.Errorf("%q, %+v", titles(n), n.Counts)
	}
	if n.Conntrack != nil {
		t.Error("a pod's table is taken for the node's")
	}
	// One of them starts anew; the other's flows stay.
	f.pod = "u1"
	f.after(time.Second).full("n1", wire.Tick{})
	if n = f.node(t, "n1"); !slices.Equal(titles(n), []string{"shop/checkout-2"}) || n.Open != 20 {
		t.Errorf("%q, %+v", titles(n), n.Counts)
	}
}

func TestAddressNames(t *testing.T) {
	t.Parallel()
	web := podOf("u2", "web-0")
	web.IPs = []netip.Addr{ip("10.244.0.20")}
	agent := inventory.Pod{UID: "u3", Namespace: "mesh", Name: "agent", Node: "n1", HostNetwork: true, IPs: []netip.Addr{ip("10.0.0.4")}}
	done := podOf("u4", "job-1")
	done.Phase, done.IPs = "Succeeded", []netip.Addr{ip("10.244.0.21")}
	f := aks(web, agent, done)
	f.objects(inventory.Change{
		Nodes:    []inventory.Node{{Name: "n2", InternalIP: "10.0.0.4", ExternalIPs: []string{"20.1.1.1", "not an address"}, PodCIDRs: []string{"20.244.0.0/24", "nonsense"}}},
		Services: []inventory.Service{{UID: "s1", Namespace: "shop", Name: "db", ClusterIPs: []netip.Addr{ip("10.96.0.5")}}},
	})
	f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}})
	label := func(addr string) (string, string) {
		t.Helper()
		f.after(time.Second)
		f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{to(1, 1, wire.Row{IP: ip(addr), Established: 1})}})
		d := f.only(t, "n1").Dests()[0]
		return d.Name, d.WhyNot
	}
	for addr, want := range map[string][2]string{
		"10.244.0.20": {"shop/web-0", "private"},
		"10.244.0.21": {"", "private"},
		"10.0.0.4":    {"n2", "node"},
		"20.1.1.1":    {"n2", ""},
		"20.244.0.9":  {"", "pod network"},
		"10.96.0.5":   {"db.shop.svc", "private"},
		"20.60.1.9":   {"", ""},
	} {
		if name, why := label(addr); name != want[0] || why != want[1] {
			t.Errorf("%s is %q (%q), want %q", addr, name, why, want)
		}
	}
	// Successors with the same names and addresses come in the same handful.
	heir := web
	heir.UID = "u9"
	f.objects(inventory.Change{
		Pods: []inventory.Pod{heir}, GonePods: []string{"u2"},
		Services: []inventory.Service{{UID: "s2", Namespace: "shop", Name: "db", ClusterIPs: []netip.Addr{ip("10.96.0.5")}}}, GoneServices: []string{"s1"},
		Nodes: []inventory.Node{{Name: "n3", InternalIP: "10.0.0.4"}}, GoneNodes: []string{"n2"},
	})
	for addr, want := range map[string]string{"10.244.0.20": "shop/web-0", "10.96.0.5": "db.shop.svc", "10.0.0.4": "n3", "20.1.1.1": ""} {
		if name, _ := label(addr); name != want {
			t.Errorf("after the change %s is %q, want %q", addr, name, want)
		}
	}
	f.objects(inventory.Change{GonePods: []string{"u9"}, GoneServices: []string{"s2"}})
	for _, addr := range []string{"10.244.0.20", "10.96.0.5"} {
		if name, _ := label(addr); name != "" {
			t.Errorf("%s is still %q", addr, name)
		}
	}
}

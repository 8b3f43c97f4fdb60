package session_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// kubernetesService is the Service that every pod reaches the API server by.
func kubernetesService() inventory.Service {
	return inventory.Service{
		UID: "svc", Namespace: "default", Name: "kubernetes", ClusterIPs: ips("10.0.0.1"),
		Ports: []inventory.ServicePort{{Name: "https", Protocol: snat.TCP, Port: 443, Target: 6443}},
	}
}

func slice(uid string, addrs ...string) inventory.Endpoints {
	return inventory.Endpoints{
		UID: uid, Namespace: "default", Service: "kubernetes", Addresses: ips(addrs...),
		Ports: []inventory.EndpointPort{{Name: "https", Protocol: snat.TCP, Port: 6443}},
	}
}

// toService is one owner's connections to the Service's own address.
func toService(f *feed, owner wire.Owner, established uint32) {
	f.full("n1", wire.Tick{Owners: []wire.Owner{owner}, Rows: []wire.Row{
		to(1, owner.ID, wire.Row{IP: ip("10.0.0.1"), Established: established}),
	}})
	f.idle("n1", 10*time.Minute) // nothing of before the start is left
}

func TestServiceWithPublicEndpoint(t *testing.T) {
	t.Parallel()
	f := aks()
	f.objects(inventory.Change{Services: []inventory.Service{kubernetesService()}})
	toService(f, podOwner(1, "u1"), 7)
	o := f.only(t, "n1")
	if d := o.Dests()[0]; d.Eligible || d.WhyNot != "private" || o.Ports != (snat.Ports{}) {
		t.Fatalf("served from private addresses, as far as is known: %+v %+v", d.Class, o.Ports)
	}

	f.objects(inventory.Change{Endpoints: []inventory.Endpoints{slice("s1", "20.50.2.1")}})
	o = f.only(t, "n1")
	d := o.Dests()[0]
	if !d.Eligible || d.WhyNot != "" || d.Public || len(d.Endpoints) != 1 || d.Endpoints[0] != netip.MustParseAddrPort("20.50.2.1:6443") {
		t.Errorf("%+v, behind it %v", d.Class, d.Endpoints)
	}
	if want := (snat.Ports{Min: 7, Estimate: 7, Max: 7}); o.Ports != want || f.node(t, "n1").Ports != want {
		t.Errorf("%+v of the pod, %+v of the node, want %+v", o.Ports, f.node(t, "n1").Ports, want)
	}
	if o.EstablishedPublic != 0 || o.Open != 7 {
		t.Errorf("%d public sockets and %d open flows; netstat shows a private address, and 7 ports are in use", o.EstablishedPublic, o.Open)
	}

	f.objects(inventory.Change{GoneEndpoints: []string{"s1"}})
	if d = f.only(t, "n1").Dests()[0]; d.Eligible || len(d.Endpoints) != 0 {
		t.Errorf("after the endpoint has gone: %+v", d)
	}
}

// Connections to the Service and to its endpoint itself share the endpoint's
// ports.
func TestServiceAndEndpointAddUp(t *testing.T) {
	t.Parallel()
	f := aks()
	f.objects(inventory.Change{Services: []inventory.Service{kubernetesService()}, Endpoints: []inventory.Endpoints{slice("s1", "20.50.2.1")}})
	f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1"), podOwner(2, "u2")}, Rows: []wire.Row{
		to(1, 1, wire.Row{IP: ip("10.0.0.1"), Established: 7}),
		to(2, 2, wire.Row{IP: ip("20.50.2.1"), Port: 6443, Established: 5}),
		to(3, 2, wire.Row{Established: 9}),
	}})
	f.idle("n1", 10*time.Minute)
	if got, want := f.node(t, "n1").Ports, (snat.Ports{Min: 12, Estimate: 12, Max: 21}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// Which of several endpoints took a connection is not known: nothing is sure
// but the sum.
func TestServiceWithSeveralEndpoints(t *testing.T) {
	t.Parallel()
	f := aks()
	f.objects(inventory.Change{
		Services:  []inventory.Service{kubernetesService()},
		Endpoints: []inventory.Endpoints{slice("s1", "20.50.2.1", "20.50.2.2"), slice("s2", "20.50.2.3", "10.9.9.9")},
	})
	toService(f, podOwner(1, "u1"), 10)
	if got, want := f.node(t, "n1").Ports, (snat.Ports{Min: 0, Estimate: 4, Max: 10}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if d := f.only(t, "n1").Dests()[0]; len(d.Endpoints) != 3 {
		t.Errorf("behind the Service are %v, want the three public ones", d.Endpoints)
	}
}

// With a private address behind it as well, not one port is sure.
func TestServiceWithMixedEndpoints(t *testing.T) {
	t.Parallel()
	f := aks()
	f.objects(inventory.Change{
		Services:  []inventory.Service{kubernetesService()},
		Endpoints: []inventory.Endpoints{slice("s1", "20.50.2.1", "10.9.9.9")},
	})
	toService(f, podOwner(1, "u1"), 10)
	if got, want := f.node(t, "n1").Ports, (snat.Ports{Min: 0, Estimate: 10, Max: 10}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestEgressOfItsOwn(t *testing.T) {
	t.Parallel()
	gateway := podOf("u1", "checkout-x")
	gateway.OwnEgress = "static egress gateway\x1b[31m blue"
	public := azureNode("n1")
	public.ExternalIPs = []string{"52.1.2.3", "not an address"}
	six := azureNode("n1")
	six.ExternalIPs = []string{"2001:db8::7"}
	for name, c := range map[string]struct {
		objects inventory.Change
		dest    string
		why     string
	}{
		"the node's ports":                    {inventory.Change{Pods: []inventory.Pod{podOf("u1", "checkout-x")}}, "20.60.1.9", ""},
		"a gateway of the pod's":              {inventory.Change{Pods: []inventory.Pod{gateway}}, "20.60.1.9", "static egress gateway blue"},
		"a node with a public address":        {inventory.Change{Nodes: []inventory.Node{public}}, "20.60.1.9", "the node has a public address of its own"},
		"which is no IPv6 address":            {inventory.Change{Nodes: []inventory.Node{public}}, "2606:4700::1", ""},
		"a node with a public IPv6 address":   {inventory.Change{Nodes: []inventory.Node{six}}, "2606:4700::1", "the node has a public address of its own"},
		"which is no IPv4 address":            {inventory.Change{Nodes: []inventory.Node{six}}, "20.60.1.9", ""},
		"what is private stays private there": {inventory.Change{Nodes: []inventory.Node{public}}, "10.9.9.9", "private"},
	} {
		f := aks()
		f.objects(c.objects)
		f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{to(1, 1, wire.Row{IP: ip(c.dest), Established: 5})}})
		f.idle("n1", 10*time.Minute)
		o := f.only(t, "n1")
		if d := o.Dests()[0]; d.WhyNot != c.why || d.Eligible != (c.why == "") || (o.Ports.Max > 0) != d.Eligible {
			t.Errorf("%s: %+v and %+v, want %q", name, d.Class, o.Ports, c.why)
		}
	}
}

// What no annotation tells, the operator may.
func TestOwnEgressByName(t *testing.T) {
	t.Parallel()
	host := podOf("u1", "checkout-x")
	host.HostNetwork = true
	for name, c := range map[string]struct {
		pod  inventory.Pod
		told []string
		why  string
	}{
		"a namespace":              {podOf("u1", "checkout-x"), []string{"mail", "shop"}, "--own-egress shop"},
		"a workload":               {podOf("u1", "checkout-x"), []string{"shop/checkout-"}, "--own-egress shop/checkout-"},
		"another workload":         {podOf("u1", "checkout-x"), []string{"shop/search-"}, ""},
		"another namespace":        {podOf("u1", "checkout-x"), []string{"sho", "shopping"}, ""},
		"a pod on the node's side": {host, []string{"shop"}, ""},
	} {
		f := newFeed(session.Options{Provider: snat.ProviderAzureLB})
		f.put(session.Event{Settings: &session.Settings{OwnEgress: c.told}})
		f.objects(inventory.Change{Pods: []inventory.Pod{c.pod}})
		f.streaming("n1")
		f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{to(1, 1, wire.Row{Established: 5})}})
		o := f.only(t, "n1")
		if o.OwnEgress != c.why || o.Dests()[0].WhyNot != c.why || o.Dests()[0].Eligible != (c.why == "") {
			t.Errorf("%s: %q, %+v", name, o.OwnEgress, o.Dests()[0].Class)
		}
	}
}

func TestUDPHasPortsOfItsOwn(t *testing.T) {
	t.Parallel()
	f := newFeed(session.Options{Provider: snat.ProviderAzureLB, SNATPorts: 100})
	f.streaming("n1")
	f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{
		to(1, 1, wire.Row{Established: 10}),
		to(2, 1, wire.Row{Protocol: udp, Port: 53, Established: 85, SynSent: 80}),
	}})
	f.idle("n1", 10*time.Minute)
	n := f.node(t, "n1")
	if n.Ports != (snat.Ports{Min: 10, Estimate: 10, Max: 10}) || n.UDP != (snat.Ports{Min: 85, Estimate: 85, Max: 85}) || n.UDPFlows != 85 || n.All != 95 {
		t.Errorf("%+v", n.Counts)
	}
	if n.Verdict != snat.Pressured {
		t.Errorf("%s %q", n.Verdict, n.Why)
	}
}

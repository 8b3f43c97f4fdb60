package session_test

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// A picture is made of what has changed since the last one. Two sessions hear
// and show the same; one of them makes every picture from nothing.
func TestPictureOfChangesIsThatOfAll(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		provider := rapid.SampledFrom([]snat.Provider{snat.ProviderAzureLB, snat.ProviderAzureNATGW}).Draw(t, "provider")
		source := rapid.SampledFrom([]string{"live", "recording"}).Draw(t, "source")
		changed, whole := session.New(session.Options{Provider: provider}), session.New(session.Options{Provider: provider})
		both := func(do func(*session.Session)) {
			do(changed)
			do(whole)
		}
		var kept []held
		for _, e := range life(t) {
			if e.Cluster != nil {
				e.Cluster.Source = source
			}
			both(func(s *session.Session) { s.Put(e) })
			switch rapid.IntRange(0, 9).Draw(t, "then") {
			case 0:
				owner := rapid.SampledFrom([]session.Key{"pod/u1", "pod/u2", "host/kubelet.service"}).Draw(t, "owner")
				both(func(s *session.Session) { s.FocusOn("n1", owner) })
			case 1:
				both(func(s *session.Session) { s.FocusAll() })
			case 2:
				c := ways(t)
				both(func(s *session.Session) { s.Put(session.Event{Time: e.Time, Objects: c}) })
			case 3, 4, 5:
				whole.Forget()
				is, want := changed.Snapshot(), whole.Snapshot()
				if a, b := differ(facts(is), facts(want)); a != nil || b != nil {
					t.Fatalf("after %s the picture says\n%+v\nand from nothing\n%+v", e.Time.Sub(epoch), a, b)
				}
				kept = append(kept, held{is, facts(is)})
			}
		}
		for _, h := range kept {
			if a, b := differ(facts(h.pic), h.then); a != nil || b != nil {
				t.Fatalf("the picture of %s says\n%+v\nand when it was new\n%+v", h.pic.Time.Sub(epoch), a, b)
			}
		}
	})
}

// held is a picture that somebody keeps, and what it said when it was new.
type held struct {
	pic  *session.Snapshot
	then []any
}

// differ returns the first fact in which two lists differ, nil where they do
// not.
func differ(a, b []any) (x, y any) {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) {
			return len(a), len(b)
		}
		if !reflect.DeepEqual(a[i], b[i]) {
			return a[i], b[i]
		}
	}
	return nil, nil
}

// facts is all that a picture says, in its order. Versions count pictures.
func facts(pic *session.Snapshot) []any {
	head := *pic
	head.Nodes, head.Version = nil, 0
	out := []any{head}
	for _, n := range pic.Nodes {
		node := *n
		node.Owners = nil
		out = append(out, node)
		for _, o := range n.Owners {
			out = append(out, o.Title(), o.Key, o.Containers, o.Phase, o.OwnEgress, o.Known, o.Counts)
			for _, d := range o.Dests() {
				out = append(out, *d)
			}
		}
	}
	return out
}

// ways draws a change of where connections lead and whether they count.
func ways(t *rapid.T) *inventory.Change {
	switch rapid.IntRange(0, 5).Draw(t, "way") {
	case 0:
		return &inventory.Change{GoneServices: []string{"s1"}}
	case 1:
		return &inventory.Change{Services: []inventory.Service{{UID: "s1", Namespace: "shop", Name: "api", ClusterIPs: ips("10.0.0.9"), Ports: []inventory.ServicePort{{Protocol: snat.TCP, Port: 443}}}}}
	case 2:
		return &inventory.Change{GoneEndpoints: []string{"e1"}}
	case 3:
		n := azureNode("n1")
		n.ExternalIPs = rapid.SampledFrom([][]string{nil, {"20.1.1.1"}}).Draw(t, "external")
		n.PodCIDRs = rapid.SampledFrom([][]string{nil, {"20.60.1.0/31"}}).Draw(t, "cidrs")
		return &inventory.Change{Nodes: []inventory.Node{n}}
	case 4:
		p := podOf("u1", "checkout-1")
		p.OwnEgress = rapid.SampledFrom([]string{"", "a gateway of its own"}).Draw(t, "egress")
		return &inventory.Change{Pods: []inventory.Pod{p}}
	default:
		e := inventory.Endpoints{UID: "e1", Namespace: "shop", Service: "api", Addresses: ips("20.9.9.9"), Ports: []inventory.EndpointPort{{Protocol: snat.TCP, Port: 443}}}
		if rapid.Bool().Draw(t, "several") {
			e.Addresses = ips("20.9.9.9", "20.60.1.1", "10.9.9.9")
		}
		return &inventory.Change{Endpoints: []inventory.Endpoints{e}}
	}
}

// Nothing is made anew of what nothing was told of.
func TestPicturesShareWhatDidNotChange(t *testing.T) {
	t.Parallel()
	f := aks(podOf("u1", "checkout-1"), podOf("u2", "search-1"))
	f.objects(inventory.Change{Nodes: []inventory.Node{azureNode("n2")}})
	f.streaming("n2")
	f.load("n2", 3, 0)
	f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1"), podOwner(2, "u2")}, Rows: []wire.Row{
		to(1, 1, wire.Row{Established: 5}), to(2, 2, wire.Row{Established: 3}), to(3, 2, wire.Row{Established: 2, Port: 80}),
	}})
	f.Snapshot()
	f.after(500*time.Millisecond).tick("n1", wire.Tick{Rows: []wire.Row{{ID: 1, Established: 6, Opens: 1}}})
	was := f.Snapshot()
	f.after(500*time.Millisecond-1).tick("n1", wire.Tick{Rows: []wire.Row{{ID: 1, Established: 7, Opens: 1}}})
	is := f.Snapshot()
	if is.Node("n2") != was.Node("n2") {
		t.Error("a node that said nothing is another")
	}
	for key, same := range map[session.Key]bool{"pod/u1": false, "pod/u2": true} {
		if got := session.SameCards(ownerOf(is, key), ownerOf(was, key)); got != same {
			t.Errorf("%s shares its destinations with the picture before: %v", key, got)
		}
	}
}

func ownerOf(pic *session.Snapshot, key session.Key) *session.Owner {
	for _, o := range pic.Node("n1").Owners {
		if o.Key == key {
			return o
		}
	}
	return nil
}

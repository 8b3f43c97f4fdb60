package session_test

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// fatal is what testing.T and rapid.T have in common.
type fatal interface{ Fatal(args ...any) }

// stored is a checkpoint as it comes back from a file.
func stored(t fatal, s *session.Session) []session.Piece {
	pieces, ok := s.Checkpoint()
	if !ok {
		t.Fatal("the session is not worth a checkpoint")
	}
	enc, dec, err := wire.Modes()
	if err != nil {
		t.Fatal(err)
	}
	out := make([]session.Piece, len(pieces))
	for i := range pieces {
		b, err := enc.Marshal(pieces[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := dec.Unmarshal(b, &out[i]); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// life draws what a source tells: everything that a session remembers comes up.
func life(t *rapid.T) []session.Event {
	now := epoch
	var out []session.Event
	put := func(e session.Event) {
		e.Time = now
		out = append(out, e)
	}
	put(session.Event{Settings: &session.Settings{SNATPorts: rapid.SampledFrom([]int{0, 64}).Draw(t, "ports"), Timers: snat.Timers{FIN: 30 * time.Second}}})
	put(session.Event{Cluster: &session.ClusterInfo{Context: "c", Source: "recording", Provider: snat.ProviderAzureLB}})
	put(session.Event{Objects: &inventory.Change{
		Nodes: []inventory.Node{azureNode("n1"), azureNode("n2")}, Pods: []inventory.Pod{podOf("u1", "checkout-1"), podOf("u2", "search-1")},
		Services:  []inventory.Service{{UID: "s1", Namespace: "shop", Name: "api", ClusterIPs: ips("10.0.0.9"), Ports: []inventory.ServicePort{{Protocol: snat.TCP, Port: 443}}}},
		Endpoints: []inventory.Endpoints{{UID: "e1", Namespace: "shop", Service: "api", Addresses: ips("20.9.9.9"), Ports: []inventory.EndpointPort{{Protocol: snat.TCP, Port: 443}}}},
	}})
	for _, n := range []string{"n1", "n2"} {
		put(session.Event{Node: n, State: &session.NodeState{State: session.StateStreaming}})
		put(session.Event{Node: n, Hello: &wire.Hello{Collector: "ebpf", IntervalMillis: 1000}})
		put(session.Event{Node: n, Tick: fullTick(t)})
	}
	for range rapid.IntRange(1, 60).Draw(t, "events") {
		now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 300, 1000, 1000, 1000, 2500, 20_000, 300_000}).Draw(t, "ms")) * time.Millisecond)
		node := rapid.SampledFrom([]string{"n1", "n1", "n2"}).Draw(t, "node")
		switch rapid.IntRange(0, 15).Draw(t, "kind") {
		case 0:
			put(session.Event{Node: node, Tick: fullTick(t)})
		case 1:
			over := fullTick(t)
			over.Collector, over.Problems = rapid.SampledFrom([]string{"diag", "ebpf"}).Draw(t, "over"), []string{"it broke"}
			put(session.Event{Node: node, Tick: over})
		case 2:
			put(session.Event{Objects: change(t)})
		case 3:
			used := rapid.IntRange(0, 100).Draw(t, "used")
			put(session.Event{Cloud: &cloud.Reading{Provider: snat.ProviderAzureLB, Nodes: []cloud.NodeReading{{Name: "n1", At: now, TCP: cloud.Usage{Allocated: &used, Used: &used}}}}})
		case 4:
			put(session.Event{Node: node, State: &session.NodeState{State: rapid.SampledFrom([]session.State{session.StateStreaming, session.StateUnreachable}).Draw(t, "state"), Error: "x"}})
		case 5:
			problem := rapid.SampledFrom([]string{"", "the watch broke"}).Draw(t, "problem")
			put(session.Event{Problem: &problem})
		case 6:
			put(session.Event{Node: node, PodUID: "u1", Hello: &wire.Hello{Collector: "procfs"}})
			put(session.Event{Node: node, PodUID: "u1", Tick: fullTick(t)})
		default:
			put(session.Event{Node: node, Tick: tickOf(t)})
		}
	}
	return out
}

func change(t *rapid.T) *inventory.Change {
	pod := podOf("u"+fmt.Sprint(rapid.IntRange(1, 4).Draw(t, "uid")), rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name"))
	pod.IPs, pod.Containers = ips("10.244.0.7"), []inventory.Container{{Name: "app", ID: "container-1"}}
	switch rapid.IntRange(0, 4).Draw(t, "change") {
	case 0:
		return &inventory.Change{GonePods: []string{pod.UID}}
	case 1:
		return &inventory.Change{GoneNodes: []string{"n2"}}
	case 2:
		return &inventory.Change{Nodes: []inventory.Node{azureNode("n2"), azureNode("n3")}}
	default:
		return &inventory.Change{Pods: []inventory.Pod{pod}}
	}
}

func fullTick(t *rapid.T) *wire.Tick {
	tick := &wire.Tick{Seq: 1, Full: true, Conntrack: []wire.Conntrack{{HostNetwork: true, Count: 5, Max: 1000}}, Sources: []wire.Source{{IP: ip("10.1.1.1"), TCP: 3}}}
	tick.Owners = []wire.Owner{podOwner(1, "u1"), podOwner(2, "u2"), {ID: 3, NetNS: 1, HostNetwork: true, Unit: "kubelet.service"}, {ID: 4, NetNS: 2, ContainerIDs: []string{"container-1"}}}
	for id := range uint32(8) {
		tick.Rows = append(tick.Rows, rowOf(t, id+1))
	}
	return tick
}

func rowOf(t *rapid.T, id uint32) wire.Row {
	n := func(most uint32) uint32 { return rapid.Uint32Range(0, most).Draw(t, "n") }
	r := wire.Row{Established: n(60), SynSent: n(9), Opens: n(9), Closes: n(9), Fails: n(4)}
	switch rapid.IntRange(0, 5).Draw(t, "more") {
	case 0:
		r.Resets, r.Refused, r.TimedOut, r.SynRetrans = n(3), n(1), n(1), n(2)
	case 1:
		r.Lives = []wire.Life{{Bucket: uint8(n(23)), Count: 1 + n(4)}}
	case 2:
		r.Silent = []uint32{n(3), n(3)}
	case 3:
		r.Detailed, r.Processes = true, []wire.Process{{PID: 4, Command: "checkout", Established: 3}}
	}
	one := to(id, 1+(id-1)%4, r)
	one.IP = netip.AddrFrom4([4]byte{20, 60, 1, byte(id / 2)})
	switch id {
	case 7:
		one.Protocol = udp
	case 8:
		one.IP = ip("10.0.0.9") // the Service
	}
	return one
}

func tickOf(t *rapid.T) *wire.Tick {
	tick := &wire.Tick{ElapsedNanos: int64(time.Second), Cost: wire.Cost{CPUNanos: 1e6}, Loss: wire.Loss{Events: 1}}
	for range rapid.IntRange(0, 4).Draw(t, "rows") {
		tick.Rows = append(tick.Rows, rowOf(t, rapid.Uint32Range(1, 8).Draw(t, "id")))
	}
	if rapid.IntRange(0, 3).Draw(t, "go") == 0 {
		tick.GoneRows = []uint32{rapid.Uint32Range(1, 8).Draw(t, "gone")}
	}
	if rapid.IntRange(0, 7).Draw(t, "owner goes") == 0 {
		tick.GoneOwners = []uint32{2}
	}
	if rapid.Bool().Draw(t, "conntrack") {
		tick.Conntrack = []wire.Conntrack{{HostNetwork: true, Count: 9, Max: 1000, Drop: uint64(rapid.IntRange(0, 9).Draw(t, "drop"))}}
	}
	return tick
}

// A session that goes on from a checkpoint shows what one shows that has heard
// everything, whenever the checkpoint was made, and whoever looked meanwhile.
func TestCheckpoint(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events := life(t)
		cut := rapid.IntRange(0, len(events)).Draw(t, "cut")
		looks := rapid.Bool().Draw(t, "looks")
		whole, first := session.New(session.Options{}), session.New(session.Options{})
		for i, e := range events {
			whole.Put(e)
			if i < cut {
				first.Put(e)
				if looks && i%3 == 0 {
					first.Snapshot()
				}
			}
		}
		then, err := session.Restored(stored(t, first))
		if err != nil {
			t.Fatal(err)
		}
		seen := session.New(session.Options{SNATPorts: 7})
		seen.Put(events[len(events)-1])
		seen.Take(then)
		for _, e := range events[cut:] {
			seen.Put(e)
		}
		// A picture that was made is kept for a moment: ask for new ones.
		whole.FocusAll()
		seen.FocusAll()
		if what := differs(whole.Snapshot(), seen.Snapshot()); what != "" {
			t.Fatal(what)
		}
	})
}

// differs says where two pictures differ by more than the order in which
// numbers are added up.
func differs(a, b *session.Snapshot) string {
	x, y := *a, *b
	x.Version, y.Version = 0, 0
	return unlike("picture", reflect.ValueOf(x), reflect.ValueOf(y))
}

func unlike(path string, a, b reflect.Value) string {
	different := func() string { return fmt.Sprintf("%s: %v and %v", path, a, b) }
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() != b.IsNil() {
			return different()
		}
		if a.IsNil() {
			return ""
		}
		return unlike(path, a.Elem(), b.Elem())
	case reflect.Struct:
		if at, ok := a.Interface().(time.Time); ok {
			if !at.Equal(b.Interface().(time.Time)) {
				return different()
			}
			return ""
		}
		if _, ok := a.Interface().(netip.Addr); ok {
			if a.Interface() != b.Interface() {
				return different()
			}
			return ""
		}
		for i := range a.NumField() {
			if !a.Type().Field(i).IsExported() {
				continue
			}
			if what := unlike(path+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i)); what != "" {
				return what
			}
		}
		return ""
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() {
			return different()
		}
		for i := range a.Len() {
			if what := unlike(fmt.Sprintf("%s[%d]", path, i), a.Index(i), b.Index(i)); what != "" {
				return what
			}
		}
		return ""
	case reflect.Float64:
		if math.Abs(a.Float()-b.Float()) > 1e-9*max(1, math.Abs(a.Float())) {
			return different()
		}
		return ""
	default:
		if d, ok := a.Interface().(time.Duration); ok {
			if (d - b.Interface().(time.Duration)).Abs() > time.Microsecond {
				return different()
			}
			return ""
		}
		if !reflect.DeepEqual(a.Interface(), b.Interface()) {
			return different()
		}
		return ""
	}
}

func TestNoCheckpoint(t *testing.T) {
	t.Parallel()
	f := aks(podOf("u1", "checkout-1"))
	f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{to(1, 1, wire.Row{Established: 3})}})
	good := stored(t, f.Session)
	for name, pieces := range map[string][]session.Piece{
		"nothing": nil, "no head": good[1:], "half": good[:len(good)-1], "a node twice": append(append(good[:1:1], good[2:]...), good[len(good)-2]),
	} {
		if _, err := session.Restored(pieces); !errors.Is(err, session.ErrCheckpoint) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := session.Restored(good); err != nil {
		t.Error(err)
	}
	// A large cluster is not worth one.
	var many []wire.Row
	for i := range uint32(40_001) {
		many = append(many, to(i+1, 1, wire.Row{Established: 1, IP: netip.AddrFrom4([4]byte{20, 60, byte(i >> 8), byte(i)})}))
	}
	f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: many})
	if _, ok := f.Checkpoint(); ok {
		t.Error("a session of so many flows was written down")
	}
}

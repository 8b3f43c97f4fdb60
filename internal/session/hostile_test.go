package session_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// evil is what a name may hold that wants to be more than a name.
const evil = "\x1b]0;owned\x07\x1b[2J\u202egpj.exe\u2066\u009b31m\nsecond\rline\x00\xff"

// walk goes through a value and hands every text in it to see, with its path.
func walk(v reflect.Value, path string, see func(path, text string)) {
	if a, ok := v.Interface().(netip.Addr); ok {
		see(path, a.String())
		return
	}
	switch v.Kind() {
	case reflect.String:
		see(path, v.String())
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			walk(v.Elem(), path, see)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				walk(v.Field(i), path+"."+v.Type().Field(i).Name, see)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			walk(v.Index(i), fmt.Sprintf("%s[%d]", path, i), see)
		}
	default:
	}
}

// poison sets every text that a value holds.
func poison(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() {
			v.SetString(text)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			poison(v.Elem(), text)
		}
	case reflect.Struct:
		if _, ok := v.Interface().(netip.Addr); ok {
			v.Set(reflect.ValueOf(netip.MustParseAddr("fe80::1%e").WithZone(text)))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				poison(v.Field(i), text)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			poison(v.Index(i), text)
		}
	default:
	}
}

func TestHostileTextIsCleanedWhereverItEnters(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"escape": evil, "long": strings.Repeat("名\x1b[1m", 4_000), "bytes": strings.Repeat("\xff", 10_000)} {
		f := newFeed(session.Options{SNATPorts: 128})
		f.FocusAll()
		ips := []netip.Addr{ip("10.1.1.1")}
		change := inventory.Change{
			Nodes:    []inventory.Node{{PodCIDRs: []string{""}, ExternalIPs: []string{""}}},
			Pods:     []inventory.Pod{{IPs: ips, Containers: []inventory.Container{{}}}},
			Services: []inventory.Service{{ClusterIPs: ips}},
		}
		tick := wire.Tick{
			Full: true, Problems: []string{""}, Collector: "x", Sources: []wire.Source{{TCP: 1}},
			Owners: []wire.Owner{{ID: 1, IPs: ips, ContainerIDs: []string{""}}, {ID: 2, HostNetwork: true}},
			Rows: []wire.Row{
				{ID: 1, Owner: 1, Protocol: tcp, IP: ip("10.1.1.1"), Port: 1, Established: 1, Detailed: true, Processes: []wire.Process{{}}},
				{ID: 2, Owner: 2, Protocol: tcp, IP: ip("10.1.1.1"), Port: 1, Established: 1},
			},
		}
		events := []session.Event{
			{Cluster: &session.ClusterInfo{}}, {Objects: &change}, {Problem: new(string)},
			{State: &session.NodeState{Scoped: []string{""}}}, {Hello: &wire.Hello{Features: []wire.Feature{{}}}},
			{Tick: &tick}, {Bye: &wire.Bye{Failed: true}},
		}
		for i := range events {
			poison(reflect.ValueOf(&events[i]).Elem(), text)
		}
		// Once with the UID of the owner, once with that of the stream.
		for _, scope := range []string{"", text} {
			for _, e := range events {
				e.Time, e.PodUID = f.now, scope
				tick.Owners[1].PodUID, tick.Owners[1].ContainerIDs = "", nil
				f.Put(e)
			}
		}
		pic := f.Snapshot()
		seen := 0
		walk(reflect.ValueOf(pic), "", func(path, s string) {
			if s != "" {
				seen++
			}
			if !utf8.ValidString(s) {
				t.Errorf("%s: %s = %.40q is no UTF-8", name, path, s)
			}
			if len(s) > 7_000 {
				t.Errorf("%s: %s has %d bytes", name, path, len(s))
			}
			if i := strings.IndexFunc(s, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }); i >= 0 {
				t.Errorf("%s: %s = %.40q", name, path, s)
			}
			if strings.Contains(s, "%") && strings.Contains(path, "IP") {
				t.Errorf("%s: %s = %.40q has a zone", name, path, s)
			}
		})
		if seen < 25 {
			t.Errorf("%s: only %d texts arrived; the test has lost its subject", name, seen)
		}
	}
}

// generators of events that a broken or hostile source might tell.
var (
	genNode = rapid.SampledFrom([]string{"n1", "n2", ""})
	genUID  = rapid.SampledFrom([]string{"", "u1", "u2", hash})
	genIP   = rapid.SampledFrom([]netip.Addr{{}, ip("20.60.1.9"), ip("::ffff:20.60.1.9"), ip("10.0.0.1"), ip("2600::1"), ip("fe80::1%eth0")})
	genNum  = rapid.OneOf(rapid.Uint32Range(0, 50), rapid.SampledFrom([]uint32{0, 1 << 16, math.MaxUint32}))
	genID   = rapid.Uint32Range(0, 6)
)

func genOwner(t *rapid.T) wire.Owner {
	return wire.Owner{
		ID: genID.Draw(t, "id"), NetNS: uint64(genID.Draw(t, "ns")), HostNetwork: rapid.Bool().Draw(t, "host"), PodUID: genUID.Draw(t, "uid"),
		ContainerIDs: rapid.SampledFrom([][]string{nil, {appID}, {sideID, ""}}).Draw(t, "containers"), Unit: rapid.SampledFrom([]string{"", "a.service", "b"}).Draw(t, "unit"),
	}
}

func genRow(t *rapid.T) wire.Row {
	r := wire.Row{
		ID: genID.Draw(t, "row"), Owner: genID.Draw(t, "owner"), Protocol: rapid.SampledFrom([]uint8{tcp, udp, 0, 132}).Draw(t, "proto"), IP: genIP.Draw(t, "ip"),
		Port: rapid.SampledFrom([]uint16{0, 443}).Draw(t, "port"), Established: genNum.Draw(t, "est"), Closing: genNum.Draw(t, "closing"),
		SynSent: genNum.Draw(t, "syn"), TimeWait: genNum.Draw(t, "tw"), Opens: genNum.Draw(t, "opens"), Closes: genNum.Draw(t, "closes"), Fails: genNum.Draw(t, "fails"),
		Resets: genNum.Draw(t, "resets"), Refused: genNum.Draw(t, "refused"), TimedOut: genNum.Draw(t, "timedout"), NoPort: genNum.Draw(t, "noport"),
		SynRetrans: genNum.Draw(t, "synretrans"), Retrans: genNum.Draw(t, "retrans"), ResetsIn: genNum.Draw(t, "resetsin"), ResetsOut: genNum.Draw(t, "resetsout"),
		Lives: rapid.SliceOfN(rapid.Custom(genLife), 0, 3).Draw(t, "lives"),
	}
	if r.Detailed = rapid.Bool().Draw(t, "detailed"); r.Detailed {
		r.Processes = []wire.Process{{PID: 1, ContainerID: sideID, Established: 1}}
	}
	return r
}

func genLife(t *rapid.T) wire.Life {
	return wire.Life{Bucket: rapid.SampledFrom([]uint8{0, 3, 22, 23, 24, 255}).Draw(t, "bucket"), Count: genNum.Draw(t, "count")}
}

func genSource(t *rapid.T) wire.Source {
	return wire.Source{IP: genIP.Draw(t, "source"), TCP: genNum.Draw(t, "tcp"), UDP: genNum.Draw(t, "udp"), Local: rapid.Bool().Draw(t, "local")}
}

// genCollector is "" most of the time: no hand-over.
var genCollector = rapid.SampledFrom([]string{"", "", "", "ebpf", "tcptracer", "diag", "x"})

func genEvent(t *rapid.T) session.Event {
	e := session.Event{Node: genNode.Draw(t, "node"), PodUID: genUID.Draw(t, "scope")}
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0:
		e.State = &session.NodeState{State: rapid.SampledFrom([]session.State{session.StateStreaming, session.StateDenied, ""}).Draw(t, "state"),
			Scoped: rapid.SampledFrom([][]string{nil, {"a/b"}}).Draw(t, "scoped")}
	case 1:
		e.Hello = &wire.Hello{IntervalMillis: rapid.Int64().Draw(t, "interval"), Collector: genCollector.Draw(t, "hello")}
	case 2:
		e.Objects = &inventory.Change{
			Nodes:     []inventory.Node{{Name: genNode.Draw(t, "name"), ProviderID: rapid.SampledFrom([]string{"", "azure:///x", "gce://x"}).Draw(t, "provider"), InternalIP: "20.60.1.9"}},
			Pods:      []inventory.Pod{{UID: genUID.Draw(t, "pod"), Name: "p", ConfigHash: hash, Containers: []inventory.Container{{Name: "c", ID: sideID}}, IPs: []netip.Addr{genIP.Draw(t, "podip")}}},
			GoneNodes: rapid.SliceOfN(genNode, 0, 1).Draw(t, "gone"), GonePods: rapid.SliceOfN(genUID, 0, 1).Draw(t, "gonepods"),
		}
	case 3:
		e.Bye = &wire.Bye{Failed: true, Reason: "x"}
	case 4:
		e.Cluster = &session.ClusterInfo{Provider: rapid.SampledFrom([]snat.Provider{"", snat.ProviderAWSNATGW}).Draw(t, "told")}
	case 5: // nothing at all
	default:
		e.Tick = &wire.Tick{
			Full: rapid.IntRange(0, 4).Draw(t, "full") == 0, ElapsedNanos: rapid.SampledFrom([]int64{0, -1, 1, 1e9, math.MaxInt64}).Draw(t, "elapsed"),
			Owners: rapid.SliceOfN(rapid.Custom(genOwner), 0, 4).Draw(t, "owners"), Rows: rapid.SliceOfN(rapid.Custom(genRow), 0, 6).Draw(t, "rows"),
			GoneRows: rapid.SliceOfN(genID, 0, 2).Draw(t, "gonerows"), GoneOwners: rapid.SliceOfN(genID, 0, 1).Draw(t, "goneowners"),
			Collector: genCollector.Draw(t, "collector"), Sources: rapid.SliceOfN(rapid.Custom(genSource), 0, 3).Draw(t, "sources"),
			Cost: wire.Cost{CPUNanos: rapid.Int64().Draw(t, "cpu")},
		}
	}
	return e
}

func TestAnySequenceOfEvents(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := newFeed(session.Options{SNATPorts: rapid.SampledFrom([]int{0, 128}).Draw(t, "ports")})
		var version uint64
		for range rapid.IntRange(1, 25).Draw(t, "events") {
			f.after(time.Duration(rapid.SampledFrom([]int64{0, 1, 1e9, 3e11, -5e9}).Draw(t, "later")))
			f.put(genEvent(t))
			f.FocusOn("n1", rapid.SampledFrom([]session.Key{"", "pod/u1"}).Draw(t, "focus"))
			if rapid.Bool().Draw(t, "skip") {
				continue
			}
			pic := f.Snapshot()
			if pic.Version <= version {
				t.Fatalf("version %d after %d", pic.Version, version)
			}
			version = pic.Version
			checkPicture(t, pic)
		}
	})
}

func checkPicture(t *rapid.T, pic *session.Snapshot) {
	if _, err := json.Marshal(pic); err != nil {
		t.Fatalf("a picture with numbers that are none: %v", err)
	}
	for i, n := range pic.Nodes {
		if i > 0 && pic.Nodes[i-1].Verdict.Rank() > n.Verdict.Rank() {
			t.Fatalf("%s is worse than %s before it", n.Name, pic.Nodes[i-1].Name)
		}
		if n.Verdict == "" || len(n.Why) == 0 {
			t.Fatalf("%s: verdict %q, why %q", n.Name, n.Verdict, n.Why)
		}
		checkPorts(t, n.Name, n.Ports)
		checkSeen(t, n)
		var sum session.Counts
		keys := map[session.Key]bool{}
		for _, o := range n.Owners {
			checkPorts(t, o.Title(), o.Ports)
			if keys[o.Key] {
				t.Fatalf("%s stands there twice", o.Key)
			}
			keys[o.Key] = true
			sum.Open, sum.Trying, sum.Cooling, sum.All = sum.Open+o.Open, sum.Trying+o.Trying, sum.Cooling+o.Cooling, sum.All+o.All
			sum.UDPFlows, sum.EstablishedPublic = sum.UDPFlows+o.UDPFlows, sum.EstablishedPublic+o.EstablishedPublic
			open := 0
			dests := map[snat.Dest]bool{}
			for _, d := range o.Dests() {
				if dests[d.Dest] {
					t.Fatalf("%s has %s twice", o.Key, d.Dest)
				}
				dests[d.Dest] = true
				if d.Eligible && d.Protocol == snat.TCP {
					open += d.Open()
				}
			}
			if open != o.Open {
				t.Fatalf("%s: %d open, its destinations have %d", o.Key, o.Open, open)
			}
			if o.Ports.Min > n.Ports.Min {
				t.Fatalf("%s uses %d ports of a node's %d", o.Key, o.Ports.Min, n.Ports.Min)
			}
		}
		if sum.Open != n.Open || sum.Trying != n.Trying || sum.Cooling != n.Cooling || sum.All != n.All || sum.UDPFlows != n.UDPFlows || sum.EstablishedPublic != n.EstablishedPublic {
			t.Fatalf("%s: %+v, its owners have %+v", n.Name, n.Counts, sum)
		}
	}
}

// checkSeen holds a node against what its collector can see, and what is above
// against what is below.
func checkSeen(t *rapid.T, n *session.Node) {
	if sight := n.Sight(); (n.Trouble != nil) != sight.Trouble || (n.Lives != nil) != sight.Lives {
		t.Fatalf("%s: %q sees %+v, the node has %v and %v", n.Name, n.Collector, sight, n.Trouble, n.Lives)
	}
	if len(n.Handovers) > 16 || n.ProbeCPU < 0 {
		t.Fatalf("%s: %d hand-overs, %g ms of CPU", n.Name, len(n.Handovers), n.ProbeCPU)
	}
	for _, o := range n.Owners {
		if o.Lives == nil {
			continue
		}
		var sum uint64
		for _, d := range o.Dests() {
			if d.Eligible && d.Lives != nil {
				sum += d.Lives.Ended()
			}
		}
		if got := o.Lives.Ended(); got < sum {
			t.Fatalf("%s: %d ended, of its destinations %d", o.Key, got, sum)
		}
		if span, ok := o.Lives.Quantile(0.9); ok && span.Below != 0 && span.Below <= span.From {
			t.Fatalf("%s: 9 of 10 lived %v", o.Key, span)
		}
	}
}

func checkPorts(t *rapid.T, name string, p snat.Ports) {
	if p.Min < 0 || p.Min > p.Estimate || p.Estimate > p.Max {
		t.Fatalf("%s: %+v", name, p)
	}
}

package session_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe"
	"github.com/snattop/snattop/probe/wire"
)

// by is a streaming node that a collector looks at, with one connection.
func by(collector string) *feed {
	f := aks()
	f.hello(collector)
	f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{to(1, 1, wire.Row{Established: 1})}})
	return f
}

func (f *feed) hello(collector string) {
	f.put(session.Event{Node: "n1", Hello: &wire.Hello{Collector: collector, IntervalMillis: 1000}})
}

func lives(pairs ...uint32) []wire.Life {
	var out []wire.Life
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, wire.Life{Bucket: uint8(pairs[i]), Count: pairs[i+1]})
	}
	return out
}

// eventful is a row with every event that there is.
func eventful() wire.Row {
	return wire.Row{
		ID: 1, Established: 1, Opens: 90, Closes: 80, Fails: 70, Resets: 10, Refused: 20, TimedOut: 30, NoPort: 5,
		SynRetrans: 40, Retrans: 50, ResetsIn: 6, ResetsOut: 7, Lives: lives(3, 60, 6, 20),
	}
}

func near(got, want float64) bool { return math.Abs(got-want) < 0.1 }

func TestTroubleOfEveryLevel(t *testing.T) {
	t.Parallel()
	f := by("ebpf")
	for range 5 {
		f.after(time.Second).tick("n1", wire.Tick{Rows: []wire.Row{eventful()}})
	}
	n := f.node(t, "n1")
	for name, got := range map[string]*session.Trouble{"node": n.Trouble, "owner": n.Owners[0].Trouble, "destination": n.Owners[0].Dests()[0].Trouble} {
		if got == nil || !near(got.Resets, 10) || !near(got.Refused, 20) || !near(got.TimedOut, 30) || !near(got.NoPort, 5) ||
			!near(got.SynRetransmits, 40) || !near(got.Retransmits, 50) || !near(got.ResetsIn, 6) || !near(got.ResetsOut, 7) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for name, got := range map[string]*session.Lives{"node": n.Lives, "owner": n.Owners[0].Lives, "destination": n.Owners[0].Dests()[0].Lives} {
		if got == nil || got.Ended() != 400 || got[3] != 300 || got[6] != 100 {
			t.Errorf("%s: %v", name, got)
		}
	}
	if !n.Counting() || !n.CountedSince.Equal(epoch) {
		t.Errorf("counting %t since %s", n.Counting(), n.CountedSince)
	}
}

// What takes no port counts for its destination, and for nobody above it: as
// with every other number.
func TestTroubleWithPrivateAddresses(t *testing.T) {
	t.Parallel()
	f := aks()
	f.hello("ebpf")
	f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{
		to(1, 1, wire.Row{IP: ip("10.0.0.7"), Established: 1}), to(2, 1, wire.Row{Protocol: udp, Port: 53, Established: 1}),
	}})
	f.after(time.Second).tick("n1", wire.Tick{Rows: []wire.Row{eventful()}})
	o := f.only(t, "n1")
	for _, d := range o.Dests() {
		if d.Protocol == snat.UDP && (d.Trouble != nil || d.Lives != nil) {
			t.Errorf("UDP has no connections: %+v %v", d.Trouble, d.Lives)
		}
		if d.Protocol == snat.TCP && (d.Trouble == nil || !near(d.Trouble.Refused, 20) || d.Lives.Ended() != 80) {
			t.Errorf("%s: %+v %v", d.Dest, d.Trouble, d.Lives)
		}
	}
	if o.Trouble == nil || *o.Trouble != (session.Trouble{}) || o.Lives == nil || o.Lives.Ended() != 0 {
		t.Errorf("%+v %v", o.Trouble, o.Lives)
	}
}

// A collector that the probe gains is thought about here.
func TestEveryCollectorHasASight(t *testing.T) {
	t.Parallel()
	for _, c := range probe.Collectors() {
		if _, known := sights()[string(c)]; !known {
			t.Errorf("what can %s see?", c)
		}
	}
}

func sights() map[string]session.Sight {
	return map[string]session.Sight{
		"ebpf": {Events: true, Lives: true, Trouble: true, Attempts: true, Silence: true}, "tcptracer": {Events: true, Lives: true},
		"diag": {Attempts: true, Silence: true}, "procfs": {Attempts: true}, "": {Attempts: true}, "from the future": {Attempts: true},
	}
}

// What a collector cannot see is not known, whatever its probe says.
func TestSightDecidesWhatIsKnown(t *testing.T) {
	t.Parallel()
	for collector, want := range sights() {
		f := by(collector)
		f.after(time.Second).tick("n1", wire.Tick{Rows: []wire.Row{eventful()}})
		n := f.node(t, "n1")
		o := n.Owners[0]
		if told := strings.Contains(strings.Join(n.Why, " "), "does not see attempts"); told == want.Attempts {
			t.Errorf("%q: %q", collector, n.Why)
		}
		if got := n.Sight(); got != want {
			t.Errorf("%q: %+v", collector, got)
		}
		for _, known := range []bool{n.Trouble != nil, o.Trouble != nil, o.Dests()[0].Trouble != nil} {
			if known != want.Trouble {
				t.Errorf("%q: trouble is known: %t", collector, known)
			}
		}
		for _, known := range []bool{n.Lives != nil, o.Lives != nil, o.Dests()[0].Lives != nil} {
			if known != want.Lives {
				t.Errorf("%q: lives are known: %t", collector, known)
			}
		}
	}
	// A node that is seen and holds nothing has no trouble; that is known.
	f := aks()
	f.hello("ebpf")
	f.full("n1", wire.Tick{})
	if n := f.node(t, "n1"); n.Trouble == nil || n.Lives == nil || n.Counting() {
		t.Errorf("%+v %v, counting %t", n.Trouble, n.Lives, n.Counting())
	}
}

func TestQuantiles(t *testing.T) {
	t.Parallel()
	ms := func(from, below int) session.Span {
		return session.Span{From: time.Duration(from) * time.Millisecond, Below: time.Duration(below) * time.Millisecond}
	}
	top := session.Span{From: time.Millisecond << 22}
	for name, c := range map[string]struct {
		lives    *session.Lives
		p50, p90 session.Span
	}{
		"at once":      {&session.Lives{0: 9}, ms(0, 1), ms(0, 1)},
		"one":          {&session.Lives{5: 1}, ms(16, 32), ms(16, 32)},
		"half and one": {&session.Lives{3: 51, 6: 39, 9: 10}, ms(4, 8), ms(32, 64)},
		"half":         {&session.Lives{3: 50, 6: 50}, ms(4, 8), ms(32, 64)},
		"longest":      {&session.Lives{1: 1, 23: 8}, top, top},
		"too many":     {&session.Lives{2: math.MaxUint64, 4: math.MaxUint64}, ms(2, 4), ms(2, 4)},
	} {
		p50, ok := c.lives.Quantile(0.5)
		p90, also := c.lives.Quantile(0.9)
		if !ok || !also || p50 != c.p50 || p90 != c.p90 {
			t.Errorf("%s: %v %v, want %v %v", name, p50, p90, c.p50, c.p90)
		}
	}
	if s, ok := (&session.Lives{}).Quantile(0.5); ok {
		t.Errorf("nothing has ended, and half of it lived %v", s)
	}
	if s, _ := (&session.Lives{7: 3}).Quantile(2); s != ms(64, 128) {
		t.Errorf("more than all: %v", s)
	}
}

// What is written of a range stays true of it.
func TestSpanInWords(t *testing.T) {
	t.Parallel()
	want := []string{
		"<1 ms", "<2 ms", "<4 ms", "<8 ms", "<16 ms", "<32 ms", "<64 ms", "<128 ms", "<256 ms", "<512 ms",
		"<1.1 s", "<2.1 s", "<4.1 s", "<8.2 s", "<17 s", "<33 s", "<66 s", "<2.2 min", "<4.4 min", "<8.8 min", "<18 min", "<35 min", "<70 min", "≥69 min",
	}
	for i, w := range want {
		var l session.Lives
		l[i] = 1
		if s, _ := l.Quantile(0.5); s.String() != w {
			t.Errorf("bucket %d: %q, want %q", i, s, w)
		}
	}
}

// Those above a destination remember what it was told of when it is forgotten.
func TestLivesOutliveTheirDestinations(t *testing.T) {
	t.Parallel()
	f := aks()
	f.hello("ebpf")
	f.full("n1", wire.Tick{
		Owners: []wire.Owner{podOwner(1, "u1"), podOwner(2, "u2")},
		Rows: []wire.Row{
			to(1, 1, wire.Row{Established: 1}), to(2, 1, wire.Row{Port: 80, Established: 1}), to(3, 2, wire.Row{Established: 1}),
			to(4, 1, wire.Row{IP: ip("10.0.0.7"), Established: 1}),
		},
	})
	ended := func(id uint32) wire.Row { return wire.Row{ID: id, Lives: lives(4, 100)} }
	f.after(time.Second).tick("n1", wire.Tick{Rows: []wire.Row{ended(1), ended(2), ended(3), ended(4)}})
	f.after(time.Second).tick("n1", wire.Tick{Rows: []wire.Row{{ID: 1, Established: 1}}, GoneRows: []uint32{2, 3, 4}, GoneOwners: []uint32{2}})
	for range 60 {
		f.idle("n1", 10*time.Second)
		f.Snapshot()
	}
	n := f.node(t, "n1")
	if o := f.only(t, "n1"); len(o.Dests()) != 1 || o.Dests()[0].Lives.Ended() != 100 || o.Lives.Ended() != 200 || n.Lives.Ended() != 300 {
		t.Errorf("%d destinations, %d of the first, %d of the owner, %d of the node", len(o.Dests()), o.Dests()[0].Lives.Ended(), o.Lives.Ended(), n.Lives.Ended())
	}
	held := n.Lives
	f.after(time.Second).tick("n1", wire.Tick{Rows: []wire.Row{ended(1)}})
	if f.node(t, "n1").Lives.Ended() != 400 || held.Ended() != 300 {
		t.Error("a picture was written again")
	}
	// A new start counts from nothing.
	f.after(time.Second).full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{to(1, 1, wire.Row{Established: 1, Lives: lives(1, 9)})}})
	if n = f.node(t, "n1"); n.Lives.Ended() != 0 || n.Counting() || !n.CountedSince.Equal(f.now) || n.Since.Equal(n.CountedSince) {
		t.Errorf("%d, counting %t since %s", n.Lives.Ended(), n.Counting(), n.CountedSince)
	}
}

func TestHandover(t *testing.T) {
	t.Parallel()
	f := by("ebpf")
	f.after(time.Second).tick("n1", wire.Tick{Rows: []wire.Row{eventful()}})
	before := f.node(t, "n1")
	f.after(time.Second).full("n1", wire.Tick{
		Collector: "diag", Problems: []string{"the eBPF programs were detached"},
		Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{to(1, 1, wire.Row{Established: 1})},
	})
	n := f.node(t, "n1")
	want := session.Handover{At: f.now, From: "ebpf", To: "diag", Reason: "the eBPF programs were detached"}
	if n.Collector != "diag" || len(n.Handovers) != 1 || n.Handovers[0] != want || n.Trouble != nil || n.Lives != nil || n.Owners[0].Trouble != nil || n.Counting() {
		t.Errorf("%s %+v, trouble %+v", n.Collector, n.Handovers, n.Trouble)
	}
	if before.Collector != "ebpf" || len(before.Handovers) != 0 || before.Trouble == nil {
		t.Errorf("the picture of before: %s %+v", before.Collector, before.Handovers)
	}
	// Said again it is no news; a probe that starts anew is no hand-over, and
	// what was is remembered.
	f.after(time.Second).tick("n1", wire.Tick{Collector: "diag"})
	f.hello("ebpf")
	f.full("n1", wire.Tick{})
	if n = f.node(t, "n1"); n.Collector != "ebpf" || len(n.Handovers) != 1 || n.Trouble == nil {
		t.Errorf("%s %+v", n.Collector, n.Handovers)
	}
}

func TestHandoversAreBounded(t *testing.T) {
	t.Parallel()
	f := by("ebpf")
	var problems []string
	for range 100 {
		problems = append(problems, strings.Repeat("why ", 300))
	}
	for i := range 100 {
		f.after(time.Second).full("n1", wire.Tick{Collector: fmt.Sprintf("%d\x1b[2J", i), Problems: problems})
	}
	n := f.node(t, "n1")
	if len(n.Handovers) != 16 || n.Collector != "99" || n.Handovers[15].From != "98" || n.Handovers[0].To != "84" {
		t.Errorf("%d, newest %+v", len(n.Handovers), n.Collector)
	}
	if got := len(n.Handovers[3].Reason); got == 0 || got > 1024 {
		t.Errorf("a reason of %d bytes", got)
	}
}

func TestTrackedSources(t *testing.T) {
	t.Parallel()
	f := aks()
	f.objects(inventory.Change{Pods: []inventory.Pod{{UID: "u9", Namespace: "shop", Name: "vm-1", Phase: "Running", IPs: ips("10.244.3.17")}}})
	f.full("n1", wire.Tick{Sources: []wire.Source{
		{IP: ip("10.244.3.18"), TCP: 4, Local: true}, {TCP: 99}, {IP: ip("::ffff:10.244.3.17"), TCP: 800, UDP: 3}, {IP: ip("fe80::1%eth0"), UDP: math.MaxUint32, TCP: math.MaxUint32},
	}})
	f.idle("n1", time.Second)
	want := []session.TrackedSource{
		{IP: ip("fe80::1"), TCP: math.MaxUint32, UDP: math.MaxUint32}, {IP: ip("10.244.3.17"), Name: "shop/vm-1", TCP: 800, UDP: 3}, {IP: ip("10.244.3.18"), TCP: 4, Local: true},
	}
	if got := f.node(t, "n1").Tracked; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%+v", got)
	}
	var many []wire.Source
	for i := range uint32(1000) {
		many = append(many, wire.Source{IP: ip(fmt.Sprintf("10.1.%d.%d", i/250, i%250)), TCP: i})
	}
	f.after(time.Second).tick("n1", wire.Tick{Sources: many})
	if got := f.node(t, "n1").Tracked; len(got) != 256 || got[0].TCP != 999 || got[255].TCP != 744 {
		t.Errorf("%d sources, %+v first", len(got), got[0])
	}
	f.after(time.Second).full("n1", wire.Tick{})
	if got := f.node(t, "n1").Tracked; len(got) != 0 {
		t.Errorf("after a new start: %+v", got)
	}
}

func TestProbeCPU(t *testing.T) {
	t.Parallel()
	f := by("ebpf")
	for i, nanos := range []int64{4e6, 4e6, 4e6, 4e6} {
		f.after(time.Second).tick("n1", wire.Tick{Cost: wire.Cost{CPUNanos: nanos}})
		if got := f.node(t, "n1").ProbeCPU; !near(got, 4) {
			t.Errorf("tick %d: %.2f ms a second", i, got)
		}
	}
	for _, nanos := range []int64{-1, math.MinInt64, math.MaxInt64, 0} {
		f.after(time.Second).tick("n1", wire.Tick{Cost: wire.Cost{CPUNanos: nanos}})
		if got := f.node(t, "n1").ProbeCPU; got < 0 || got > math.MaxUint32/1000 || math.IsNaN(got) {
			t.Errorf("%d ns: %g ms a second", nanos, got)
		}
	}
	f.full("n1", wire.Tick{Cost: wire.Cost{CPUNanos: 5e9}})
	if got := f.node(t, "n1").ProbeCPU; got != 0 {
		t.Errorf("%.2f out of a first tick, whose time is not known", got)
	}
}

package session_test

import (
	"math"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

func TestDeltasMoveRows(t *testing.T) {
	t.Parallel()
	f := aks(podOf("u1", "checkout-1"))
	f.full("n1", wire.Tick{
		Owners: []wire.Owner{podOwner(1, "u1")},
		Rows: []wire.Row{
			to(1, 1, wire.Row{Established: 10, Closing: 2, SynSent: 3}),
			to(2, 1, wire.Row{IP: ip("10.0.0.7"), Established: 5}),
		},
	})
	o := f.only(t, "n1")
	if o.Open != 12 || o.Trying != 3 || o.EstablishedPublic != 10 || o.SynSentPublic != 3 || o.All != 20 || len(o.Dests()) != 2 {
		t.Fatalf("appearing: %+v with %d destinations", o.Counts, len(o.Dests()))
	}
	if o.Ports != (snat.Ports{Min: 12, Estimate: 12, Max: 15}) {
		t.Errorf("ports %+v", o.Ports)
	}
	if d := o.Dests()[1]; d.Eligible || d.WhyNot != "private" {
		t.Errorf("an address that is private comes first or counts: %+v", d)
	}
	// Gauges are absolute; what a tick leaves out stays.
	f.after(time.Second).tick("n1", wire.Tick{Rows: []wire.Row{{ID: 1, Established: 4}}})
	if o = f.only(t, "n1"); o.Open != 4 || o.Trying != 0 || o.All != 9 {
		t.Errorf("changing: %+v", o.Counts)
	}
	f.after(time.Second).tick("n1", wire.Tick{GoneRows: []uint32{1, 99}})
	if o = f.only(t, "n1"); o.Open != 0 || o.All != 5 {
		t.Errorf("one gone: %+v", o.Counts)
	}
	f.after(time.Minute).tick("n1", wire.Tick{GoneRows: []uint32{2}, GoneOwners: []uint32{1}})
	if n := f.node(t, "n1"); len(n.Owners) != 0 || n.All != 0 {
		t.Errorf("all gone: %q %+v", titles(n), n.Counts)
	}
}

// A row may rest at zero for longer than a closed flow is remembered, and come
// back under its number, which is all that a probe tells of it then.
func TestRowReturnsAfterRest(t *testing.T) {
	t.Parallel()
	f := aks()
	f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{to(1, 1, wire.Row{Established: 1})}})
	f.after(time.Second).tick("n1", wire.Tick{Rows: []wire.Row{{ID: 1}}})
	for range 10 {
		f.idle("n1", 10*time.Second)
		f.Snapshot()
	}
	f.after(time.Second).tick("n1", wire.Tick{Rows: []wire.Row{{ID: 1, Established: 7}}})
	if o := f.only(t, "n1"); o.Open != 7 {
		t.Errorf("%d flows, want 7", o.Open)
	}
}

// Two rows may be one destination of one owner to us; they add up.
func TestRowsOfOneDestinationAddUp(t *testing.T) {
	t.Parallel()
	f := aks()
	f.full("n1", wire.Tick{
		Owners: []wire.Owner{podOwner(1, "u1"), podOwner(2, "u1")},
		Rows: []wire.Row{
			to(1, 1, wire.Row{Established: 3}), to(2, 1, wire.Row{IP: ip("::ffff:20.60.1.9"), Established: 4}),
			to(3, 2, wire.Row{Established: 5}),
		},
	})
	if o := f.only(t, "n1"); o.Open != 12 || len(o.Dests()) != 1 || o.Ports.Min != 12 {
		t.Fatalf("%+v with %d destinations", o.Counts, len(o.Dests()))
	}
	f.after(time.Second).tick("n1", wire.Tick{GoneRows: []uint32{2}})
	if o := f.only(t, "n1"); o.Open != 8 {
		t.Errorf("%d flows after one row left, want 8", o.Open)
	}
}

func TestReconnectCountsNothingTwice(t *testing.T) {
	t.Parallel()
	f := aks()
	found := wire.Tick{
		Owners: []wire.Owner{podOwner(1, "u1")},
		Rows: []wire.Row{
			to(1, 1, wire.Row{Established: 10, TimeWait: 6, Opens: 10, Closes: 6, Fails: 4}),
			to(2, 1, wire.Row{Port: 80, Established: 2}),
		},
	}
	f.full("n1", found)
	o := f.only(t, "n1")
	if o.OpensPerSecond+o.ClosesPerSecond+o.FailedPerSecond != 0 {
		t.Errorf("rates out of a full tick: %+v", o.Counts)
	}
	// Six ended in the last minute, and as many in each of the three before.
	if o.Cooling != 24 {
		t.Errorf("%d ports cool down, want 24", o.Cooling)
	}
	f.after(time.Second).tick("n1", wire.Tick{Rows: []wire.Row{{ID: 1, Established: 10, TimeWait: 6, Opens: 5, Closes: 5}}})
	if o = f.only(t, "n1"); o.Cooling != 29 || math.Abs(o.OpensPerSecond-5) > 0.1 {
		t.Fatalf("before the gap: %+v", o.Counts)
	}

	// The new probe numbers rows anew, and finds in TIME_WAIT what is known.
	f.after(20 * time.Second)
	f.full("n1", wire.Tick{
		Owners: []wire.Owner{podOwner(7, "u1")},
		Rows:   []wire.Row{to(1, 7, wire.Row{Established: 9, TimeWait: 8, Opens: 9, Closes: 8})},
	})
	o = f.only(t, "n1")
	if o.Open != 9 || o.Cooling != 27 || o.OpensPerSecond != 0 || o.ClosesPerSecond != 0 {
		t.Errorf("after the gap: %+v", o.Counts)
	}
	// The rate of before the gap is no part of the rate after it.
	f.after(time.Second).tick("n1", wire.Tick{Rows: []wire.Row{{ID: 1, Established: 9, Opens: 2, Closes: 2}}})
	if o = f.only(t, "n1"); math.Abs(o.OpensPerSecond-2) > 0.1 {
		t.Errorf("%.2f opens a second after the gap, want 2", o.OpensPerSecond)
	}
}

func TestCoolingEndsAfterTheHold(t *testing.T) {
	t.Parallel()
	for _, p := range []snat.Provider{snat.ProviderAzureLB, snat.ProviderAzureNATGW, snat.ProviderGCPNAT, snat.ProviderAWSNATGW} {
		f := newFeed(session.Options{Provider: p, SNATPorts: 1024})
		f.streaming("n1")
		f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{
			to(1, 1, wire.Row{Established: 20}),
			to(2, 1, wire.Row{Protocol: udp, Port: 53, Established: 3}),
		}})
		f.after(time.Second).tick("n1", wire.Tick{Rows: []wire.Row{{ID: 1, Closes: 20}, {ID: 2, Closes: 3}}})
		f.after(time.Second).tick("n1", wire.Tick{GoneRows: []uint32{1, 2}, GoneOwners: []uint32{1}})
		f.idle("n1", p.Timers().FIN-2*time.Second)
		o := f.only(t, "n1")
		if o.Cooling != 20 || o.Open != 0 || o.Ports != (snat.Ports{Estimate: 20, Max: 20}) {
			t.Errorf("%s: shortly before the end: %+v", p, o.Counts)
		}
		// It may have ended a little later than the node believes.
		f.idle("n1", 2*time.Second)
		if n := f.node(t, "n1"); n.Cooling != 0 || n.Ports.Estimate != 0 || n.Abandoned != 20 {
			t.Errorf("%s: at the end: %+v", p, n.Counts)
		}
		// The balancer forgets UDP in its own time.
		f.idle("n1", 3*time.Second)
		if n := f.node(t, "n1"); n.Abandoned != 0 || (n.UDP.Max > 0) != (p.Timers().UDP-udpForgotten > p.Timers().FIN) {
			t.Errorf("%s: after the hold: %+v", p, n.Counts)
		}
		f.idle("n1", p.Timers().UDP)
		if n := f.node(t, "n1"); n.UDP.Max != 0 || len(n.Owners) != 0 {
			t.Errorf("%s: after all holds: %+v", p, n.Counts)
		}
	}
}

// udpForgotten is for how long the node remembers a UDP flow that is silent.
const udpForgotten = 30 * time.Second

// Resets are released sooner than orderly ends, and attempts that found nobody
// as the provider forgets them; those count for the maximum alone.
func TestEveryEndHasItsHold(t *testing.T) {
	t.Parallel()
	f := newFeed(session.Options{Provider: snat.ProviderAzureLB, SNATPorts: 1024})
	f.streamingBy("n1", "ebpf")
	f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{to(1, 1, wire.Row{Established: 20})}})
	f.idle("n1", 10*time.Minute) // nothing of before the start is left
	f.after(time.Second).tick("n1", wire.Tick{Rows: []wire.Row{
		{ID: 1, Opens: 20, Closes: 20, Resets: 12, Fails: 9, Refused: 2, NoPort: 3},
	}})
	for _, step := range []struct {
		after     time.Duration
		cooling   int
		abandoned int
	}{
		{10 * time.Second, 20, 6},
		{9 * time.Second, 8, 4}, // resets after 15 s, and what was refused with them
		{210 * time.Second, 8, 4},
		{14 * time.Second, 0, 0}, // FIN and half-open after 240 s
	} {
		f.idle("n1", step.after)
		n := f.node(t, "n1")
		if n.Cooling != step.cooling || n.Abandoned != step.abandoned || n.Ports.Estimate != step.cooling || n.Ports.Max != step.cooling+step.abandoned {
			t.Errorf("%+v: %+v", step, n.Counts)
		}
	}
}

func TestCoolingAddsUpAndFades(t *testing.T) {
	t.Parallel()
	f := newFeed(session.Options{Provider: snat.ProviderAWSNATGW})
	f.streaming("n1")
	f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{to(1, 1, wire.Row{Established: 1})}})
	for i := range 180 {
		f.after(time.Second).tick("n1", wire.Tick{Rows: []wire.Row{{ID: 1, Established: 1, Opens: 10, Closes: 10}}})
		want := 10 * min(i+1, 60)
		if got := f.only(t, "n1").Cooling; got < want || got > want+30 {
			t.Fatalf("after %d s %d ports cool down, want about %d", i+1, got, want)
		}
	}
}

// What is found in TIME_WAIT says how fast a load closes, and so how much of
// what closed before is still held.
func TestFoundClosesReachBack(t *testing.T) {
	t.Parallel()
	for hold, want := range map[time.Duration][2]int{
		240 * time.Second: {240, 120}, 120 * time.Second: {120, 60}, 60 * time.Second: {60, 30}, 20 * time.Second: {20, 10},
	} {
		f := newFeed(session.Options{Provider: snat.ProviderAzureLB, Timers: snat.Timers{FIN: hold}})
		f.streaming("n1")
		f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{to(1, 1, wire.Row{TimeWait: 60, Closes: 60})}})
		if o := f.only(t, "n1"); off(o.Cooling, want[0]) > 1 || o.Ports.Estimate != o.Cooling {
			t.Errorf("%s: %+v, want %d", hold, o.Counts, want[0])
		}
		f.idle("n1", hold/2)
		if o := f.only(t, "n1"); off(o.Cooling, want[1]) > 1 {
			t.Errorf("%s: after half of it: %+v, want %d", hold, o.Counts, want[1])
		}
	}
}

func off(a, b int) int { return max(a-b, b-a) }

// A load is no older than its pod.
func TestFoundClosesReachBackToThePodsBirth(t *testing.T) {
	t.Parallel()
	for age, want := range map[time.Duration]int{
		20 * time.Second: 60, time.Minute: 60, 2 * time.Minute: 120, 10 * time.Minute: 240, -time.Minute: 60,
	} {
		p := podOf("u1", "young")
		p.Created = epoch.Add(-age)
		f := aks(p)
		f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{to(1, 1, wire.Row{TimeWait: 60, Closes: 60})}})
		if o := f.only(t, "n1"); off(o.Cooling, want) > 1 {
			t.Errorf("a pod of %s: %d ports cool down, want %d", age, o.Cooling, want)
		}
		// Nothing of a young load is free before its first hold has passed.
		f.idle("n1", 100*time.Second)
		if o := f.only(t, "n1"); age <= 2*time.Minute && off(o.Cooling, want) > 1 {
			t.Errorf("a pod of %s: %d ports after 100 s, want %d", age, o.Cooling, want)
		}
	}
}

// Until the holds have passed, what ended before anybody looked is not known.
func TestBoundsAreWideAtFirst(t *testing.T) {
	t.Parallel()
	f := newFeed(session.Options{Provider: snat.ProviderAzureLB, SNATPorts: 256})
	f.streaming("n1")
	f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{to(1, 1, wire.Row{Established: 9})}})
	if p := f.node(t, "n1").Ports; p != (snat.Ports{Min: 9, Estimate: 9, Max: 256}) {
		t.Errorf("at first: %+v", p)
	}
	f.idle("n1", 241*time.Second)
	if p := f.node(t, "n1").Ports; p != (snat.Ports{Min: 9, Estimate: 9, Max: 9}) {
		t.Errorf("when every hold has passed: %+v", p)
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	for _, every := range []time.Duration{100 * time.Millisecond, time.Second, 4 * time.Second, 30 * time.Second} {
		f := newFeed(session.Options{})
		f.put(session.Event{Node: "n1", State: &session.NodeState{State: session.StateStreaming}})
		f.put(session.Event{Node: "n1", Hello: &wire.Hello{IntervalMillis: every.Milliseconds()}})
		f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{to(1, 1, wire.Row{Established: 1})}})
		n := uint32(20 * every.Seconds())
		for i := range 40 {
			f.after(every)
			f.put(session.Event{Node: "n1", Tick: &wire.Tick{
				ElapsedNanos: int64(every), Rows: []wire.Row{{ID: 1, Established: 1, Opens: n, Closes: n / 2, Fails: n}},
			}})
			o := f.only(t, "n1")
			if math.Abs(o.OpensPerSecond-20) > 0.2 || math.Abs(o.ClosesPerSecond-10) > 0.1 || math.Abs(o.FailedPerSecond-20) > 0.2 {
				t.Fatalf("every %s, tick %d: %.2f opens, %.2f closes, %.2f fails a second; want 20, 10, 20", every, i+1, o.OpensPerSecond, o.ClosesPerSecond, o.FailedPerSecond)
			}
		}
	}
}

func TestRatesFollowAndFade(t *testing.T) {
	t.Parallel()
	f := aks()
	f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{to(1, 1, wire.Row{Established: 1})}})
	tick := func(n uint32) {
		f.after(time.Second).tick("n1", wire.Tick{Rows: []wire.Row{{ID: 1, Established: 1, Opens: n}}})
	}
	for range 30 {
		tick(100)
	}
	for range 15 {
		tick(10)
	}
	if got := f.only(t, "n1").OpensPerSecond; got < 10 || got > 16 {
		t.Errorf("%.1f a second after the change to 10", got)
	}
	// Another node moves the clock on: between two ticks a rate stands still.
	before := f.only(t, "n1").OpensPerSecond
	f.after(900 * time.Millisecond).streaming("n2")
	if got := f.only(t, "n1").OpensPerSecond; got != before {
		t.Errorf("%.2f became %.2f between two ticks", before, got)
	}
	// Ticks that fail to come let it fade.
	f.after(time.Minute).streaming("n2")
	if got := f.only(t, "n1").OpensPerSecond; got != 0 {
		t.Errorf("%.2f a second after a minute without ticks", got)
	}
}

// A stream that was held up tells several ticks at once.
func TestRatesSurviveABurstOfTicks(t *testing.T) {
	t.Parallel()
	f := aks()
	f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{to(1, 1, wire.Row{Established: 1})}})
	f.after(5 * time.Second)
	for range 5 {
		f.tick("n1", wire.Tick{Rows: []wire.Row{{ID: 1, Established: 1, Opens: 10}}})
	}
	if got := f.only(t, "n1").OpensPerSecond; got < 9 || got > 15 {
		t.Errorf("%.1f a second, want about 10", got)
	}
}

func TestUDPIsListedAndNotAdded(t *testing.T) {
	t.Parallel()
	f := aks()
	f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{
		to(1, 1, wire.Row{Established: 2}),
		to(2, 1, wire.Row{Protocol: udp, Port: 53, Established: 30}),
		to(3, 1, wire.Row{Protocol: udp, Port: 53, IP: ip("10.0.0.10"), Established: 4}),
		to(4, 1, wire.Row{Protocol: 132, Established: 50}),
	}})
	o := f.only(t, "n1")
	if o.Open != 2 || o.EstablishedPublic != 2 || o.UDPFlows != 30 || o.All != 86 || o.Ports.Max != 2 {
		t.Errorf("%+v", o.Counts)
	}
}

func TestBoundsOfAStream(t *testing.T) {
	t.Parallel()
	const rows, owners = 100_000, 20_000
	f := aks()
	tick := wire.Tick{Loss: wire.Loss{Events: 3, Destinations: 4}}
	for i := range uint32(owners + 5) {
		tick.Owners = append(tick.Owners, wire.Owner{ID: i + 1, HostNetwork: true, Unit: "x.service"})
	}
	for i := range uint32(rows + 9) {
		tick.Rows = append(tick.Rows, to(i+1, 1, wire.Row{IP: ip("20.0.0.1"), Port: uint16(i), Protocol: tcp, Established: 1}))
	}
	tick.Rows = append(tick.Rows, to(900_000, owners+1, wire.Row{Established: 1}), wire.Row{ID: 900_001, Owner: 1, Established: 1})
	f.full("n1", tick)
	pic := f.Snapshot()
	if got := pic.Node("n1").Open; got != rows {
		t.Errorf("%d flows, want %d", got, rows)
	}
	// What did not fit: 5 owners, 9 rows, a row of such an owner, and a row
	// without an address; 4 the probe has dropped itself.
	if pic.Loss.DestinationsDropped != 5+9+1+1+4 || pic.Loss.EventsLost != 3 {
		t.Errorf("%+v", pic.Loss)
	}
	f.after(time.Second)
	f.full("n1", wire.Tick{})
	if pic = f.Snapshot(); pic.Loss.DestinationsDropped != 0 {
		t.Errorf("a new start still counts %+v", pic.Loss)
	}
}

func TestBoundsOfNodesAndStreams(t *testing.T) {
	t.Parallel()
	f := newFeed(session.Options{})
	var many inventory.Change
	for i := range 10_050 {
		many.Nodes = append(many.Nodes, inventory.Node{Name: "n" + time.Duration(i).String()})
	}
	f.objects(many)
	f.state("one-more", session.NodeState{State: session.StateStreaming})
	pic := f.Snapshot()
	if len(pic.Nodes) != 10_000 || pic.Node("one-more") != nil || pic.Loss.EventsLost == 0 {
		t.Errorf("%d nodes, loss %d", len(pic.Nodes), pic.Loss.EventsLost)
	}

	f = newFeed(session.Options{})
	for i := range 1_010 {
		f.pod = time.Duration(i).String()
		f.full("n1", wire.Tick{Owners: []wire.Owner{{ID: 1}}, Rows: []wire.Row{to(1, 1, wire.Row{Established: 1})}})
	}
	if pic = f.Snapshot(); pic.Node("n1").Open != 1_000 || pic.Loss.EventsLost != 10 {
		t.Errorf("%d flows, loss %d", pic.Node("n1").Open, pic.Loss.EventsLost)
	}
}

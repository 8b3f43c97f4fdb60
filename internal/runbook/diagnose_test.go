package runbook_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/probe/wire"
)

// The loads that the causes are told apart by. Figures are of an Azure balancer
// of 1,024 ports a node, which holds a port for 240 s after a FIN and for 15 s
// after a reset.
var (
	leaking = who{name: "leaker", trend: ramp(40, 20, 900, 0), loads: []load{{to: "20.60.1.9:443", open: 900, opens: 4.5, silent: 640}}}
	leaked  = who{name: "leaker", trend: ramp(40, 20, 1000, 8), loads: []load{{to: "20.60.1.9:443", open: 1000, trying: 12, waiting: 12, fails: 0.3, silent: 800}}}
	// A request a connection: 4.2 a second for 240 s are 1,008 ports.
	churningFIN = who{name: "churner", loads: []load{{to: "20.60.1.3:443", cooling: 1008, timeWait: 252, opens: 4.2, closes: 4.2, waiting: 8, trying: 9, fails: 1, lives: lived(900, 40*time.Millisecond)}}}
	// 66 a second for 15 s are 990.
	churningRST = who{name: "resetter", loads: []load{{to: "20.60.1.3:443", open: 2, cooling: 990, opens: 66, closes: 66, lives: lived(9000, 20*time.Millisecond), trouble: session.Trouble{Resets: 66}}}}
	busyPool    = who{name: "orders", loads: []load{{to: "20.60.1.5:5432", open: 1010, trying: 20, waiting: 20, fails: 0.5}}}
	smallPool   = who{name: "catalog", loads: []load{{to: "20.60.1.4:8080", open: 8}}}
	dead        = who{name: "legacy", loads: []load{{to: "20.60.1.11:81", trying: 30, waiting: 30, fails: 0.2, trouble: session.Trouble{TimedOut: 0.2, SynRetransmits: 6}}}}
	working     = who{name: "search", loads: []load{{to: "20.60.1.7:443", open: 10, opens: 2, closes: 2, lives: lived(400, 5*time.Second)}}}
	resolving   = who{name: "coredns", loads: []load{{to: "20.60.1.2:53", udp: true, open: 40}}}
)

// spread is a load of many pods towards several destinations, each of which
// fills most of the budget.
func spread() []who {
	var out []who
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		out = append(out, who{name: name, loads: []load{
			{to: "20.60.1.16:8080", open: 170, trying: 2, waiting: 2, fails: 0.2}, {to: "20.60.1.17:8080", open: 165}, {to: "20.60.1.18:8080", open: 160},
		}})
	}
	return out
}

func TestCauses(t *testing.T) {
	t.Parallel()
	fullTable := &wire.Conntrack{HostNetwork: true, Count: 65_400, Max: 65_536, InsertFailed: 9000, Drop: 12_000}
	loses := &session.ConntrackLoss{Drop: 40, InsertFailed: 3}
	for name, c := range map[string]struct {
		stage stage
		// main is the cause that comes first; "" is none.
		main runbook.Cause
		sure runbook.Confidence
		// also are others that are found; out and blind are ruled out and not
		// seen. Those that are not named are not asked for.
		also, out, blind []runbook.Cause
		severity         runbook.Severity
		subject          string
	}{
		"a leak that grows": {
			stage: stage{budget: 1024, owners: []who{leaking, smallPool}},
			main:  runbook.Leak, sure: runbook.High, subject: "shop/leaker", severity: runbook.Warning,
			out: []runbook.Cause{runbook.NoPooling, runbook.HotDestination, runbook.BudgetTooSmall, runbook.ConntrackFull, runbook.DeadDestination, runbook.EphemeralPorts},
		},
		"a leak that has filled the budget": {
			stage: stage{budget: 1024, owners: []who{leaked}},
			main:  runbook.Leak, sure: runbook.High, severity: runbook.Critical,
			out: []runbook.Cause{runbook.HotDestination, runbook.DeadDestination, runbook.ConntrackFull},
		},
		"a leak that stood before anybody looked": {
			stage: stage{budget: 1024, owners: []who{{name: "old", loads: []load{{to: "20.60.1.9:443", open: 1010, waiting: 5, trying: 5, silent: 1000}}}}},
			main:  runbook.Leak, sure: runbook.Medium,
		},
		"the same without a word of silence": {
			stage: stage{collector: "procfs", budget: 1024, owners: []who{{name: "old", loads: []load{{to: "20.60.1.9:443", open: 1010, waiting: 5, trying: 5}}}}},
			main:  runbook.HotDestination, sure: runbook.Low, blind: []runbook.Cause{runbook.Leak, runbook.NoPooling},
		},
		"a leak of connections with keep-alives": {
			stage: stage{budget: 1024, owners: []who{{name: "leaker", trend: ramp(40, 20, 900, 0), loads: []load{{to: "20.60.1.9:443", open: 900, opens: 4.5}}}}},
			main:  runbook.Leak, sure: runbook.Medium,
		},
		"a busy pool after a collector began anew": {
			stage: stage{budget: 1024, owners: []who{busyPool}, change: func(_ *session.Snapshot, n *session.Node) { n.CountedSince = n.LastTick.Add(-30 * time.Second) }},
			main:  runbook.HotDestination, sure: runbook.Low, blind: []runbook.Cause{runbook.Leak},
		},
		"a leak of many replicas": {
			stage: stage{budget: 1024, owners: func() []who {
				var out []who
				for range 16 {
					out = append(out, who{name: "web", trend: ramp(40, 2, 60, 0), loads: []load{{to: "20.60.1.9:443", open: 60, opens: 0.3, silent: 40}}})
				}
				return out
			}()},
			main: runbook.Leak, sure: runbook.High, subject: "shop/web", out: []runbook.Cause{runbook.HotDestination},
		},
		"a leak beside much churn of the same pod": {
			stage: stage{budget: 1024, owners: []who{{name: "both", trend: ramp(40, 20, 900, 0), loads: []load{
				{to: "20.60.1.9:443", open: 900, opens: 4.5, silent: 640}, {to: "20.60.1.3:443", cooling: 240, opens: 30, closes: 30, lives: lived(900, time.Millisecond)},
			}}}},
			main: runbook.Leak, sure: runbook.High, out: []runbook.Cause{runbook.NoPooling},
		},
		"a pool that fills itself": {
			stage: stage{budget: 1024, owners: []who{{name: "pool", trend: append(ramp(3, 0, 500, 0), ramp(1, 500, 500, 20)...), loads: []load{{to: "20.60.1.4:443", open: 500}}}}},
			out:   []runbook.Cause{runbook.Leak, runbook.HotDestination, runbook.NoPooling},
		},
		"a pool that has grown slowly to its size": {
			stage: stage{budget: 1024, owners: []who{{name: "pool", trend: ramp(20, 100, 600, 12), loads: []load{{to: "20.60.1.4:443", open: 600}}}}},
			out:   []runbook.Cause{runbook.Leak},
		},
		"a restart after a leak": {
			stage: stage{budget: 1024, owners: []who{{name: "leaker", trend: append(ramp(40, 20, 900, 0), 10, 10, 10, 11), loads: []load{{to: "20.60.1.9:443", open: 11}}}}},
			out:   []runbook.Cause{runbook.Leak},
		},
		"churn closed by FIN": {
			stage: stage{budget: 1024, owners: []who{churningFIN, smallPool}},
			main:  runbook.NoPooling, sure: runbook.High, subject: "shop/churner", severity: runbook.Critical,
			out: []runbook.Cause{runbook.Leak, runbook.HotDestination, runbook.BudgetTooSmall, runbook.DeadDestination},
		},
		"churn closed by RST": {
			stage: stage{budget: 1024, owners: []who{churningRST}},
			main:  runbook.NoPooling, sure: runbook.High, severity: runbook.Warning, out: []runbook.Cause{runbook.Leak, runbook.HotDestination},
		},
		"churn that a poll sees by its TIME_WAIT": {
			stage: stage{collector: "diag", budget: 1024, owners: []who{churningFIN}},
			main:  runbook.NoPooling, sure: runbook.Medium,
		},
		"churn by RST that a poll misses": {
			stage: stage{collector: "diag", budget: 1024, owners: []who{{name: "resetter", loads: []load{{to: "20.60.1.3:443", open: 2}}}}},
			blind: []runbook.Cause{runbook.NoPooling}, out: []runbook.Cause{runbook.Leak},
		},
		"one hot destination": {
			stage: stage{budget: 1024, owners: []who{busyPool, smallPool}},
			main:  runbook.HotDestination, sure: runbook.High, subject: "20.60.1.5:5432 tcp", severity: runbook.Critical,
			out: []runbook.Cause{runbook.Leak, runbook.NoPooling, runbook.BudgetTooSmall, runbook.AllocationHalved},
		},
		"a hot destination of many pods": {
			stage: stage{budget: 1024, owners: []who{
				{name: "a", loads: []load{{to: "20.60.1.5:5432", open: 500}}}, {name: "b", loads: []load{{to: "20.60.1.5:5432", open: 500, waiting: 4, trying: 4}}},
			}},
			main: runbook.HotDestination, sure: runbook.High,
		},
		"a load that is honest and too large": {
			stage: stage{budget: 1024, owners: spread()},
			main:  runbook.BudgetTooSmall, sure: runbook.High, severity: runbook.Critical, out: []runbook.Cause{runbook.HotDestination, runbook.Leak},
		},
		"an allocation that was halved": {
			stage: stage{budget: 512, was: 1024, owners: []who{{name: "orders", loads: []load{{to: "20.60.1.5:5432", open: 600, waiting: 5, trying: 5}}}}},
			main:  runbook.AllocationHalved, sure: runbook.High, also: []runbook.Cause{runbook.HotDestination}, out: []runbook.Cause{runbook.BudgetTooSmall, runbook.Leak},
		},
		"a guess that the cloud put right": {
			stage: stage{budget: 512, was: 1024, source: snat.BudgetMeasured, owners: []who{{name: "orders", loads: []load{{to: "20.60.1.5:5432", open: 505, waiting: 5, trying: 5}}}}, change: func(_ *session.Snapshot, n *session.Node) {
				n.BudgetWas.From.Source = snat.BudgetTable
			}},
			main: runbook.HotDestination, out: []runbook.Cause{runbook.AllocationHalved},
		},
		"a job that opens all at once and holds it": {
			stage: stage{budget: 176, owners: []who{{name: "burst", kind: "Job", trend: append([]int{0}, ramp(1, 0, 150, 20)...), loads: []load{{to: "20.60.1.10:443", open: 150, silent: 150}}}}},
			main:  runbook.HotDestination, out: []runbook.Cause{runbook.Leak},
		},
		"a halving that the load survives": {
			stage: stage{budget: 512, was: 1024, owners: []who{smallPool}},
			out:   []runbook.Cause{runbook.AllocationHalved},
		},
		"a halving of what was tight before": {
			stage: stage{budget: 512, was: 1024, owners: []who{{name: "orders", loads: []load{{to: "20.60.1.5:5432", open: 900, waiting: 5}}}}},
			main:  runbook.HotDestination, also: []runbook.Cause{runbook.AllocationHalved},
		},
		"a leak on an allocation that was halved": {
			stage: stage{budget: 512, was: 1024, owners: []who{{name: "leaker", trend: ramp(40, 20, 510, 0), loads: []load{{to: "20.60.1.9:443", open: 510, opens: 2.5, silent: 400, waiting: 2}}}}},
			main:  runbook.Leak, sure: runbook.High, also: []runbook.Cause{runbook.AllocationHalved},
		},
		"a pool that is just larger than its tier": {
			stage: stage{budget: 512, nodes: 52, owners: []who{{name: "orders", loads: []load{{to: "20.60.1.5:5432", open: 505, waiting: 5, trying: 5}}}}},
			main:  runbook.HotDestination, also: []runbook.Cause{runbook.AllocationHalved},
		},
		"a connection tracking table that is full": {
			stage: stage{budget: 1024, owners: []who{working, dead}, conntrack: fullTable, lost: loses},
			main:  runbook.ConntrackFull, sure: runbook.High, severity: runbook.Critical, blind: []runbook.Cause{runbook.DeadDestination},
		},
		"a table that is full beside a leak": {
			stage: stage{budget: 1024, owners: []who{leaked}, conntrack: fullTable, lost: loses},
			main:  runbook.ConntrackFull, sure: runbook.High, also: []runbook.Cause{runbook.Leak},
		},
		"a table that drops while it is large": {
			stage: stage{budget: 1024, owners: []who{dead, working}, lost: loses, conntrack: &wire.Conntrack{HostNetwork: true, Count: 40_000, Max: 65_536}},
			main:  runbook.DeadDestination, also: []runbook.Cause{runbook.ConntrackFull},
		},
		"insertions that fail in a table with room": {
			stage: stage{budget: 1024, owners: []who{dead}, lost: &session.ConntrackLoss{InsertFailed: 3}},
			main:  runbook.DeadDestination, out: []runbook.Cause{runbook.ConntrackFull},
		},
		"no sight of the table": {
			stage: stage{budget: 1024, owners: []who{smallPool}, change: func(_ *session.Snapshot, n *session.Node) { n.Conntrack, n.ConntrackLost = nil, nil }},
			blind: []runbook.Cause{runbook.ConntrackFull, runbook.DNS},
		},
		"a destination that does not answer": {
			stage: stage{budget: 1024, owners: []who{dead, working}},
			main:  runbook.DeadDestination, sure: runbook.High, subject: "20.60.1.11:81 tcp", severity: runbook.Warning,
			out: []runbook.Cause{runbook.Leak, runbook.HotDestination, runbook.ConntrackFull},
		},
		"and nothing else is tried": {
			stage: stage{budget: 1024, owners: []who{dead, smallPool}}, main: runbook.DeadDestination, sure: runbook.Medium,
		},
		"a firewall that came while connections were open": {
			stage: stage{budget: 1024, owners: []who{{name: "walled", loads: []load{{to: "20.60.1.15:443", open: 60, trying: 40, waiting: 40, fails: 1}}}, working}},
			main:  runbook.DeadDestination, sure: runbook.High, out: []runbook.Cause{runbook.Leak},
		},
		"a dead destination on a node that a leak has exhausted": {
			stage: stage{budget: 1024, owners: []who{leaked, dead}},
			main:  runbook.Leak, also: []runbook.Cause{runbook.DeadDestination},
		},
		"a dead destination without a budget": {
			stage: stage{owners: []who{dead, working}}, main: runbook.DeadDestination, sure: runbook.High,
			blind: []runbook.Cause{runbook.HotDestination, runbook.BudgetTooSmall, runbook.AllocationHalved},
		},
		"a destination without a budget that may be either": {
			stage: stage{owners: []who{{name: "x", loads: []load{{to: "20.60.1.15:443", open: 900, waiting: 4, trying: 4}}}}},
			blind: []runbook.Cause{runbook.DeadDestination, runbook.HotDestination},
		},
		"a private destination that does not answer": {
			stage: stage{budget: 1024, owners: []who{{name: "db", loads: []load{{to: "10.0.12.7:5432", private: true, trying: 9, waiting: 9, fails: 0.5}}}, working}},
			main:  runbook.DeadDestination, sure: runbook.High,
		},
		"a pod that is probed before it is ready": {
			stage: stage{budget: 1024, owners: []who{{name: "kubelet", loads: []load{{to: "10.244.0.9:8080", private: true, fails: 1, trouble: session.Trouble{Refused: 1}}}}, working}, change: func(_ *session.Snapshot, n *session.Node) {
				n.Verdict = snat.Healthy
			}},
			main: runbook.DeadDestination, severity: runbook.Info,
		},
		"one forgotten webhook": {
			stage: stage{budget: 1024, owners: []who{{name: "hook", loads: []load{{to: "20.60.1.11:81", trying: 1, waiting: 1}}}, working}},
			main:  runbook.DeadDestination, severity: runbook.Info,
		},
		"attempts to a full destination": {
			stage: stage{budget: 128, owners: []who{{name: "orders", loads: []load{{to: "20.60.1.5:5432", open: 128, trying: 20, waiting: 20, fails: 2}}}, working}},
			main:  runbook.HotDestination, out: []runbook.Cause{runbook.DeadDestination},
		},
		"names that are not resolved": {
			stage: stage{budget: 1024, owners: []who{smallPool, {name: "asker", loads: []load{{to: "20.60.1.2:53", udp: true, open: 300, trying: 290}}}}},
			main:  runbook.DNS, sure: runbook.High, subject: "20.60.1.2:53 udp", severity: runbook.Warning,
		},
		"some names that are not": {
			stage: stage{budget: 1024, owners: []who{{name: "asker", loads: []load{{to: "10.0.0.10:53", udp: true, private: true, open: 100, trying: 30}}}}},
			main:  runbook.DNS, sure: runbook.Medium,
		},
		"names over TCP": {
			stage: stage{budget: 1024, owners: []who{{name: "asker", loads: []load{{to: "20.60.1.2:53", trying: 8, waiting: 8, fails: 0.5}}}}},
			main:  runbook.DNS, sure: runbook.High, also: []runbook.Cause{runbook.DeadDestination},
		},
		"names that are resolved": {
			stage: stage{budget: 1024, owners: []who{resolving}}, out: []runbook.Cause{runbook.DNS},
		},
		"a pool of UDP that is full": {
			stage: stage{budget: 128, owners: []who{{name: "voip", loads: []load{{to: "20.60.1.30:3478", udp: true, open: 120}}}}, change: func(_ *session.Snapshot, n *session.Node) {
				n.UDP = snat.Ports{Min: 120, Estimate: 120, Max: 120}
			}},
			main: runbook.BudgetTooSmall, sure: runbook.Medium, severity: runbook.Warning, out: []runbook.Cause{runbook.HotDestination},
		},
		"a pool of UDP that is full of questions": {
			stage: stage{budget: 128, owners: []who{{name: "asker", loads: []load{{to: "20.60.1.2:53", udp: true, open: 120, trying: 120}}}}, change: func(_ *session.Snapshot, n *session.Node) {
				n.UDP = snat.Ports{Min: 120, Estimate: 120, Max: 120}
			}},
			main: runbook.DNS, sure: runbook.High, out: []runbook.Cause{runbook.BudgetTooSmall},
		},
		"nobody asks for names": {
			stage: stage{budget: 1024, owners: []who{smallPool}}, blind: []runbook.Cause{runbook.DNS},
		},
		"local ports that are used up": {
			stage: stage{budget: 1024, owners: []who{{name: "narrow", ports: 100, loads: []load{{to: "20.60.1.13:5432", open: 100, fails: 50, trouble: session.Trouble{NoPort: 50}}}}, smallPool}},
			main:  runbook.EphemeralPorts, sure: runbook.High, subject: "shop/narrow", severity: runbook.Warning, out: []runbook.Cause{runbook.DeadDestination},
		},
		"the same by a poll": {
			stage: stage{collector: "diag", budget: 1024, owners: []who{{name: "narrow", ports: 100, loads: []load{{to: "20.60.1.13:5432", open: 60, timeWait: 39}}}}},
			main:  runbook.EphemeralPorts, sure: runbook.Medium,
		},
		"local ports that are not known": {
			stage: stage{collector: "diag", budget: 1024, owners: []who{busyPool}}, main: runbook.HotDestination, blind: []runbook.Cause{runbook.EphemeralPorts},
		},
		"healthy": {
			stage: stage{budget: 1024, owners: []who{smallPool, working, resolving}},
			out:   runbook.Causes(),
		},
		"healthy, with a little churn": {
			stage: stage{budget: 1024, owners: []who{{name: "quiet", loads: []load{{to: "20.60.1.3:443", cooling: 60, opens: 0.25, closes: 0.25, lives: lived(60, time.Millisecond)}}}, smallPool}},
			out:   []runbook.Cause{runbook.NoPooling, runbook.Leak},
		},
		"healthy, and churn worth watching": {
			stage: stage{budget: 1024, owners: []who{{name: "churner", loads: []load{{to: "20.60.1.3:443", cooling: 400, opens: 1.7, closes: 1.7, lives: lived(400, time.Millisecond)}}}}},
			main:  runbook.NoPooling, sure: runbook.High, severity: runbook.Info,
		},
		"what the cloud sees and sockets do not": {
			stage: stage{budget: 1024, owners: []who{smallPool}, change: func(_ *session.Snapshot, n *session.Node) {
				n.Measured = &cloud.NodeReading{At: now.Add(-time.Minute), TCP: cloud.Usage{Used: new(1000), Failed: new(12)}}
			}},
			blind: []runbook.Cause{runbook.NoPooling, runbook.Leak, runbook.HotDestination, runbook.BudgetTooSmall},
		},
		"only some pods are seen": {
			stage: stage{budget: 1024, owners: []who{leaked}, change: func(_ *session.Snapshot, n *session.Node) { n.Scoped = []string{"shop/leaker"} }},
			main:  runbook.Leak, sure: runbook.Medium, blind: []runbook.Cause{runbook.NoPooling, runbook.HotDestination},
		},
		"after one look": {
			stage: stage{budget: 1024, owners: []who{smallPool, dead}, change: func(_ *session.Snapshot, n *session.Node) { n.CountedSince = n.LastTick }},
			blind: []runbook.Cause{runbook.NoPooling, runbook.DeadDestination},
		},
		"no numbers": {
			stage: stage{budget: 1024, change: func(_ *session.Snapshot, n *session.Node) {
				n.LastTick, n.State, n.Error = time.Time{}, session.StateDenied, "forbidden"
			}},
			blind: runbook.Causes(),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := c.stage.diagnose(t)
			a, ok := d.Main()
			if a.Cause != c.main || ok != (c.main != "") {
				tell(t, name, d)
				t.Fatalf("the cause is %q, want %q", a.Cause, c.main)
			}
			if c.sure != runbook.NoConfidence && a.Confidence != c.sure || c.subject != "" && a.Subject != c.subject || c.severity != "" && d.Severity(&a) != c.severity {
				t.Errorf("%s is found of %q with confidence %s, %s; want %q, %s, %s", a.Cause, a.Subject, a.Confidence, d.Severity(&a), c.subject, c.sure, c.severity)
			}
			var found []runbook.Cause
			for _, one := range d.In(runbook.Found) {
				found = append(found, one.Cause)
			}
			want := slices.Clone(c.also)
			if c.main != "" {
				want = append(want, c.main)
			}
			slices.Sort(want)
			slices.Sort(found)
			if !slices.Equal(found, want) {
				tell(t, name, d)
				t.Errorf("found %v, want %v", found, want)
			}
			for state, list := range map[runbook.State][]runbook.Cause{runbook.RuledOut: c.out, runbook.CouldNotSee: c.blind} {
				for _, one := range list {
					if got := d.Answer(one); got.State != state {
						t.Errorf("%s is %s (%s), want %s", one, got.State, got.Summary, state)
					}
				}
			}
		})
	}
}

// What a collector does not see is never ruled out by it.
func TestSight(t *testing.T) {
	t.Parallel()
	loads := map[string][]who{
		"quiet": {smallPool}, "leak": {leaked}, "hot": {busyPool}, "dead": {dead, working}, "churn": {churningFIN}, "resets": {churningRST},
	}
	never := map[string][]runbook.Cause{
		"ebpf":      nil,
		"diag":      {runbook.NoPooling},
		"procfs":    {runbook.NoPooling},
		"tcptracer": {runbook.DeadDestination},
		"":          nil,
		"new":       {runbook.NoPooling},
	}
	for collector, causes := range never {
		for name, owners := range loads {
			d := stage{collector: collector, budget: 1024, owners: owners}.diagnose(t)
			for _, c := range causes {
				if a := d.Answer(c); a.State == runbook.RuledOut {
					t.Errorf("%s rules out %s on a node with %s: %s", collector, c, name, a.Summary)
				}
			}
		}
	}
	// Without a sight of attempts nobody says that local ports are left either.
	d := stage{collector: "tcptracer", budget: 1024, owners: []who{busyPool}}.diagnose(t)
	if a := d.Answer(runbook.EphemeralPorts); a.State != runbook.CouldNotSee {
		t.Errorf("tcptracer: %s", a.Summary)
	}
}

func TestCauseOfPods(t *testing.T) {
	t.Parallel()
	s, n := stage{budget: 1024, owners: []who{leaked, churningRST, smallPool}}.play()
	d := runbook.Diagnose(s, n)
	for i, want := range []runbook.Cause{runbook.Leak, runbook.NoPooling, ""} {
		if c, _, known := d.CauseOf(n.Owners[i]); c != want || !known {
			t.Errorf("%s: %q, want %q", n.Owners[i].Title(), c, want)
		}
	}
	if _, _, known := d.CauseOf(&session.Owner{Key: "somebody else's"}); known {
		t.Error("the cause of a pod of another node is known")
	}
	s, n = stage{budget: 1024, owners: []who{busyPool, smallPool}}.play()
	d = runbook.Diagnose(s, n)
	if c, _, _ := d.CauseOf(n.Owners[0]); c != runbook.HotDestination {
		t.Errorf("who holds the hot destination: %q", c)
	}
	if c, _, known := d.CauseOf(n.Owners[1]); c != "" || !known {
		t.Errorf("who does not: %q", c)
	}
	// Where neither a leak nor churn was seen, none is not said.
	s, n = stage{collector: "procfs", budget: 1024, owners: []who{{name: "a", loads: []load{{to: "20.60.1.16:1", open: 500}}}, {name: "b", loads: []load{{to: "20.60.1.16:1", open: 500}, {to: "20.60.1.17:1", open: 900}}}}}.play()
	d = runbook.Diagnose(s, n)
	if c, _, known := d.CauseOf(n.Owners[0]); c != "" || known {
		t.Errorf("procfs: %q, known %v", c, known)
	}
}

func TestDiagnoseNothing(t *testing.T) {
	t.Parallel()
	for _, d := range []*runbook.Diagnosis{runbook.Diagnose(nil, nil), runbook.Diagnose(&session.Snapshot{}, nil)} {
		sound(t, nil, nil, d)
		if _, ok := d.Main(); ok || d.Seen || len(d.In(runbook.CouldNotSee)) != len(runbook.Causes()) {
			t.Error("something is known of nothing")
		}
		if _, _, known := d.CauseOf(&session.Owner{}); known {
			t.Error("the cause of nobody's pod is known")
		}
	}
}

// The same picture gives the same words.
func TestDeterministic(t *testing.T) {
	t.Parallel()
	st := stage{budget: 1024, owners: append(spread(), leaked, dead, churningRST)}
	var first string
	for range 20 {
		text := ""
		for _, a := range st.diagnose(t).Answers {
			text += a.Summary + "\n"
			for _, e := range a.Evidence {
				text += e.Text + e.Command + e.Output + "\n"
			}
			for _, r := range a.Remedies {
				text += r.Text + r.Command + r.Warning + "\n"
			}
		}
		if first == "" {
			first = text
		}
		if text != first {
			t.Fatalf("two answers:\n%s\n%s", first, text)
		}
	}
	if strings.Contains(first, "%!") {
		t.Errorf("a figure is missing:\n%s", first)
	}
}

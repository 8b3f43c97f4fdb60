package report_test

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

var update = flag.Bool("update", false, "write the golden files anew")

var generated = time.Date(2026, 3, 1, 13, 30, 0, 0, time.FixedZone("CET", 3600))

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(got) {
		t.Errorf("%s differs (go test -update writes it anew); got:\n%s", path, got)
	}
}

func tcp(addr string, port uint16) snat.Dest {
	return snat.Dest{Protocol: snat.TCP, IP: netip.MustParseAddr(addr), Port: port}
}

var public = snat.Class{Eligible: true, Public: true}

// hostile is a name that wants to be more than a name.
const hostile = "evil\x1b[31m<b>\u202e\nname\xff"

// levels are those of the node that is full.
var levels = session.Levels{
	Ports: session.Level{Mean: 127.98765, SD: 0.456, Over: 10 * time.Second},
	Open:  session.Level{Mean: 119.2, SD: 1.5, Over: 10 * time.Second},
	Opens: session.Level{Mean: 3.14159, SD: 0.5, Over: 9 * time.Second},
	Fails: session.Level{Mean: 0, SD: 0, Over: 9 * time.Second},
}

// picture is a cluster with one node of each kind, made by hand.
func picture() *session.Snapshot {
	table := snat.Budget{Ports: 128, Source: snat.BudgetTable}
	leaker := &session.Owner{
		Key: "pod/u1", Node: "full", Namespace: "shop", Name: "leaker-1", UID: "u1", Known: true,
		Workload: inventory.Workload{Kind: "Deployment", Name: "leaker"},
		Counts: session.Counts{
			Ports: snat.Ports{Min: 120, Estimate: 128, Max: 152}, Open: 120, Trying: 12, Cooling: 20, EstablishedPublic: 118, SynSentPublic: 12,
			OpensPerSecond: 3.14159, ClosesPerSecond: 2, FailedPerSecond: 0.456, Levels: levels,
		},
		Listed: []*session.Dest{
			{
				Dest: tcp("20.60.1.9", 443), Class: public, Established: 118, Closing: 2, SynSent: 12, Cooling: 20, OpensPerSecond: 3.14159, FailedPerSecond: 0.456,
				Levels: &session.Levels{Open: levels.Open, Opens: levels.Opens, Fails: levels.Fails}, Detailed: true, Processes: []session.Process{
					{PID: 4242, Command: "python /srv/leak.py --to https://api.example.com/v1/orders --forever", Container: "app", Established: 117},
					{PID: 0, Established: 1},
				},
			},
			{Dest: tcp("10.96.0.1", 443), Name: "kubernetes.default.svc", Class: snat.Class{WhyNot: "private"}, Established: 2},
		},
	}
	host := &session.Owner{
		Key: "host/sshd.service", Node: "full", HostNetwork: true, Known: true, Workload: inventory.Workload{Kind: "unit", Name: "sshd.service"},
		Counts: session.Counts{Ports: snat.Ports{Min: 8, Estimate: 8, Max: 8}, Open: 8, EstablishedPublic: 8},
		Listed: []*session.Dest{{Dest: tcp("2001:db8::1", 22), Class: public, Established: 8}},
	}
	// Seen by a collector that counts every event, and by one that knows
	// nothing but lives.
	seen := &session.Owner{
		Key: "pod/u2", Node: "seen", Namespace: "shop", Name: "search-1", UID: "u2", Known: true, Workload: inventory.Workload{Kind: "Deployment", Name: "search"},
		Counts: session.Counts{Ports: snat.Ports{Min: 3, Estimate: 3, Max: 3}, Open: 3, EstablishedPublic: 3},
		Listed: []*session.Dest{
			{
				Dest: tcp("20.60.1.9", 443), Class: public, Established: 2, Lives: &session.Lives{3: 600, 7: 400},
				Trouble: &session.Trouble{Resets: 0.456, Refused: 1, TimedOut: 2.5, NoPort: 0.1, SynRetransmits: 12.345, Retransmits: 7},
			},
			{Dest: tcp("20.60.1.10", 443), Class: public, Established: 1, Lives: &session.Lives{}, Trouble: &session.Trouble{}},
			{Dest: tcp("20.60.1.11", 443), Class: public, Lives: &session.Lives{4: 1, 23: 1}},
		},
	}
	odd := &session.Owner{
		Key: "pod/u9", Node: "calm", Namespace: hostile, Name: hostile, UID: hostile, Workload: inventory.Workload{Kind: hostile, Name: hostile},
		Counts: session.Counts{Ports: snat.Ports{Min: 200, Estimate: 200, Max: 200}, Open: 200, EstablishedPublic: 200},
		Listed: []*session.Dest{{
			Dest: tcp("20.60.1.9", 443), Name: hostile, Class: public, Established: 200, Processes: []session.Process{{PID: 1, Command: hostile, Container: hostile}},
		}},
	}
	now := generated.Add(-time.Second)
	return &session.Snapshot{
		Version: 7, Time: now, Started: now.Add(-10 * time.Second),
		Cluster: session.Cluster{Context: "prod", ServerVersion: "v1.36.3", Provider: snat.ProviderAzureLB, Source: "live"},
		Nodes: []*session.Node{
			{
				Name: "full", InternalIP: "10.0.0.4", State: session.StateStreaming, Progress: "not told any more", Collector: "diag", LastTick: now, Budget: table,
				Verdict: snat.Exhausted, Why: []string{"128 flows are open to one destination; the budget is 128 ports (table)"},
				Counts: session.Counts{
					Ports: snat.Ports{Min: 128, Estimate: 128, Max: 160}, Open: 128, Trying: 12, Cooling: 20, EstablishedPublic: 126, SynSentPublic: 12,
					OpensPerSecond: 3.14159, FailedPerSecond: 0.456, Levels: levels,
				},
				Conntrack: &wire.Conntrack{HostNetwork: true, Count: 900, Max: 65536, InsertFailed: 1, Drop: 2, EarlyDrop: 3},
				Tracked: []session.TrackedSource{
					{IP: netip.MustParseAddr("10.244.3.17"), Name: "shop/leaker-1", TCP: 700, UDP: 4, Local: true}, {IP: netip.MustParseAddr("fd00::9"), Name: hostile, TCP: 12},
				},
				Features: []wire.Feature{
					{Name: "ebpf", Answer: wire.No, Detail: "bpf(2): operation not permitted"}, {Name: "diag", Answer: wire.Yes}, {Name: "tcptracer", Detail: hostile},
				},
				Handovers: []session.Handover{{At: now.Add(-time.Minute), From: "ebpf", To: "diag", Reason: hostile}, {At: now, From: "", To: "procfs"}},
				ProbeCPU:  3.14159,
				Owners:    []*session.Owner{leaker, host},
			},
			{
				Name: "denied", InternalIP: "10.0.0.5", State: session.StateDenied, Error: "user jane cannot create pods in namespace kube-system",
				Budget: table, Verdict: snat.Unknown, Why: []string{"no numbers from this node: user jane cannot create pods in namespace kube-system"},
			},
			{Name: "reaching", State: session.StateConnecting, Progress: "pulling the image", Budget: snat.Budget{Source: snat.BudgetUnknown}, Verdict: snat.Unknown},
			{
				Name: "seen", InternalIP: "10.0.0.7", State: session.StateStreaming, Collector: "ebpf", LastTick: now, Budget: snat.Budget{Ports: 1024, Source: snat.BudgetFlag},
				Verdict: snat.Healthy, Why: []string{"about 3 of 1024 ports (flag) are in use"}, Counts: seen.Counts, Owners: []*session.Owner{seen}, ProbeCPU: 0.001,
			},
			{
				Name: "calm", InternalIP: "10.0.0.6", State: session.StateStreaming, Collector: "procfs", LastTick: now, Budget: snat.Budget{Ports: 1024, Source: snat.BudgetFlag},
				Verdict: snat.Healthy, Why: []string{"about 200 of 1024 ports (flag) are in use"},
				Counts: session.Counts{Ports: snat.Ports{Min: 200, Estimate: 200, Max: 200}, Open: 200, EstablishedPublic: 200},
				Owners: []*session.Owner{odd, {Key: "netns/1/", Node: "calm", Workload: inventory.Workload{Kind: "netns", Name: "process unknown"}}},
			},
		},
		Loss: session.Loss{EventsLost: 3, DestinationsDropped: 4, NodesUnseen: []session.NodeUnseen{
			{Node: "denied", Reason: "user jane cannot create pods in namespace kube-system"}, {Node: "reaching", Reason: "pulling the image"},
		}},
	}
}

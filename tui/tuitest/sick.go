package tuitest

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/probe/wire"
)

// Names of the sick cluster that tests refer to.
const (
	SickNode  = "aks-np1-vmss000003"
	SickIP    = "10.224.0.7"
	SeenNode  = "aks-np1-vmss000001"
	SickPod   = "checkout-7d9f8b6c5-x2x9q"
	SickKey   = session.Key("shop/checkout-7d9f8b6c5-x2x9q/checkout")
	SickDest  = "20.60.1.9:443"
	Hostile   = "evil\x1b[2J\x1b]0;owned\x07-\u202epod\n"
	WideName  = "支払い-サービス-東京-本番環境-とても長い名前"
	Combining = "cafe\u0301-re\u0301sume\u0301"
)

// Sick is the cluster: node3 of np1 is exhausted by shop/checkout, others are
// under pressure, healthy, stale, denied, Windows, or still being reached.
func Sick() *session.Snapshot {
	deploy := func(name string) session.Workload { return session.Workload{Kind: "Deployment", Name: name} }
	ds := func(name string) session.Workload { return session.Workload{Kind: "DaemonSet", Name: name} }

	checkout := Owner(SickNode, "shop", SickPod, deploy("checkout"),
		Load{Addr: SickDest, Name: "", Established: 955, SynSent: 44, Waiting: 44, Cooling: 38, TimeWait: 12, Opens: 4.9, Closes: 0.1, Fails: 38, Detailed: true,
			OpenTrend: ramp(42, 60, 953), Silent: &session.Silence{0: 290, 1: 390},
			Processes: []session.Process{
				{PID: 4711, Command: "node /srv/checkout/server.js --max-old-space-size=2048", Container: "app", Established: 944, SynSent: 44},
				{PID: 4890, Command: "curl -s https://files.example.net/health", Container: "sidecar", Established: 11},
			}},
		Load{Addr: "10.0.12.7:5432", Name: "postgres.shop.svc", Established: 12, Detailed: true,
			Processes: []session.Process{{PID: 4711, Command: "node /srv/checkout/server.js", Container: "app", Established: 12}}},
		Load{Addr: "10.2.0.1:443", Name: "kubernetes.default", Established: 3, Cooling: 1, Detailed: true,
			Endpoints: []netip.AddrPort{netip.MustParseAddrPort("20.8.1.2:443")}},
		Load{Addr: "[2603:1020:201:10::10f]:443", Name: "login.example.net", Established: 1},
		Load{Addr: "8.8.8.8:53", Proto: snat.UDP, Name: "", Established: 4, Opens: 0.02, Detailed: true},
		Load{Addr: "169.254.169.254:80", Name: "metadata", Cooling: 0, TimeWait: 2, Opens: 0.3, Detailed: true},
	)
	checkout.IPs = []netip.Addr{netip.MustParseAddr("10.244.3.17")}
	checkout.Containers = []string{"app", "sidecar"}

	search := Owner(SickNode, "shop", "search-5c4d9-p0o8i", deploy("search"), Load{Addr: "20.60.1.9:443", Established: 1, Cooling: 2, Opens: 50, Closes: 50})
	coredns := Owner(SickNode, "kube-system", "coredns-6f8d-abcde", deploy("coredns"), Load{Addr: "10.0.0.53:53", Established: 4, Opens: 4})
	long := Owner(SickNode, "team-with-a-rather-long-namespace-name", Long(253), deploy(Long(200)), Load{Addr: "52.1.2.3:8443", Established: 2})
	hostile := Owner(SickNode, "shop", Hostile, deploy("evil\x1b[31m"), Load{Addr: "52.1.2.4:80", Name: "evil\u2066\x07name", Established: 1})
	wide := Owner(SickNode, "shop", WideName, deploy(WideName), Load{Addr: "52.1.2.5:443", Established: 37, Cooling: 14, Opens: 2.4, Closes: 2.2})
	combining := Owner(SickNode, "shop", Combining, deploy(Combining), Load{Addr: "52.1.2.6:443", Established: 5})
	proxy := Owner(SickNode, "kube-system", "kube-proxy-9xk2p", ds("kube-proxy"), Load{Addr: "20.8.1.2:443", Established: 1})
	proxy.HostNetwork = true
	kubelet := Owner(SickNode, "", "", session.Workload{Kind: "unit", Name: "kubelet.service"}, Load{Addr: "20.8.1.2:443", Established: 2, Cooling: 1, Opens: 0.1})
	kubelet.HostNetwork = true
	gone := Owner(SickNode, "batch", "report-28899-zz9pl", session.Workload{Kind: "Job", Name: "report-28899"}, Load{Addr: "52.1.2.7:443", Cooling: 9})
	gone.Known, gone.Phase = false, ""

	sick := Node(SickNode, SickIP, 1024, checkout, wide, search, gone, combining, kubelet, long, hostile, proxy, coredns)
	sick.Trend = ramp(60, 120, 996)
	sick.Problems = []string{"2 sockets had no cgroup: they count for their network namespace"}

	pressured := Node("aks-np1-vmss000007", "10.224.0.11", 1024,
		Owner("aks-np1-vmss000007", "shop", "mailer-66b7-qqq1z", deploy("mailer"), Load{Addr: "40.1.1.1:587", Established: 790, Cooling: 72, Opens: 55, Closes: 54}))
	pressured.Trend = ramp(60, 700, 862)
	pressured.FullIn = new(14*time.Minute + 20*time.Second)
	pressured.Handovers = []session.Handover{{At: Now().Add(-2*time.Minute - 21*time.Second), From: "ebpf", To: "diag", Reason: "the programs were taken out of the kernel by another"}}
	pressured.CountedSince = pressured.Handovers[0].At

	// Its collector counts every event.
	calm, none := &session.Trouble{}, &session.Lives{}
	healthy := Node(SeenNode, "10.224.0.5", 1024,
		Owner(SeenNode, "shop", "search-5c4d9-1aa2b", deploy("search"),
			Load{Addr: "20.60.1.9:443", Established: 118, Cooling: 43, Opens: 2, Closes: 2, Fails: 1.4,
				Trouble: &session.Trouble{Resets: 0.25, Refused: 0.4, TimedOut: 0.9, SynRetransmits: 3.1, Retransmits: 12, ResetsIn: 0.6, ResetsOut: 0.05},
				Lives:   &session.Lives{2: 900, 3: 5600, 6: 5500, 9: 345}, Detailed: true},
			Load{Addr: "20.60.1.10:443", Name: "idle.example.net", Trouble: calm, Lives: none, TimeWait: 1, Detailed: true},
			Load{Addr: "10.0.12.7:5432", Name: "postgres.shop.svc", Established: 12, Trouble: calm, Lives: &session.Lives{23: 7}, Detailed: true},
			Load{Addr: "8.8.8.8:53", Proto: snat.UDP, Established: 2, Detailed: true}),
		Owner(SeenNode, "kube-system", "coredns-6f8d-zzzzz", deploy("coredns"), Load{Addr: "10.0.0.53:53", Established: 4, Trouble: calm, Lives: none}))
	healthy.Collector, healthy.ProbeCPU, healthy.Cost.Sockets = "ebpf", 3.2, 0
	healthy.Features = []wire.Feature{{Name: "eBPF", Answer: wire.Yes, Detail: "5 programs attached"}, {Name: "inet_diag", Answer: wire.Yes}}
	healthy.Tracked = []session.TrackedSource{
		{IP: netip.MustParseAddr("10.244.1.9"), Name: "shop/search-5c4d9-1aa2b", TCP: 161, UDP: 2, Local: true},
		{IP: netip.MustParseAddr("10.244.1.77"), Name: Hostile, TCP: 24},
	}
	healthy.Trend = ramp(60, 150, 161)

	stale := Node("aks-np1-vmss000002", "10.224.0.6", 1024,
		Owner("aks-np1-vmss000002", "shop", "search-5c4d9-9zz8y", deploy("search"), Load{Addr: "20.60.1.9:443", Established: 7}))
	stale.LastTick = Now().Add(-14 * time.Second)
	stale.Trend = ramp(20, 5, 7)

	fresh := Node("aks-np1-vmss000004", "10.224.0.8", 1024)
	fresh.Since, fresh.CountedSince = fresh.LastTick, fresh.LastTick

	unknown := Node("onprem-"+Long(63), "192.168.77.201", 0,
		Owner("onprem", "shop", "cart-77f-r2d2x", deploy("cart"), Load{Addr: "93.184.216.34:443", Established: 60, Opens: 1.5}))
	unknown.Collector, unknown.Rung = "procfs", "ephemeral container"
	mute(unknown)

	return Snapshot(1,
		sick, pressured,
		Unseen("aks-np2-vmss000000", "10.224.1.4", "linux", session.StateDenied, `pods "exec" is forbidden in kube-system for user "ana": ask for create on pods/exec`, ""),
		Unseen("aks-win-vmss000000", "10.224.2.4", "windows", session.StateNotLinux, "", ""),
		Unseen("aks-np1-vmss000009", "10.224.0.13", "linux", session.StateConnecting, "", "waiting for the node pod to start: ContainerCreating, 4 s"),
		Unseen("aks-np1-vmss000010", "10.224.0.14", "linux", session.StateWaiting, "", ""),
		unknown, healthy, stale, fresh,
	)
}

// mute takes back what procfs does not see.
func mute(n *session.Node) {
	n.Silent = nil
	for _, o := range n.Owners {
		o.Silent = nil
		for _, d := range o.Dests() {
			d.Silent = nil
		}
	}
}

// Measured is the sick cluster where the cloud tells what it measures, and how
// the way out is set up.
func Measured() *session.Snapshot {
	s := Sick()
	reading := func(used int) *cloud.NodeReading {
		return &cloud.NodeReading{At: Now().Add(-91 * time.Second).Truncate(time.Minute), TCP: cloud.Usage{Allocated: new(1024), Used: new(used)}}
	}
	s.Nodes[0].Measured, s.Nodes[1].Measured = reading(1021), reading(640)
	s.Node(SeenNode).Measured = reading(158)
	s.Cloud = &cloud.Reading{
		Provider: snat.ProviderAzureLB, Source: "Azure Monitor",
		Profile: &cloud.Profile{Outbound: "loadBalancer", IPs: 1, Nodes: 24, Surge: 3, Name: "prod-weu", Group: "rg", IdleTimeout: 30 * time.Minute},
	}
	return s
}

// Big is a node of many pods, for benchmarks and scrolling.
func Big(pods int) *session.Snapshot {
	owners := make([]*session.Owner, pods)
	for i := range owners {
		owners[i] = Owner("big", "load", fmt.Sprintf("worker-%05d", i), session.Workload{Kind: "Deployment", Name: "worker"},
			Load{Addr: fmt.Sprintf("20.1.%d.%d:443", i/250%250, i%250), Established: pods - i, Opens: float64(i % 7)})
	}
	return Snapshot(1, Node("big", "10.0.0.1", 64000, owners...))
}

// Many is a cluster of many nodes.
func Many(nodes int) *session.Snapshot {
	all := make([]*session.Node, nodes)
	for i := range all {
		name := fmt.Sprintf("node-%05d", i)
		all[i] = Node(name, fmt.Sprintf("10.%d.%d.%d", 1+i/62500, i/250%250, i%250), 1024,
			Owner(name, "shop", fmt.Sprintf("pod-%d", i), session.Workload{}, Load{Addr: "20.1.1.1:443", Established: 800 - i%800}))
		all[i].Trend = ramp(60, 10, 800)
	}
	return Snapshot(1, all...)
}

// ramp is n values from one to another, with a little unrest.
func ramp(n, from, to int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = from + (to-from)*i/max(1, n-1) + i%3
	}
	return out
}

package evidence_test

import (
	"strings"
	"testing"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/evidence"
	"github.com/snattop/snattop/tui/tuitest"
)

func has(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, w := range wants {
		if !strings.Contains(text, w) {
			t.Errorf("the answer does not say %q:\n%s", w, text)
		}
	}
}

func TestNode(t *testing.T) {
	t.Parallel()
	s := tuitest.Sick()
	has(t, evidence.Node(s, s.Nodes[0]).Text(),
		"kubectl --context prod-weu get nodes -o wide | grep -wF 10.224.0.7\n",
		"kubectl --context prod-weu debug node/"+tuitest.SickNode+" -it",
		"lsns -t net", "crictl ps", "netstat -ptn | grep ESTABLISHED",
		"way in: node pod", "collector: inet_diag: socket tables", "eBPF: no · bpf(2): operation not permitted", "BCC tools: could not tell",
		"budget: 1,024 ports (table)", "conntrack: 4,121 of 262,144", "verdict: exhausted", "2 sockets had no cgroup",
	)
	denied := evidence.Node(s, s.Node("aks-np2-vmss000000")).Text()
	has(t, denied, "numbers: none: the node is not seen", `node: pods "exec" is forbidden`)
	fresh := evidence.Node(s, s.Node("aks-np1-vmss000004")).Text()
	has(t, fresh, "a second: not known yet")
}

func TestOwner(t *testing.T) {
	t.Parallel()
	s := tuitest.Sick()
	n := s.Nodes[0]
	has(t, evidence.Owner(s, n, n.Owners[0]).Text(),
		"get pod -n shop "+tuitest.SickPod+" -o wide",
		"crictl pods -q --namespace '^shop$' --name '^"+tuitest.SickPod+"$'",
		"nsenter -t $PID -n netstat -ptn | grep ESTABLISHED",
		"10.244.3.17", "containers: app, sidecar",
	)
	for _, o := range n.Owners {
		text := evidence.Owner(s, n, o).Text()
		if strings.ContainsAny(text, "\x1b\x07\u202e") {
			t.Errorf("control characters in the answer for %q", o.Title())
		}
		switch {
		case o.Name == "":
			has(t, text, "systemctl status kubelet.service")
		case !o.Known:
			has(t, text, "no longer) list this pod")
		}
	}
}

func TestDest(t *testing.T) {
	t.Parallel()
	s := tuitest.Sick()
	n := s.Nodes[0]
	o := n.Owners[0]
	has(t, evidence.Dest(s, n, o, o.Dests()[0]).Text(),
		"cat /proc/4711/cgroup", "nsenter -t 4711 -n ss -tnap dst 20.60.1.9:443\n", "grep -cwF 20.60.1.9:443",
		"counts: yes", "44 SYNs without an answer", "4.9 opened · 0.1 closed · 38 failed")
	has(t, evidence.Dest(s, n, o, o.Dests()[3]).Text(), "ss -tnap dst '[2603:1020:201:10::10f]:443'", "crictl inspect")
	has(t, evidence.Dest(s, n, o, o.Dests()[4]).Text(), "ss -unap dst 8.8.8.8:53")
	has(t, evidence.Dest(s, n, o, o.Dests()[1]).Text(), "counts: no: private")
}

func TestLocalHasNoCluster(t *testing.T) {
	t.Parallel()
	s := tuitest.Sick()
	s.Cluster = session.Cluster{Context: "local", Source: "local"}
	n := s.Nodes[0]
	for _, text := range []string{evidence.Node(s, n).Text(), evidence.Owner(s, n, n.Owners[0]).Text(), evidence.Dest(s, n, n.Owners[0], n.Owners[0].Dests()[0]).Text()} {
		if strings.Contains(text, "kubectl") {
			t.Errorf("kubectl on a host without a cluster:\n%s", text)
		}
	}
}

func TestWhatTheCollectorSees(t *testing.T) {
	t.Parallel()
	s := tuitest.Sick()
	n := s.Node(tuitest.SeenNode)
	o := n.Owners[0]
	has(t, evidence.Dest(s, n, o, o.Dests()[0]).Text(),
		"failures: 0.4 refused · 0.9 timed out · 0 without a local port, a second", "resets: 0.25 connections a second ended by one; RST segments: 0.6 received · 0.05 sent",
		"sent again: 3.1 SYNs · 12 other segments a second", "collector: eBPF", "counting: every open and close, as it happens", "cpu: 3.2 ms of processor time a second",
		"lives: half of the connections that ended lived under 8 ms; 9 of 10 under 64 ms; of 12,345 since 12:01:02Z")
	has(t, evidence.Dest(s, n, o, o.Dests()[1]).Text(), "failures: 0 refused", "lives: no connection has ended since 12:01:02Z")
	has(t, evidence.Dest(s, n, o, o.Dests()[2]).Text(), "lived 69 min or longer; 9 of 10 69 min or longer; of 7 since")
	if text := evidence.Dest(s, n, o, o.Dests()[3]).Text(); strings.Contains(text, "lives:") || strings.Contains(text, "failures:") {
		t.Errorf("UDP has no connections:\n%s", text)
	}
	for _, text := range []string{evidence.Owner(s, n, o).Text(), evidence.Node(s, n).Text()} {
		has(t, text, "failures: 0.4 refused", "9 of 10 under 64 ms")
	}
	has(t, evidence.Node(s, n).Text(), "10.244.1.9: 161 TCP · 2 UDP · shop/search-5c4d9-1aa2b\n", "10.244.1.77: 24 TCP · 0 UDP · evil-pod", "its sockets are not on this node")
	n.CountedSince = n.LastTick
	has(t, evidence.Node(s, n).Text(), "a second: not known yet", "endings: not known yet")

	blind := s.Nodes[0]
	for _, text := range []string{evidence.Node(s, blind).Text(), evidence.Owner(s, blind, blind.Owners[0]).Text(), evidence.Dest(s, blind, blind.Owners[0], blind.Owners[0].Dests()[0]).Text()} {
		has(t, text, "endings: resets, causes of failures, segments sent again: not seen by inet_diag", "lives: not seen by inet_diag", "a connection that came and went in between is missed")
	}
	blind.Collector = "tcptracer"
	has(t, evidence.Node(s, blind).Text(), "trying: not seen by tcptracer", "failures not seen by tcptracer", "endings: resets, causes of failures, segments sent again: not seen by tcptracer")
}

func TestGapsAreTold(t *testing.T) {
	t.Parallel()
	s := tuitest.Sick()
	n := s.Nodes[1]
	n.Handovers = append(n.Handovers, session.Handover{At: tuitest.Now(), To: "procfs\x1b[2J", Reason: tuitest.Hostile})
	text := evidence.Node(s, n).Text()
	has(t, text, "gap: 12:02:10Z: eBPF failed, inet_diag took over: the programs were taken out of the kernel by another\n", "gap: 12:04:31Z: the collector failed, procfs took over: evil-pod")
	if strings.ContainsAny(text, "\x1b\x07\u202e") {
		t.Errorf("control characters:\n%s", text)
	}
}

// The report holds all sources, an answer the first few.
func TestManySources(t *testing.T) {
	t.Parallel()
	s := tuitest.Sick()
	n := s.Node(tuitest.SeenNode)
	for range 15 {
		n.Tracked = append(n.Tracked, n.Tracked[0])
	}
	text := evidence.Node(s, n).Text()
	has(t, text, "and 7 sources more: see snattop report -o json")
	if got := strings.Count(text, " TCP · "); got != 10 {
		t.Errorf("%d sources", got)
	}
}

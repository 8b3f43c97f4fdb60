//go:build e2e && linux

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/e2e/ground"
	"github.com/snattop/snattop/internal/report"
)

// The main job: a leak fills its node's block while others behave.
const (
	sickNode = "node2"
	block    = 256
	leakIP   = "20.60.1.9"
	leakPort = 443
	leakDest = "20.60.1.9:443"
)

// share is how far our count may be from the gateway's.
const share = 0.02

// sick makes the cluster sick, and waits until it is.
func sick(t *testing.T) {
	t.Helper()
	fresh(t)
	if err := world.ground.SetBlock(t.Context(), sickNode, block); err != nil {
		t.Fatal(err)
	}
	load(t, "churner", ground.Values{"NODE": "node1", "RATE": "2"})
	load(t, "private", ground.Values{"NODE": "node1", "SERVERNODE": "node3"})
	load(t, "pooled", ground.Values{"NODE": "node3"})
	load(t, "leaker", ground.Values{"NODE": sickNode, "RATE": "100", "MAX": "400"})
	waitPeak(t, sickNode, block)
	eventually(t, 30*time.Second, "connections are refused a port", func() error { return wantMore(t) })
}

// wantMore fails until the leaking pod has more sockets than ports.
func wantMore(t *testing.T) error {
	t.Helper()
	pod := kubectl(t, "get", "pods", "-n", "shop", "-l", "app=leaker", "-o", "jsonpath={.items[0].metadata.name}")
	out := kubectl(t, "exec", "-n", "shop", pod, "--", "sh", "-c", "grep -c ' 02 ' /proc/net/tcp || true")
	if out == "" || out == "0" {
		return errNoSyn
	}
	return nil
}

func TestMainJob(t *testing.T) {
	sick(t)
	t.Run("one pod on the node", findCulprit)
	t.Run("in the terminal", walkTerminal)
	t.Run("200 pods on the node", func(t *testing.T) {
		load(t, "sleepers", ground.Values{"NODE": sickNode, "REPLICAS": "200"})
		eventually(t, 5*time.Minute, "200 pods run", func() error {
			return replicas(t, "batch", "sleepers", "200")
		})
		findCulprit(t)
	})
}

// findCulprit asks for a report and checks it against the gateway.
func findCulprit(t *testing.T) {
	r, res := reportOf(t, "--duration", "3s", "--snat-ports", "256")
	if res.took > 10*time.Second {
		t.Errorf("the report took %s, want 10 s at the most", res.took)
	}
	t.Logf("report in %s", res.took.Round(10*time.Millisecond))
	if res.code != 3 {
		t.Errorf("exit code %d, want 3", res.code)
	}
	if res.stderr != "" {
		t.Errorf("standard error: %q", res.stderr)
	}
	want := truth(t, sickNode)
	checkWorst(t, r, established(want))
	checkQuiet(t, r)
	nothingLeft(t)
}

// checkWorst checks that node, pod and destination of the leak come first.
func checkWorst(t *testing.T, r *report.Report, want int) {
	t.Helper()
	n, p, d := r.Nodes[0], r.Pods[0], r.Destinations[0]
	if n.Name != sickNode || n.Verdict != "exhausted" || n.State != "streaming" {
		t.Errorf("first node %s is %s and %s, want %s exhausted and streaming", n.Name, n.Verdict, n.State, sickNode)
	}
	if n.EstablishedPublic == nil || !near(*n.EstablishedPublic, want, share) {
		t.Errorf("established_public of the node is %v, the gateway says %d", deref(n.EstablishedPublic), want)
	}
	if *n.Ports.Min > block || *n.Ports.Estimate != block || *n.Ports.Max < block {
		t.Errorf("ports %d ≤ %d ≤ %d, want around %d", *n.Ports.Min, *n.Ports.Estimate, *n.Ports.Max, block)
	}
	if n.Ports.BudgetSource != "flag" || *n.Ports.Budget != block {
		t.Errorf("budget %d from %s", *n.Ports.Budget, n.Ports.BudgetSource)
	}
	if *n.SynSentPublic == 0 {
		t.Error("no SYN waits, though the block is full")
	}
	if !strings.HasPrefix(p.Name, "leaker-") || p.Namespace != "shop" || p.Owner != (report.Workload{Kind: "Deployment", Name: "leaker"}) {
		t.Errorf("first pod is %s/%s of %+v", p.Namespace, p.Name, p.Owner)
	}
	if !near(p.EstablishedPublic, want, share) {
		t.Errorf("established_public of the pod is %d, the gateway says %d", p.EstablishedPublic, want)
	}
	if d.IP != leakIP || d.Port != leakPort || !d.Eligible || d.Pod != p.Name {
		t.Errorf("first destination is %s:%d of %s, eligible %t", d.IP, d.Port, d.Pod, d.Eligible)
	}
	if !near(d.Established, want, share) {
		t.Errorf("the destination has %d, the gateway says %d", d.Established, want)
	}
	if len(d.Processes) != 1 || !strings.Contains(d.Processes[0].Command, "leak") || d.Processes[0].Container != "api" || d.Processes[0].PID == 0 {
		t.Errorf("processes of the destination: %+v", d.Processes)
	}
}

// checkQuiet checks that those who behave count for what they are.
func checkQuiet(t *testing.T, r *report.Report) {
	t.Helper()
	chat := podOf(t, r, "chat-client")
	if *chat.Ports.Max != 0 || chat.EstablishedPublic != 0 {
		t.Errorf("private chatter counts: %+v", chat)
	}
	if d := destinationOf(t, r, "chat-client", "10.0.50.1", 8080); d.Eligible || d.Established == 0 || d.Name != "chat.shop.svc" {
		t.Errorf("private chatter: %+v", d)
	}
	pooled := destinationOf(t, r, "pooled-", "20.60.1.4", 8080)
	wantPooled, _ := truth(t, "node3").Destination("tcp", "20.60.1.4:8080")
	if pooled.Established != wantPooled.Established {
		t.Errorf("pooled: %d established, the gateway says %d", pooled.Established, wantPooled.Established)
	}
	for _, name := range []string{"node1", "node3"} {
		if n := nodeOf(t, r, name); n.State != "streaming" || n.Verdict == "exhausted" {
			t.Errorf("%s is %s and %s", name, n.State, n.Verdict)
		}
	}
	if n := nodeOf(t, r, sickNode); n.Collector == "" || n.InternalIP == "" || n.Conntrack.Count == nil {
		t.Errorf("the node's row lacks something: %+v", n)
	}
}

// TestEmptyCluster has no pods at all on any node.
func TestEmptyCluster(t *testing.T) {
	fresh(t)
	r, res := reportOf(t, "--duration", "2s", "--snat-ports", "1024")
	if res.code != 0 {
		t.Errorf("exit code %d, want 0; stderr %q", res.code, res.stderr)
	}
	for _, n := range r.Nodes {
		// Sockets of earlier tests may still be in TIME_WAIT: those count for
		// the estimate, and for nothing that is open.
		if n.Verdict != "healthy" || *n.EstablishedPublic != 0 || *n.SynSentPublic != 0 || *n.Ports.Min != 0 {
			t.Errorf("%s: %s, %d established, %d attempting, at least %d ports", n.Name, n.Verdict, *n.EstablishedPublic, *n.SynSentPublic, *n.Ports.Min)
		}
	}
	if len(r.Nodes) != 3 {
		t.Errorf("%d nodes, want 3", len(r.Nodes))
	}
	nothingLeft(t)
}

func deref[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

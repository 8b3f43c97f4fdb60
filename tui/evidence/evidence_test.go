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

func TestQuote(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain-name.1": "plain-name.1",
		"":             "''",
		"a b":          "'a b'",
		"$(reboot)":    "'$(reboot)'",
		"it's":         `'it'\''s'`,
		"-rf":          "'-rf'",
		"x\x1b[2J\n;y": "'x ;y'",
		"[::1]:443":    "'[::1]:443'",
	} {
		if got := evidence.Quote(in); got != want {
			t.Errorf("Quote(%q) = %s, want %s", in, got, want)
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
	has(t, evidence.Dest(s, n, o, o.Dests[0]).Text(),
		"cat /proc/4711/cgroup", "nsenter -t 4711 -n ss -tnap dst 20.60.1.9:443\n", "grep -cwF 20.60.1.9:443",
		"counts: yes", "44 SYNs without an answer", "301 opened · 263 closed · 38 failed")
	has(t, evidence.Dest(s, n, o, o.Dests[3]).Text(), "ss -tnap dst '[2603:1020:201:10::10f]:443'", "crictl inspect")
	has(t, evidence.Dest(s, n, o, o.Dests[4]).Text(), "ss -unap dst 8.8.8.8:53")
	has(t, evidence.Dest(s, n, o, o.Dests[1]).Text(), "counts: no: private")
}

func TestLocalHasNoCluster(t *testing.T) {
	t.Parallel()
	s := tuitest.Sick()
	s.Cluster = session.Cluster{Context: "local", Source: "local"}
	n := s.Nodes[0]
	for _, text := range []string{evidence.Node(s, n).Text(), evidence.Owner(s, n, n.Owners[0]).Text(), evidence.Dest(s, n, n.Owners[0], n.Owners[0].Dests[0]).Text()} {
		if strings.Contains(text, "kubectl") {
			t.Errorf("kubectl on a host without a cluster:\n%s", text)
		}
	}
}

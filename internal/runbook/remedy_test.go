package runbook_test

import (
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
)

// read is a cluster whose way out the cloud has told of.
func read(p cloud.Profile) func(*session.Snapshot, *session.Node) {
	return func(s *session.Snapshot, _ *session.Node) {
		s.Cloud = &cloud.Reading{Provider: s.Cluster.Provider, Profile: &p}
	}
}

// advice is all remedies of the main cause as text.
func advice(t *testing.T, st stage) string {
	t.Helper()
	a, ok := st.diagnose(t).Main()
	if !ok {
		t.Fatal("no cause was found")
	}
	var b strings.Builder
	for _, r := range a.Remedies {
		b.WriteString(r.Text + "\n$ " + r.Command + "\n! " + r.Warning + "\n")
	}
	return b.String()
}

func TestRemedies(t *testing.T) {
	t.Parallel()
	speaks := func(command string) who {
		w := leaked
		w.loads = []load{w.loads[0]}
		w.loads[0].command = command
		return w
	}
	job := leaked
	job.kind = "Job"
	hostile := leaked
	hostile.name = "x; rm -rf $HOME"
	aks := cloud.Profile{Outbound: "loadBalancer", IPs: 1, Nodes: 24, Surge: 3, Name: "prod", Group: "rg", IdleTimeout: 30 * time.Minute}
	for name, c := range map[string]struct {
		stage stage
		has   []string
		lacks []string
	}{
		"numbers that fit": {
			stage: stage{budget: 1024, owners: []who{busyPool}, change: read(aks)},
			has: []string{
				"az aks update -g rg -n prod --load-balancer-outbound-ports 2048", "27 × 2,048 = 55,296 ≤ 64,000", "It needs about 1,030", "private endpoint",
			},
			lacks: []string{"is assumed", "number is not known"},
		},
		"names that are not known": {
			stage: stage{budget: 1024, owners: []who{busyPool}},
			has:   []string{"-g RESOURCE_GROUP -n CLUSTER_NAME", "One outbound address is assumed.", "their number is not known"},
		},
		"what does not fit one address": {
			stage: stage{budget: 1024, owners: []who{busyPool}, change: read(cloud.Profile{IPs: 1, Nodes: 60, PortsPerNode: 1024, Name: "prod", Group: "rg"})},
			has:   []string{"--load-balancer-outbound-ports 2048 --load-balancer-managed-outbound-ip-count 2", "managedNATGateway"},
		},
		"a shared balancer": {
			stage: stage{budget: 1024, owners: []who{busyPool}, change: read(cloud.Profile{IPs: 1, Nodes: 24, Shared: true})},
			has:   []string{"Another cluster uses the same addresses"},
		},
		"a leak that is silent": {
			stage: stage{budget: 1024, owners: []who{leaked}, change: read(aks)},
			has:   []string{"--load-balancer-idle-timeout 4", "It is 30 min now, and 800 of its connections are silent", "rollout restart -n shop deploy/leaker", "2048"},
			lacks: []string{"report --until-busy"},
		},
		"a job": {stage: stage{budget: 1024, owners: []who{job}}, has: []string{"snattop report --until-busy --node " + here}, lacks: []string{"rollout restart"}},
		"a hostile name": {
			stage: stage{budget: 1024, owners: []who{hostile}}, has: []string{"rollout restart -n shop 'deploy/x; rm -rf $HOME'"},
		},
		"node":        {stage: stage{budget: 1024, owners: []who{speaks("/usr/bin/node server.js")}}, has: []string{"keepAlive: true"}},
		"java":        {stage: stage{budget: 1024, owners: []who{speaks("java -jar app.jar")}}, has: []string{"HttpClient", "try-with-resources"}},
		"python":      {stage: stage{budget: 1024, owners: []who{speaks("/usr/local/bin/python3.12 -m app")}}, has: []string{"requests.Session"}},
		"dotnet":      {stage: stage{budget: 1024, owners: []who{speaks("dotnet App.dll")}}, has: []string{"IHttpClientFactory"}},
		"go":          {stage: stage{budget: 1024, owners: []who{speaks("go run .")}}, has: []string{"MaxIdleConnsPerHost"}},
		"who knows":   {stage: stage{budget: 1024, owners: []who{speaks("/srv/nodes-and-javanese")}}, has: []string{"HTTP keep-alive on"}, lacks: []string{"Node:", "Java:"}},
		"after a cut": {stage: stage{budget: 512, was: 1024, nodes: 60, owners: []who{{name: "o", loads: []load{{to: "20.1.1.1:1", open: 600, waiting: 1}}}}}, has: []string{"--load-balancer-outbound-ports 1024", "they stay when nodes are added", "snattop budget --provider azure-lb --nodes 60"}},
		"Google":      {stage: stage{budget: 64, provider: snat.ProviderGCPNAT, owners: []who{{name: "o", loads: []load{{to: "20.1.1.1:1", open: 64, waiting: 5}}}}}, has: []string{"gcloud compute routers nats update NAT_NAME", "--min-ports-per-vm 87", "--enable-dynamic-port-allocation"}, lacks: []string{"az aks"}},
		"a shared gateway": {
			stage: stage{budget: 64512, provider: snat.ProviderAzureNATGW, owners: []who{{name: "o", loads: []load{{to: "20.1.1.1:1", open: 64000, waiting: 5}}}}, change: func(s *session.Snapshot, n *session.Node) {
				n.Budget.Shared = true
				read(cloud.Profile{IPs: 1, Name: "prod", Group: "rg"})(s, n)
			}},
			has: []string{"--nat-gateway-managed-outbound-ip-count 2"}, lacks: []string{"more nodes: each node has ports of its own"},
		},
		"a firewall": {stage: stage{budget: 1024, owners: []who{dead, working}}, has: []string{"nc -vz -w 5 20.60.1.11 81", "get networkpolicies -n shop"}},
		"DNS":        {stage: stage{budget: 1024, owners: []who{{name: "asker", loads: []load{{to: "10.0.0.10:53", udp: true, private: true, open: 90, trying: 80}}}}}, has: []string{"kubectl --context prod get pods -n kube-system -l k8s-app=kube-dns -o wide"}},
		"no more than there is": {
			stage: stage{budget: 1024, owners: []who{{name: "churner", loads: []load{{to: "20.60.1.3:443", cooling: 400, opens: 1.7, closes: 1.7, lives: lived(400, time.Millisecond)}}}}},
			lacks: []string{"--load-balancer-outbound-ports"},
		},
	} {
		text := advice(t, c.stage)
		for _, want := range c.has {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", name, want, text)
			}
		}
		for _, not := range c.lacks {
			if strings.Contains(text, not) {
				t.Errorf("%s: %q in\n%s", name, not, text)
			}
		}
	}
}

// No command is made up of what a cluster says without being quoted, whatever
// the cause.
func TestHostileNamesAreQuoted(t *testing.T) {
	t.Parallel()
	const evil = "a$(reboot)`id`;\n|'\x1b]0;x\x07"
	for _, owners := range [][]who{{leaked}, {churningFIN}, {busyPool}, {dead, working}, spread()} {
		for i := range owners {
			owners[i].name = evil + string(rune('a'+i))
		}
		s, n := stage{budget: 1024, owners: owners}.play()
		n.Name, s.Cluster.Context = evil, evil
		s.Cloud = &cloud.Reading{Profile: &cloud.Profile{Name: evil, Group: evil, Gateway: evil, IPs: 1, Nodes: 3}}
		for _, a := range runbook.Diagnose(s, n).Answers {
			var commands []string
			for _, e := range a.Evidence {
				commands = append(commands, e.Command)
			}
			for _, r := range a.Remedies {
				commands = append(commands, r.Command)
			}
			for _, c := range commands {
				outside := ""
				for i, part := range strings.Split(strings.ReplaceAll(c, `'\''`, ""), "'") {
					if i%2 == 0 {
						outside += part
					}
				}
				if strings.Contains(outside, "reboot") || strings.ContainsAny(c, "\x1b\x07\n") {
					t.Errorf("%s: %q", a.Cause, c)
				}
			}
		}
	}
}

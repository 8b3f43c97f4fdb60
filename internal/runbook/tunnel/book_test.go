package tunnel

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/facts"
)

// cluster speaks as an API server does. Its nodes are node1 to node3, agents
// run on the first two.
type cluster struct {
	agents bool
	host   string
	// unreached are nodes that it does not get through to, forbidden words of
	// paths that it refuses.
	unreached []string
	forbidden []string
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	say := func(code int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(body)
	}
	type object = map[string]any
	for _, word := range c.forbidden {
		if strings.Contains(r.URL.Path, word) {
			say(http.StatusForbidden, object{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403,
				"message": `nodes "x" is forbidden: User "jane" cannot get resource "` + word + `" in API group "" at the cluster scope`})
			return
		}
	}
	pod := func(name, node, ip string) object {
		return object{
			"metadata": object{"name": name, "namespace": "kube-system", "labels": object{"app": "konnectivity-agent"}},
			"spec":     object{"nodeName": node, "containers": []object{{"name": "agent", "args": []string{"--proxy-server-host=" + c.host, "--proxy-server-port=8132"}}}},
			"status":   object{"phase": "Running", "podIP": ip, "conditions": []object{{"type": "Ready", "status": "True"}}},
		}
	}
	list := func(kind string, items ...object) object {
		if items == nil {
			items = []object{}
		}
		return object{"kind": kind, "apiVersion": "v1", "items": items}
	}
	switch path := r.URL.Path; {
	case path == "/version":
		say(200, object{"gitVersion": "v1.36.3"})
	case path == "/readyz":
		_, _ = w.Write([]byte("ok"))
	case strings.HasPrefix(path, "/apis/apps/v1/namespaces/kube-system/deployments/"):
		say(http.StatusNotFound, object{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404})
	case path == "/api/v1/namespaces/kube-system/pods":
		if c.agents && strings.HasPrefix(r.URL.Query().Get("labelSelector"), "app in") {
			say(200, list("PodList", pod("agent-a", "node1", "10.244.0.9"), pod("agent-b", "node2", "10.244.2.9")))
			return
		}
		say(200, list("PodList"))
	case path == "/api/v1/pods":
		say(200, list("PodList", pod("some", strings.TrimSuffix(strings.TrimPrefix(r.URL.Query().Get("fieldSelector"), "spec.nodeName="), ",status.phase=Running"), "10.244.0.8")))
	case strings.HasSuffix(path, "/log"):
		_, _ = w.Write(nil)
	case strings.HasSuffix(path, "/proxy/healthz"):
		node := strings.Split(path, "/")[4]
		if slices.Contains(c.unreached, node) {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = fmt.Fprintf(w, "error trying to reach service: dial tcp %s:10250: i/o timeout", node)
			return
		}
		_, _ = w.Write([]byte("ok"))
	case strings.HasSuffix(path, "/endpointslices"):
		say(200, object{"kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1", "items": []object{{"endpoints": []object{{"addresses": []string{"10.224.0.2"}}}}}})
	default:
		say(http.StatusNotFound, object{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404})
	}
}

// examiner tells what each node sees.
type examiner func(node inventory.Node, ask facts.Ask, s *facts.Section)

func (e examiner) Examine(_ context.Context, n inventory.Node, ask facts.Ask, _ func(string), got func(*facts.Section)) (string, error) {
	for _, p := range ask.Parts {
		s := &facts.Section{Part: p}
		switch p {
		case facts.PartFirewall:
			s.Firewall = &facts.Firewall{}
			s.Evidence = []facts.Evidence{{Command: "iptables-legacy-save | grep INPUT"}, {Command: "ufw status verbose"}}
		case facts.PartDials:
			for _, d := range ask.Dials {
				s.Dials = append(s.Dials, facts.Dialed{Dial: d, End: facts.DialOpen})
			}
		default: // not of this runbook
		}
		if e != nil {
			e(n, ask, s)
		}
		if s.Part != "" {
			got(s)
		}
	}
	return "node pod", nil
}

func run(t *testing.T, c *cluster, e examiner, verdict snat.Verdict) []step.Step {
	t.Helper()
	srv := httptest.NewServer(c)
	defer srv.Close()
	api, err := k8s.FromConfig(&rest.Config{Host: srv.URL}, k8s.Options{})
	if err != nil {
		t.Fatal(err)
	}
	nodes := []inventory.Node{}
	pic := &session.Snapshot{}
	for i, name := range []string{"node1", "node2", "node3"} {
		nodes = append(nodes, inventory.Node{Name: name, OS: "linux", Ready: true, InternalIP: fmt.Sprintf("10.224.0.%d", i+5)})
		pic.Nodes = append(pic.Nodes, &session.Node{Name: name, Verdict: verdict, Since: time.Now(), Why: []string{"because"}})
	}
	p := step.Patient{API: api, Nodes: nodes, Examiner: e, Now: time.Now, Picture: func(context.Context) (*session.Snapshot, error) { return pic, nil }}
	return step.Run(t.Context(), []step.Book{Book()}, p, nil)
}

func told(steps []step.Step, keep func(step.Step) bool) string {
	var out []string
	for _, s := range steps {
		if keep(s) {
			out = append(out, s.ID+" "+s.Subject+" "+string(s.Verdict)+": "+s.Summary)
		}
	}
	return strings.Join(out, "\n")
}

func notWell(s step.Step) bool { return s.Verdict != step.OK && s.Verdict != step.NotApplicable }

func TestHealthy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]*cluster{"public": {agents: true, host: "20.50.2.1"}, "private": {agents: true, host: "10.1.2.3"}, "no tunnel": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			steps := run(t, c, nil, snat.Healthy)
			if bad := told(steps, notWell); bad != "" {
				t.Error(bad)
			}
			counts := map[string]int{}
			for _, s := range steps {
				counts[s.ID]++
			}
			if len(counts) != 7 || counts["tunnel.symptom"] != 3 || counts["tunnel.iptables"] != 3 {
				t.Errorf("answers by step: %v", counts)
			}
			applies := told(steps, func(s step.Step) bool { return s.ID == "tunnel.snat" && s.Verdict == step.OK })
			if (applies != "") != (name == "public") {
				t.Errorf("snat: %q", applies)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	drop := func(node string, family, tool, rule string) examiner {
		return func(n inventory.Node, _ facts.Ask, s *facts.Section) {
			if n.Name == node && s.Firewall != nil {
				s.Firewall.Tables = []facts.FilterTable{{Tool: tool, Family: family, Name: "filter", Chains: []facts.FilterChain{{Name: "INPUT", Base: true, Policy: "ACCEPT", Rules: []facts.FilterRule{{Number: 3, Text: rule}}}}}}
			}
		}
	}
	tests := []struct {
		name    string
		cluster cluster
		node    examiner
		verdict snat.Verdict
		want    []string // the beginnings of what is not well
		remedy  string   // of the first problem
	}{
		{"one node", cluster{unreached: []string{"node3"}}, nil, "", []string{"tunnel.symptom node/node3 problem: the API server reaches other nodes and not this one: something keeps port 10250 shut (kubectl get --raw /api/v1/nodes/node3/proxy/healthz: error trying to reach service: dial tcp node3:10250: i/o timeout)"}, ""},
		{"every node", cluster{unreached: []string{"node1", "node2", "node3"}}, nil, "", []string{
			"tunnel.symptom node/node1 problem: the API server is ready and reaches no node at all: it is the tunnel", "tunnel.symptom node/node2 problem", "tunnel.symptom node/node3 problem"},
			"kubectl rollout restart deployment -n kube-system konnectivity-agent"},
		{"legacy rule", cluster{}, drop("node2", "ip", "iptables-legacy", "-p tcp -m tcp --dport 10250 -j DROP"), "",
			[]string{"tunnel.iptables node/node2 problem: rule 3 of chain INPUT (iptables-legacy) drops: port 10250 is shut to the control plane's connections"},
			"iptables-legacy -D INPUT -p tcp -m tcp --dport 10250 -j DROP"},
		{"rule with a shell in it", cluster{}, drop("node2", "ip", "iptables-nft", `-p tcp -m comment --comment "$(reboot)" -m tcp --dport 10250 -j REJECT`), "",
			[]string{"tunnel.iptables node/node2 problem: rule 3 of chain INPUT (iptables-nft) rejects"}, "iptables-nft -D INPUT 3"},
		{"for one agent", cluster{}, drop("node2", "ip", "iptables-nft", "-s 10.244.0.9/32 -p tcp -m tcp --dport 10250 -j DROP"), "",
			[]string{"tunnel.iptables node/node2 problem: rule 3 of chain INPUT (iptables-nft) drops: port 10250 is shut to the agent on node1"}, "iptables-nft -D INPUT -s 10.244.0.9/32 -p tcp -m tcp --dport 10250 -j DROP"},
		{"for nobody here", cluster{}, drop("node2", "ip", "iptables-nft", "-s 198.51.100.7/32 -p tcp -m tcp --dport 10250 -j DROP"), "", nil, ""},
		{"handle", cluster{}, drop("node2", "inet", "nft", "tcp dport 10250 drop"), "", []string{"tunnel.iptables node/node2 problem: the rule with handle 3 of chain INPUT (nft, table inet filter) drops"}, "nft delete rule inet filter INPUT handle 3"},
		{"ufw", cluster{}, func(n inventory.Node, _ facts.Ask, s *facts.Section) {
			if n.Name == "node1" && s.Firewall != nil {
				s.Firewall.UFW = facts.UFW{Present: true, Active: true, Default: "deny", Rules: []string{"22/tcp ALLOW IN Anywhere"}}
			}
		}, "", []string{"tunnel.ufw node/node1 problem: UFW is active and keeps port 10250 shut (default: deny)"}, "ufw allow 10250"},
		{"ufw that lets it in", cluster{}, func(_ inventory.Node, _ facts.Ask, s *facts.Section) {
			if s.Firewall != nil {
				s.Firewall.UFW = facts.UFW{Present: true, Active: true, Default: "deny", Rules: []string{"10250 ALLOW IN 10.0.0.0/8"}}
			}
		}, "", nil, ""},
		{"unread", cluster{}, func(n inventory.Node, _ facts.Ask, s *facts.Section) {
			if n.Name == "node1" && s.Firewall != nil {
				s.Firewall.Unread = []string{"iptables-nft-save took longer than 4s"}
			}
		}, "", []string{"tunnel.iptables node/node1 unknown: not every rule could be read: iptables-nft-save took longer than 4s"}, ""},
		{"distroless", cluster{}, func(n inventory.Node, _ facts.Ask, s *facts.Section) {
			if n.Name == "node1" && s.Firewall != nil {
				s.Error = "the node has neither iptables nor nft to read its rules with"
			}
		}, "", []string{"tunnel.iptables node/node1 unknown: the node has neither iptables nor nft"}, ""},
		{"10250 filtered", cluster{}, func(n inventory.Node, _ facts.Ask, s *facts.Section) {
			for i := range s.Dials {
				if n.Name == "node1" && s.Dials[i].Dial.Address == "10.224.0.7:10250" {
					s.Dials[i].End = facts.DialFiltered
				}
			}
		}, "", []string{"tunnel.port-10250 node/node3 problem: 10.224.0.7:10250 is filtered: nothing came back from node1, which holds an agent; from 1 other it is open"}, ""},
		{"no way out", cluster{}, func(n inventory.Node, _ facts.Ask, s *facts.Section) {
			for i := range s.Dials {
				if n.Name == "node2" && s.Dials[i].Dial.Address == "20.50.2.1:8132" {
					s.Dials[i].End = facts.DialFiltered
				}
			}
		}, "", []string{"tunnel.egress-ports node/node2 problem: 20.50.2.1:8132/tcp is filtered"}, ""},
		{"no ports", cluster{}, nil, snat.Exhausted, []string{"tunnel.snat node/node1 problem: the node's SNAT ports are used up", "tunnel.snat node/node2 problem"}, "snattop check snat --node node1"},
		{"no rights to nodes/proxy", cluster{forbidden: []string{"/proxy/"}}, nil, "", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.cluster.agents, tt.cluster.host = true, "20.50.2.1"
			if tt.verdict == "" {
				tt.verdict = snat.Healthy
			}
			steps := run(t, &tt.cluster, tt.node, tt.verdict)
			got := strings.Split(told(steps, notWell), "\n")
			if len(tt.want) == 0 && got[0] == "" {
				return
			}
			if len(got) != len(tt.want) {
				t.Fatalf("got\n%s", strings.Join(got, "\n"))
			}
			for i := range got {
				if !strings.HasPrefix(got[i], tt.want[i]) {
					t.Errorf("got\n%s\nwant\n%s", got[i], tt.want[i])
				}
			}
			for _, s := range steps {
				if s.Verdict != step.Problem {
					continue
				}
				if len(s.Evidence) == 0 || len(s.Remedies) == 0 {
					t.Errorf("%s: %d pieces of evidence, %d remedies", s.ID, len(s.Evidence), len(s.Remedies))
				}
				if tt.remedy != "" && s.Remedies[0].Command != tt.remedy {
					t.Errorf("%s: remedy %q, want %q", s.ID, s.Remedies[0].Command, tt.remedy)
				}
				break
			}
		})
	}
}

// A node that says nothing is unknown, and no other waits for it.
func TestUnseen(t *testing.T) {
	t.Parallel()
	steps := run(t, &cluster{agents: true, host: "20.50.2.1"}, func(n inventory.Node, _ facts.Ask, s *facts.Section) {
		if n.Name == "node3" {
			s.Part = ""
		}
	}, snat.Healthy)
	want := "tunnel.ufw node/node3 unknown: the node was not asked for it\ntunnel.iptables node/node3 unknown: the node was not asked for it"
	if got := told(steps, notWell); got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestAzureRun(t *testing.T) {
	t.Parallel()
	n := inventory.Node{Name: "n", ProviderID: "azure:///subscriptions/S/resourceGroups/mc_rg/providers/Microsoft.Compute/virtualMachineScaleSets/aks-pool-vmss/virtualMachines/7"}
	list := onNode(n, "Delete it.", "iptables -D INPUT 3")
	if len(list) != 2 || list[1].Command != "az vmss run-command invoke --resource-group mc_rg --name aks-pool-vmss --command-id RunShellScript --instance-id 7 --scripts 'iptables -D INPUT 3' --output tsv --query 'value[0].message'" {
		t.Errorf("got %q", list)
	}
	for _, id := range []string{"", "gce://p/z/n", "azure:///subscriptions/S/resourceGroups/a b/providers/Microsoft.Compute/virtualMachineScaleSets/x/virtualMachines/7", "azure:///subscriptions/S/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/n"} {
		n.ProviderID = id
		if list := onNode(n, "", "x"); len(list) != 1 {
			t.Errorf("%q: %q", id, list)
		}
	}
}

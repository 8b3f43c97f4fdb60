//go:build e2e && linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/e2e/ground"
)

// The matrix's nodes: the tunnel's agents are on the first two, and what
// concerns one node happens to the last.
const (
	agentNode   = "node1"
	blockedNode = "node3"
)

// pinAgents keeps the tunnel's agents where the matrix expects them.
func pinAgents(t *testing.T, g *ground.Ground) {
	t.Helper()
	const patch = `{"spec":{"template":{"spec":{"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":
		{"nodeSelectorTerms":[{"matchExpressions":[{"key":"kubernetes.io/hostname","operator":"In","values":["node1","node2"]}]}]}}}}}}}`
	for _, args := range [][]string{
		{"patch", "deployment", "konnectivity-agent", "-n", "kube-system", "-p", patch},
		{"rollout", "status", "deployment", "konnectivity-agent", "-n", "kube-system", "--timeout=60s"},
	} {
		if _, err := g.Kubectl(t.Context(), "", args...); err != nil {
			t.Fatal(err)
		}
	}
	awaitTunnel(t.Context(), t, g)
}

// awaitTunnel waits until the API server reaches every node, several times in
// a row: it takes any agent each time.
func awaitTunnel(ctx context.Context, t *testing.T, g *ground.Ground) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for good := 0; good < 8; {
		good++
		for _, n := range g.Nodes() {
			if out, err := g.Kubectl(ctx, "", "get", "--raw", "/api/v1/nodes/"+n.Name+"/proxy/healthz"); err != nil || string(out) != "ok" {
				good = 0
				if ctx.Err() != nil {
					t.Fatalf("the tunnel to %s does not come back: %v", n.Name, err)
				}
			}
		}
		<-tick.C
	}
}

// onNode is a fault that one command makes on a node and another takes back.
func onNode(node string, do, undo []string) func(*testing.T, *ground.Ground) func(context.Context) error {
	return func(t *testing.T, g *ground.Ground) func(context.Context) error {
		t.Helper()
		if out, err := g.NodeEnter(t.Context(), node, do...); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return func(ctx context.Context) error {
			_, err := g.NodeEnter(ctx, node, undo...)
			return err
		}
	}
}

// inputRule is a rule at the head of a node's INPUT chain.
func inputRule(program, rule string) func(*testing.T, *ground.Ground) func(context.Context) error {
	words := strings.Fields(rule)
	return onNode(blockedNode, append([]string{program, "-w", "-I", "INPUT"}, words...), append([]string{program, "-w", "-D", "INPUT"}, words...))
}

func tunnelFaults() []fault {
	// No agent gets through to the node's kubelet.
	blocked := []wantStep{
		{"tunnel.symptom", "node/" + blockedNode, "problem"},
		{"tunnel.port-10250", "node/" + blockedNode, "problem"},
		{"tunnel.iptables", "node/" + blockedNode, "problem"},
		// Kubelets are reached from other nodes as well.
		{"apiserver.node-to-node", "node/" + blockedNode, "problem"},
	}
	var all []fault
	for _, backend := range []string{"legacy", "nft"} {
		for _, target := range []string{"DROP", "REJECT"} {
			all = append(all, fault{
				name: fmt.Sprintf("iptables %s on 10250 (%s)", target, backend),
				make: inputRule("iptables-"+backend, "-p tcp --dport 10250 -j "+target), want: blocked,
			})
		}
	}
	return append(all,
		fault{
			name: "iptables DROP on 10250 for the agents' addresses only",
			make: func(t *testing.T, g *ground.Ground) func(context.Context) error {
				// The nodes of the agents, and the pods on them.
				out, err := g.Kubectl(t.Context(), "", "get", "nodes", "node1", "node2", "-o", "jsonpath={.items[*].spec.podCIDR}")
				if err != nil {
					t.Fatal(err)
				}
				sources := append(strings.Fields(string(out)), g.Nodes()[0].IP, g.Nodes()[1].IP)
				return inputRule("iptables-legacy", "-p tcp -s "+strings.Join(sources, ",")+" --dport 10250 -j DROP")(t, g)
			},
			want: blocked,
		},
		fault{
			name: "iptables DROP on 10250 for an address that is no agent's",
			make: inputRule("iptables-nft", "-p tcp -s 198.51.100.7 --dport 10250 -j DROP"),
		},
		fault{
			name: "agents scaled to zero",
			make: func(t *testing.T, g *ground.Ground) func(context.Context) error {
				scaleAgents(t, g, 0)
				awaitDead(t, g)
				return func(ctx context.Context) error {
					_, err := g.Kubectl(ctx, "", "scale", "deployment", "konnectivity-agent", "-n", "kube-system", "--replicas=2")
					awaitTunnel(ctx, t, g)
					return err
				}
			},
			want: append(everyNode("tunnel.symptom", "problem"),
				wantStep{"tunnel.agents", "deployment/kube-system/konnectivity-agent", "problem"},
				wantStep{"tunnel.agents", "pod/kube-system/konnectivity-agent", ""},
				wantStep{"apiserver.agents", "deployment/kube-system/konnectivity-agent", "problem"},
				wantStep{"apiserver.agents", "pod/kube-system/konnectivity-agent", ""},
				// They are the only pods with a network of their own.
				wantStep{"connectivity.drops", "node/node1", "not-applicable"},
				wantStep{"connectivity.drops", "node/node2", "not-applicable"},
				wantStep{"connectivity.mtu", "node/node1", "not-applicable"},
				wantStep{"connectivity.mtu", "node/node2", "not-applicable"},
				wantStep{"apiserver.node-pressure", "node/node1", ""},
				wantStep{"apiserver.node-pressure", "node/node2", ""},
				wantStep{"apiserver.node-pressure", "cluster", "not-applicable"},
				// Nobody is there whose arguments would say where to.
				wantStep{"tunnel.egress-ports", "node/node1", "not-applicable"},
				wantStep{"tunnel.egress-ports", "node/node2", "not-applicable"}),
		},
		fault{
			name: "agents crash-looping",
			make: func(t *testing.T, g *ground.Ground) func(context.Context) error {
				command := func(ctx context.Context, patch string) error {
					_, err := g.Kubectl(ctx, "", "patch", "deployment", "konnectivity-agent", "-n", "kube-system", "--type=json", "-p", patch)
					return err
				}
				if err := command(t.Context(), `[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--no-such-flag"},
					{"op":"add","path":"/spec/strategy","value":{"type":"Recreate"}}]`); err != nil {
					t.Fatal(err)
				}
				awaitCrashes(t, g)
				return func(ctx context.Context) error {
					err := command(ctx, `[{"op":"remove","path":"/spec/template/spec/containers/0/args/12"}]`)
					awaitTunnel(ctx, t, g)
					return err
				}
			},
			want: append(everyNode("tunnel.symptom", "problem"), wantStep{"tunnel.agents", "pod/kube-system/konnectivity-agent", "problem"},
				wantStep{"apiserver.agents", "pod/kube-system/konnectivity-agent", "problem"}),
		},
		fault{
			name: "an agent's way out dropped",
			make: func(t *testing.T, g *ground.Ground) func(context.Context) error {
				// An agent that was connected would stay known to the server,
				// which then sends every other request to nobody.
				scaleAgents(t, g, 0)
				awaitDead(t, g)
				lift, err := g.DropTowards(t.Context(), agentNode, "tcp", netip.AddrPortFrom(netip.MustParseAddr(ground.TunnelAddress), ground.TunnelPort))
				if err != nil {
					t.Fatal(err)
				}
				scaleAgents(t, g, 2)
				awaitTunnel(t.Context(), t, g)
				return lift
			},
			want: []wantStep{{"tunnel.egress-ports", "node/" + agentNode, "problem"}},
		},
	)
}

// pairs are two faults at the same time.
func pairs() []fault {
	t := slices.Concat(tunnelFaults(), apiserverFaults(), connectivityFaults())
	named := func(name string) fault {
		return t[slices.IndexFunc(t, func(f fault) bool { return f.name == name })]
	}
	return []fault{
		// In this order: the second keeps the tunnel from coming back whole,
		// which the first waits for.
		both(named("an agent's way out dropped"), named("iptables DROP on 10250 (legacy)")),
		both(named("iptables DROP on 10250 (nft)"), named("hundreds of Helm revisions")),
		both(named("MTU of one veth"), named("a client leaks watches")),
	}
}

func scaleAgents(t *testing.T, g *ground.Ground, n int) {
	t.Helper()
	if _, err := g.Kubectl(t.Context(), "", "scale", "deployment", "konnectivity-agent", "-n", "kube-system", fmt.Sprintf("--replicas=%d", n)); err != nil {
		t.Fatal(err)
	}
}

// everyNode is an answer about each node.
func everyNode(id, verdict string) []wantStep {
	var all []wantStep
	for _, node := range []string{"node1", "node2", "node3"} {
		all = append(all, wantStep{id, "node/" + node, verdict})
	}
	return all
}

// awaitCrashes waits until each agent has crashed twice and waits for its next
// chance, which takes it 20 seconds: until then one may look as if it ran.
func awaitCrashes(t *testing.T, g *ground.Ground) {
	t.Helper()
	const columns = `{range .items[*].status.containerStatuses[*]}{.restartCount} {.state.waiting.reason}{"\n"}{end}`
	eventually(t, time.Minute, "both agents are in a crash loop", func() error {
		out, err := g.Kubectl(t.Context(), "", "get", "pods", "-n", "kube-system", "-l", "app=konnectivity-agent", "-o", "jsonpath="+columns)
		if err != nil {
			return err
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		for _, l := range lines {
			if restarts, reason, _ := strings.Cut(l, " "); restarts == "0" || reason != "CrashLoopBackOff" {
				return fmt.Errorf("restarts and state: %q", lines)
			}
		}
		if len(lines) != 2 {
			return fmt.Errorf("%d agents", len(lines))
		}
		return nil
	})
}

// awaitDead waits until the API server reaches no node any more.
func awaitDead(t *testing.T, g *ground.Ground) {
	t.Helper()
	eventually(t, time.Minute, "the tunnel is dead", func() error {
		for _, n := range g.Nodes() {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			_, err := g.Kubectl(ctx, "", "get", "--raw", "/api/v1/nodes/"+n.Name+"/proxy/healthz")
			cancel()
			if err == nil {
				return errors.New(n.Name + " is reached")
			}
		}
		return nil
	})
}

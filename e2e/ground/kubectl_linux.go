package ground

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Kubectl runs kubectl against the ground as its administrator and returns
// what it printed on standard output; what it says on standard error becomes
// part of the error.
func (g *Ground) Kubectl(ctx context.Context, stdin string, args ...string) ([]byte, error) {
	argv := append([]string{g.dirs.program("kubectl"), "--kubeconfig", g.Kubeconfig()}, args...)
	out, err := run(ctx, stdin, argv...)
	return []byte(out), err
}

// KubectlCommand is the same, not yet started, for tests that want to attach
// to its input and output.
func (g *Ground) KubectlCommand(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, g.dirs.program("kubectl"), append([]string{"--kubeconfig", g.Kubeconfig()}, args...)...)
}

// Apply creates or changes the objects of a manifest.
func (g *Ground) Apply(ctx context.Context, manifest string) error {
	if _, err := g.Kubectl(ctx, manifest, "apply", "-f", "-"); err != nil {
		return fmt.Errorf("applying a manifest: %w", err)
	}
	return nil
}

// Delete removes the objects of a manifest without waiting for their grace
// periods; those that do not exist are no error.
func (g *Ground) Delete(ctx context.Context, manifest string) error {
	if _, err := g.Kubectl(ctx, manifest, "delete", "--ignore-not-found", "--grace-period=1", "-f", "-"); err != nil {
		return fmt.Errorf("deleting the objects of a manifest: %w", err)
	}
	return nil
}

// createNodes creates the Node objects ahead of their kubelets, so that they
// have their ranges of pod addresses from the beginning.
func (g *Ground) createNodes(ctx context.Context) error {
	var objects strings.Builder
	for _, n := range g.nodes {
		object, err := json.Marshal(map[string]any{
			"apiVersion": "v1", "kind": "Node",
			"metadata": map[string]any{"name": n.Name, "labels": map[string]string{
				"kubernetes.io/hostname":           n.Name,
				"kubernetes.io/os":                 "linux",
				"kubernetes.azure.com/cluster":     "mc_rg_ground_weu",
				"kubernetes.azure.com/agentpool":   "np1",
				"agentpool":                        "np1",
				"topology.kubernetes.io/region":    "westeurope",
				"node.kubernetes.io/instance-type": "Standard_D2s_v5",
			}},
			"spec": map[string]any{"podCIDR": n.PodCIDR, "podCIDRs": []string{n.PodCIDR}, "providerID": n.ProviderID},
		})
		if err != nil {
			return fmt.Errorf("describing %s: %w", n.Name, err)
		}
		objects.Write(object)
		objects.WriteString("\n---\n")
	}
	if _, err := g.Kubectl(ctx, objects.String(), "create", "-f", "-"); err != nil {
		return fmt.Errorf("creating the nodes: %w", err)
	}
	return nil
}

// furnish applies what every ground has from the beginning, and waits until
// pods can be created in its namespaces.
func (g *Ground) furnish(ctx context.Context) error {
	manifest, err := Manifest("base", nil)
	if err != nil {
		return err
	}
	if err := g.Apply(ctx, manifest); err != nil {
		return err
	}
	client, err := g.client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	return poll(ctx, 30*time.Second, 100*time.Millisecond, func(ctx context.Context) error {
		for _, namespace := range []string{"default", "kube-system", "shop", "batch", "platform", "locked"} {
			for _, object := range []string{"serviceaccounts/default", "configmaps/kube-root-ca.crt"} {
				url := fmt.Sprintf("https://127.0.0.1:%d/api/v1/namespaces/%s/%s", g.state.Port, namespace, object)
				if _, err := get(ctx, client, url); err != nil {
					return fmt.Errorf("furnishing namespace %s: %w", namespace, err)
				}
			}
		}
		return nil
	})
}

// awaitNodes waits until every node is ready.
func (g *Ground) awaitNodes(ctx context.Context, limit time.Duration) error {
	client, err := g.client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	unready := ""
	err = poll(ctx, limit, 100*time.Millisecond, func(ctx context.Context) error {
		body, err := get(ctx, client, fmt.Sprintf("https://127.0.0.1:%d/api/v1/nodes", g.state.Port))
		if err != nil {
			return err
		}
		ready, err := readyNodes(body)
		if err != nil {
			return err
		}
		for _, n := range g.nodes {
			if !ready[n.Name] {
				unready = n.Name
				return fmt.Errorf("%s is not ready", n.Name)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the nodes: %w\n%s", err, tail(g.NodeLogDir(unready)+"/kubelet.log"))
	}
	return nil
}

func readyNodes(list []byte) (map[string]bool, error) {
	var nodes struct {
		Items []struct {
			Metadata struct{ Name string }
			Status   struct {
				Conditions []struct{ Type, Status string }
			}
		}
	}
	if err := json.Unmarshal(list, &nodes); err != nil {
		return nil, fmt.Errorf("reading the list of nodes: %w", err)
	}
	ready := map[string]bool{}
	for _, n := range nodes.Items {
		for _, c := range n.Status.Conditions {
			if c.Type == "Ready" && c.Status == "True" {
				ready[n.Metadata.Name] = true
			}
		}
	}
	return ready, nil
}

// WaitPods waits until the pods that match a label selector are ready.
func (g *Ground) WaitPods(ctx context.Context, namespace, selector string, limit time.Duration) error {
	if _, err := g.Kubectl(ctx, "", "wait", "-n", namespace, "--for=condition=Ready", "pod", "-l", selector,
		"--timeout", limit.String()); err != nil {
		return fmt.Errorf("waiting for the pods %s of %s: %w", selector, namespace, err)
	}
	return nil
}

//go:build e2e && linux

package e2e

import (
	"strings"
	"testing"

	"github.com/snattop/snattop/e2e/ground"
)

// developer may look at pods and debug those of one namespace, and may create
// no pod anywhere.
const developer = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: snattop-e2e-watcher}
rules:
- {apiGroups: [""], resources: [nodes, pods, services], verbs: [get, list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: snattop-e2e-watcher}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: snattop-e2e-watcher}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: developer}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: snattop-e2e-debugger, namespace: shop}
rules:
- {apiGroups: [""], resources: [pods/ephemeralcontainers], verbs: [get, patch, update]}
- {apiGroups: [""], resources: [pods/exec], verbs: [get, create]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: snattop-e2e-debugger, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: snattop-e2e-debugger}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: developer}]
`

// TestEphemeral looks into one pod where node pods are forbidden.
func TestEphemeral(t *testing.T) {
	fresh(t)
	apply(t, developer)
	if err := world.ground.SetBlock(t.Context(), sickNode, block); err != nil {
		t.Fatal(err)
	}
	load(t, "leaker", ground.Values{"NODE": sickNode, "RATE": "100", "MAX": "400"})
	waitPeak(t, sickNode, block)
	pod := kubectl(t, "get", "pods", "-n", "shop", "-l", "app=leaker", "-o", "jsonpath={.items[0].metadata.name}")
	kubeconfig, err := world.ground.KubeconfigFor("developer")
	if err != nil {
		t.Fatal(err)
	}

	t.Run("without a yes", func(t *testing.T) {
		r, res := reportOf(t, "--kubeconfig", kubeconfig, "--duration", "2s", "--pod", "shop/"+pod)
		if res.code != 4 {
			t.Errorf("exit code %d, want 4", res.code)
		}
		for _, n := range r.Nodes {
			if n.State != "denied" || !strings.Contains(n.Error, "pods") {
				t.Errorf("%s is %s: %s", n.Name, n.State, n.Error)
			}
		}
		if got := ephemerals(t, pod); got != "" {
			t.Errorf("an ephemeral container was added without a yes: %s", got)
		}
		t.Log(r.Nodes[0].Error)
	})
	t.Run("with a yes", func(t *testing.T) {
		r, _ := reportOf(t, "--kubeconfig", kubeconfig, "--duration", "2s", "--snat-ports", "256", "--pod", "shop/"+pod, "--allow-ephemeral")
		n := nodeOf(t, r, sickNode)
		want := established(truth(t, sickNode))
		if n.State != "streaming" || n.Collector != "procfs" {
			t.Errorf("%s is %s by %q: %s", n.Name, n.State, n.Collector, n.Error)
		}
		p := podOf(t, r, "leaker-")
		if p.EstablishedPublic != want || p.Namespace != "shop" || p.Name != pod || p.Owner.Name != "leaker" {
			t.Errorf("the pod: %+v, the gateway says %d", p, want)
		}
		d := destinationOf(t, r, "leaker-", leakIP, leakPort)
		if d.Established != want || d.SynSent == nil || *d.SynSent == 0 || !d.Eligible {
			t.Errorf("the destination: %+v, the gateway says %d", d, want)
		}
		if got := ephemerals(t, pod); got == "" {
			t.Error("no ephemeral container is in the pod: how was it seen?")
		}
	})
	nothingLeft(t)
}

func ephemerals(t *testing.T, pod string) string {
	t.Helper()
	return kubectl(t, "get", "pod", "-n", "shop", pod, "-o", "jsonpath={.spec.ephemeralContainers[*].name}")
}

//go:build e2e && linux

package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/snattop/snattop/e2e/ground"
)

// watcher may do what the README asks for, and is written down.
const watcher = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: snattop-e2e-audited}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: ` + ground.AuditedUser + `}]
`

// TestRequests counts what a session asks of the API server once it runs.
func TestRequests(t *testing.T) {
	apply(t, watcher)
	kubeconfig, err := world.ground.KubeconfigFor(ground.AuditedUser)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	cmd := command(t, "report", "--kubeconfig", kubeconfig, "--duration", "75s")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 60*time.Second, "three streams run", func() error {
		n := 0
		for _, r := range requests(t, began) {
			if r.ObjectRef.Subresource == "exec" {
				n++
			}
		}
		if n < 3 {
			return fmt.Errorf("%d do", n)
		}
		return nil
	})
	// From here on the window is steady, until the clean-up begins. What ends
	// an exec of the upload may still be under way for a moment.
	steady := time.Now().Add(5 * time.Second)
	_ = cmd.Wait() // the verdict is unknown: no budget was given
	all := requests(t, began)
	var start, inWindow []string
	for _, r := range all {
		line := fmt.Sprintf("%s %s", r.Verb, r.RequestURI)
		switch {
		case r.Received.Before(steady):
			start = append(start, line)
		case r.Verb == "watch" || r.ObjectRef.Subresource == "exec":
		case r.Received.Before(steady.Add(60 * time.Second)):
			inWindow = append(inWindow, line)
		}
	}
	t.Logf("%d requests to start, %d in a minute of watching, %d in all", len(start), len(inWindow), len(all))
	if len(inWindow) > 1 {
		t.Errorf("more than one request a minute beyond watches and streams: %q", inWindow)
	}
	if lists := slices.DeleteFunc(inWindow, func(s string) bool { return s[:4] != "list" }); len(lists) > 0 {
		t.Errorf("lists after the start: %q", lists)
	}
	nothingLeft(t)
}

func requests(t *testing.T, since time.Time) []ground.Request {
	t.Helper()
	out, err := world.ground.Requests(since)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

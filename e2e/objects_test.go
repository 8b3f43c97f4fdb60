//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"testing"
)

// apply creates objects and removes them when the test ends.
func apply(t *testing.T, manifest string) {
	t.Helper()
	if err := world.ground.Apply(t.Context(), manifest); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := world.ground.Delete(context.WithoutCancel(t.Context()), manifest); err != nil {
			t.Error(err)
		}
	})
}

// status says what the kubelet of a node that does not exist would say.
func status(t *testing.T, node, osName, ready string) {
	t.Helper()
	patch := fmt.Sprintf(`{"status":{"nodeInfo":{"operatingSystem":%q,"architecture":"amd64"},
		"conditions":[{"type":"Ready","status":%q,"reason":"Test","message":"said by a test",
		"lastHeartbeatTime":"2026-01-01T00:00:00Z","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}`, osName, ready)
	kubectl(t, "patch", "node", node, "--subresource=status", "--type=merge", "-p", patch)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

var serverLine = regexp.MustCompile(`server: \S+`)

func replaceServer(kubeconfig, server string) string {
	return serverLine.ReplaceAllString(kubeconfig, "server: "+server)
}

//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/snattop/snattop/e2e/ground"
)

// TestSignals ends snattop in every way that can be caught, while its pods
// stand, and looks for what is left.
func TestSignals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			cmd := command(t, "report", "--duration", "10m")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, 30*time.Second, "our pods stand", func() error {
				if n := len(ours(t)); n != 3 {
					return fmt.Errorf("%d do", n)
				}
				return nil
			})
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			_ = cmd.Wait() // the exit code is looked at below
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("it took %s to end", took)
			}
			if code := cmd.ProcessState.ExitCode(); code == 0 || code == -1 {
				t.Errorf("exit code %d: it should say that it was interrupted, in its own time", code)
			}
			nothingLeft(t)
		})
	}
}

// TestKilled ends snattop in the one way that cannot be caught.
func TestKilled(t *testing.T) {
	cmd := command(t, "report", "--duration", "10m")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, "our pods stand", func() error {
		if n := len(ours(t)); n != 3 {
			return fmt.Errorf("%d do", n)
		}
		return nil
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if len(ours(t)) == 0 {
		t.Fatal("nothing was left, so nothing is proved")
	}
	res := snattop(t, "clean")
	if res.code != 0 || strings.Count(res.stdout, "removed pod kube-system/") != 3 {
		t.Errorf("exit code %d\n%s%s", res.code, res.stdout, res.stderr)
	}
	nothingLeft(t)
	if res := snattop(t, "clean"); res.code != 0 || !strings.Contains(res.stdout, "nothing to remove") {
		t.Errorf("a second time: exit code %d\n%s%s", res.code, res.stdout, res.stderr)
	}
}

// TestUnreachableServer has nobody to talk to, in several ways.
func TestUnreachableServer(t *testing.T) {
	dir := t.TempDir()
	admin, err := os.ReadFile(world.ground.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(dir, "dead")
	stranger, err := world.ground.KubeconfigFor("stranger")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, dead, replaceServer(string(admin), "https://127.0.0.1:1"))
	for name, tc := range map[string]struct {
		args []string
		want []string
	}{
		"no kubeconfig":   {[]string{"--kubeconfig", filepath.Join(dir, "none")}, []string{"kubeconfig"}},
		"unknown context": {[]string{"--context", "nowhere"}, []string{"nowhere"}},
		"dead server":     {[]string{"--kubeconfig", dead}, []string{"127.0.0.1:1"}},
		"no rights":       {[]string{"--kubeconfig", stranger, "--duration", "1s"}, []string{"stranger"}},
		"unknown node":    {[]string{"--node", "node99", "--duration", "1s"}, []string{"node99"}},
	} {
		t.Run(name, func(t *testing.T) {
			res := snattop(t, append([]string{"report", "-o", "json"}, tc.args...)...)
			if res.code != 4 {
				t.Errorf("exit code %d, want 4", res.code)
			}
			if res.stdout != "" {
				t.Errorf("standard output: %q", res.stdout)
			}
			if strings.Count(strings.TrimSpace(res.stderr), "\n") != 0 || res.stderr == "" {
				t.Errorf("not one line: %q", res.stderr)
			}
			for _, w := range tc.want {
				if !strings.Contains(res.stderr, w) {
					t.Errorf("%q does not name %s", res.stderr, w)
				}
			}
			t.Log(strings.TrimSpace(res.stderr))
		})
	}
	nothingLeft(t)
}

// TestStrangeNodes has nodes that cannot be seen beside those that can.
func TestStrangeNodes(t *testing.T) {
	apply(t, `
apiVersion: v1
kind: Node
metadata: {name: win1, labels: {kubernetes.io/os: windows}}
---
apiVersion: v1
kind: Node
metadata: {name: gone1, labels: {kubernetes.io/os: linux}}
`)
	status(t, "win1", "windows", "True")
	status(t, "gone1", "linux", "False")
	r, res := reportOf(t, "--duration", "2s", "--snat-ports", "1024")
	if res.code != 4 {
		t.Errorf("exit code %d, want 4", res.code)
	}
	if res.took > 20*time.Second {
		t.Errorf("two bad nodes made the report take %s", res.took)
	}
	for name, state := range map[string]string{"win1": "not-linux", "gone1": "unreachable"} {
		n := nodeOf(t, r, name)
		if n.State != state || n.Verdict != "unknown" || n.EstablishedPublic != nil || n.Error == "" {
			t.Errorf("%s: %+v", name, n)
		}
		t.Logf("%s: %s", name, n.Error)
	}
	if len(r.Loss.NodesUnseen) != 2 {
		t.Errorf("unseen: %+v", r.Loss.NodesUnseen)
	}
	for _, name := range []string{"node1", "node2", "node3"} {
		if n := nodeOf(t, r, name); n.State != "streaming" || n.EstablishedPublic == nil {
			t.Errorf("%s: %+v", name, n)
		}
	}
	nothingLeft(t)
}

// TestBrokenStream kills the probe of one node while snattop looks.
func TestBrokenStream(t *testing.T) {
	fresh(t)
	load(t, "pooled", ground.Values{"NODE": "node3"})
	waitEstablished(t, "node3", "tcp", "20.60.1.4:8080", 8)
	cmd := command(t, "report", "-o", "json", "--duration", "12s")
	var out strings.Builder
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, "the probe of node3 runs", func() error { return killProbe(t, "node3") })
	_ = cmd.Wait() // the verdicts are unknown, since no budget was given
	var r struct {
		Nodes []struct {
			Name, State       string
			EstablishedPublic *int `json:"established_public"`
		}
	}
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
		t.Fatal(err)
	}
	for _, n := range r.Nodes {
		if n.State != "streaming" {
			t.Errorf("%s is %s", n.Name, n.State)
		}
		if n.Name == "node3" && (n.EstablishedPublic == nil || *n.EstablishedPublic != 8) {
			t.Errorf("node3 has %v established after its probe came back, want 8", deref(n.EstablishedPublic))
		}
	}
	nothingLeft(t)
}

// killProbe ends the probe on a node; it fails until there is one.
func killProbe(t *testing.T, node string) error {
	t.Helper()
	const script = `for d in /proc/[0-9]*; do
		case "$(tr '\0' ' ' <$d/cmdline 2>/dev/null)" in /snattop/probe*) kill -9 "${d#/proc/}" && exit 0;; esac
	done; exit 1`
	if _, err := world.ground.NodeEnter(t.Context(), node, "sh", "-c", script); err != nil {
		return err
	}
	return nil
}

// TestHostileNames has a process whose command line speaks to terminals.
func TestHostileNames(t *testing.T) {
	fresh(t)
	apply(t, `
apiVersion: v1
kind: Pod
metadata: {name: hostile, namespace: shop, labels: {ground.snattop.test/load: hostile}}
spec:
  nodeName: node1
  terminationGracePeriodSeconds: 1
  containers:
  - name: evil
    image: snattop.test/load:1
    imagePullPolicy: IfNotPresent
    command: ["/bin/sh", "-c", "n=\"/tmp/$(printf 'ev\\033]0;owned\\007il')\"; ln -s /bin/load \"$n\" && exec \"$n\" leak --dst 20.60.1.12:443 --rate 10 --max 5"]
`)
	waitEstablished(t, "node1", "tcp", "20.60.1.12:443", 5)
	res := snattop(t, "report", "--duration", "2s")
	if !strings.Contains(res.stdout, "evil leak") {
		t.Errorf("the hostile command is not shown at all:\n%s", res.stdout)
	}
	if strings.ContainsAny(res.stdout, "\x1b\x07\u202e") {
		t.Errorf("control characters reach the terminal: %q", res.stdout)
	}
	if !strings.Contains(res.stdout, "shop/hostile") {
		t.Errorf("the pod is missing:\n%s", res.stdout)
	}
}

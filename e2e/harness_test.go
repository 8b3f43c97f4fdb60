//go:build e2e && linux

// Package e2e runs snattop against a real cluster on this machine: real
// kubelets, real containers, a real gateway whose conntrack table is the truth
// for what is counted. It needs root; see README.md.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/snattop/snattop/e2e/ground"
	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/k8s/nodepod"
)

// world is what the tests of this package share: the ground and the program.
var world struct {
	ground *ground.Ground
	binary string
}

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

// run uses the ground that is up, or brings one up for the tests alone.
func run(m *testing.M) (code int, err error) {
	if os.Geteuid() != 0 {
		return 1, errors.New("the proving ground needs root")
	}
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "snattop-e2e-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	world.binary = filepath.Join(dir, "snattop")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", world.binary, "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("building snattop: %w\n%s", err, out)
	}
	if os.Getenv(fromEnv) != "" {
		return m.Run(), nil // nothing is played
	}
	g, err := ground.Attach()
	if err == nil {
		// What an interrupted run left looks like a ground and does not answer.
		_, err = g.Kubectl(ctx, "", "get", "nodes")
	}
	if err != nil {
		began := time.Now()
		if g, err = ground.Up(ctx, ground.Options{Progress: os.Stderr}); err != nil {
			return 1, err
		}
		fmt.Printf("the ground is up after %s\n", time.Since(began).Round(time.Second))
		defer func() { err = errors.Join(err, g.Down(context.WithoutCancel(ctx))) }()
	}
	world.ground = g
	return m.Run(), nil
}

// load applies a manifest and removes it when the test ends.
func load(t *testing.T, name string, values ground.Values) {
	t.Helper()
	text, err := ground.Manifest(name, values)
	if err != nil {
		t.Fatal(err)
	}
	if err := world.ground.Apply(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := world.ground.Delete(context.WithoutCancel(t.Context()), text); err != nil {
			t.Error(err)
		}
	})
}

// fresh makes the gateway forget what earlier tests left, and gives every node
// its default block back.
func fresh(t *testing.T) {
	t.Helper()
	eventually(t, time.Minute, "the loads of earlier tests are gone", func() error {
		out := kubectl(t, "get", "pods", "-A", "-l", "ground.snattop.test/load", "-o", "name")
		if out != "" {
			return errors.New(out)
		}
		return nil
	})
	for _, n := range world.ground.Nodes() {
		if err := world.ground.SetBlock(t.Context(), n.Name, 1024); err != nil {
			t.Fatal(err)
		}
	}
	if err := world.ground.ResetGateway(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := world.ground.Kubectl(t.Context(), "", args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// truth is the gateway's word on one node.
func truth(t *testing.T, node string) ground.NodeTruth {
	t.Helper()
	all, err := world.ground.Truth(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n, ok := all.Node(node)
	if !ok {
		t.Fatalf("the gateway knows no node %s", node)
	}
	return n
}

func established(n ground.NodeTruth) int {
	sum := 0
	for _, d := range n.Destinations {
		if d.Protocol == "tcp" {
			sum += d.Established
		}
	}
	return sum
}

// eventually waits until a condition of the real world holds.
func eventually(t *testing.T, within time.Duration, what string, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not within %s: %s: %v", within, what, err)
		case <-tick.C:
		}
	}
}

// waitPeak waits until a node holds that many ports to one destination.
func waitPeak(t *testing.T, node string, ports int) {
	t.Helper()
	eventually(t, 90*time.Second, fmt.Sprintf("%s holds %d ports", node, ports), func() error {
		if n := truth(t, node); n.Peak != ports {
			return fmt.Errorf("it holds %d", n.Peak)
		}
		return nil
	})
}

// waitEstablished waits until a destination has that many connections.
func waitEstablished(t *testing.T, node, protocol, address string, n int) {
	t.Helper()
	eventually(t, 90*time.Second, fmt.Sprintf("%s has %d connections to %s", node, n, address), func() error {
		d, _ := truth(t, node).Destination(protocol, address)
		if d.Established != n {
			return fmt.Errorf("it has %d", d.Established)
		}
		return nil
	})
}

// command is snattop as an administrator would call it.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), world.binary, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig(), "XDG_CONFIG_HOME="+t.TempDir(),
		// The nodes' provider IDs look like Azure's, and nobody there knows them.
		"SNATTOP_CLOUD=off")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	return cmd
}

// kubeconfig is the administrator's, or none where no ground is needed.
func kubeconfig() string {
	if world.ground == nil {
		return os.DevNull
	}
	return world.ground.Kubeconfig()
}

// result is how a run ended.
type result struct {
	stdout, stderr string
	code           int
	took           time.Duration
}

func snattop(t *testing.T, args ...string) result {
	t.Helper()
	return finish(t, command(t, args...))
}

// finish runs a command to its end.
func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	began := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{stdout: out.String(), stderr: errs.String(), code: cmd.ProcessState.ExitCode(), took: time.Since(began)}
}

// reportOf runs a report and reads its JSON.
func reportOf(t *testing.T, args ...string) (*report.Report, result) {
	t.Helper()
	res := snattop(t, append([]string{"report", "-o", "json"}, args...)...)
	var r report.Report
	if err := json.Unmarshal([]byte(res.stdout), &r); err != nil {
		t.Fatalf("the report does not parse: %v\nexit code %d\nstderr: %s\nstdout: %.2000s", err, res.code, res.stderr, res.stdout)
	}
	return &r, res
}

func nodeOf(t *testing.T, r *report.Report, name string) report.Node {
	t.Helper()
	for _, n := range r.Nodes {
		if n.Name == name {
			return n
		}
	}
	t.Fatalf("the report has no node %s", name)
	return report.Node{}
}

// podOf finds a pod by the beginning of its name.
func podOf(t *testing.T, r *report.Report, prefix string) report.Pod {
	t.Helper()
	for _, p := range r.Pods {
		if strings.HasPrefix(p.Name, prefix) {
			return p
		}
	}
	t.Fatalf("the report has no pod %s…", prefix)
	return report.Pod{}
}

func destinationOf(t *testing.T, r *report.Report, podPrefix, ip string, port uint16) report.Destination {
	t.Helper()
	for _, d := range r.Destinations {
		if strings.HasPrefix(d.Pod, podPrefix) && d.IP == ip && d.Port == port {
			return d
		}
	}
	t.Fatalf("the report has no destination %s:%d of %s…", ip, port, podPrefix)
	return report.Destination{}
}

// ours lists the pods that snattop has in the cluster.
func ours(t *testing.T) []string {
	t.Helper()
	return strings.Fields(kubectl(t, "get", "pods", "-A", "-l", nodepod.Selector(""), "-o", "name"))
}

func nothingLeft(t *testing.T) {
	t.Helper()
	if left := ours(t); len(left) > 0 {
		t.Errorf("pods of ours are left: %v", left)
	}
}

// near reports whether a figure is within a share of the truth.
func near(got, want int, share float64) bool {
	diff := got - want
	if diff < 0 {
		diff = -diff
	}
	return float64(diff) <= share*float64(want)
}

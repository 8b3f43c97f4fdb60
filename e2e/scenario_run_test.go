//go:build e2e && linux

package e2e

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/snattop/snattop/e2e/azure"
	"github.com/snattop/snattop/e2e/ground"
)

// take is what is kept of one scene: enough to judge it again later, by another
// build of snattop, without a cluster.
type take struct {
	Began time.Time    `json:"began"`
	Ended time.Time    `json:"ended"`
	Holds ground.Holds `json:"holds"`
	// Nodes are the scenarios' nodes, by scenario.
	Nodes map[string]string `json:"nodes"`
	// Truths are the gateway's words, some a second.
	Truths []ground.Truth `json:"truths"`
}

// truthEvery is the time between two looks at the gateway: several for each
// tick of snattop.
const truthEvery = 250 * time.Millisecond

// recordingOf and takeOf are where a scene is kept in a directory.
func recordingOf(dir, scenario string) string { return filepath.Join(dir, scenario+".snattop") }
func takeOf(dir, scene string) string {
	return filepath.Join(dir, strings.NewReplacer(" ", "-", ",", "").Replace(scene)+".truth.json")
}

// play runs a scene on the ground, and keeps recordings and truths in dir.
func play(t *testing.T, s scene, dir string) take {
	t.Helper()
	fresh(t)
	g := world.ground
	was := g.Holds()
	t.Cleanup(func() { tidy(t, g, was) })
	if err := g.SetHolds(t.Context(), s.holds); err != nil {
		t.Fatal(err)
	}
	result := take{Holds: s.holds, Nodes: map[string]string{}}
	var recorders []*exec.Cmd
	for i, sc := range s.nodes {
		node := g.Nodes()[i].Name
		result.Nodes[sc.name] = node
		if err := g.SetBlock(t.Context(), node, sc.ports); err != nil {
			t.Fatal(err)
		}
		recorders = append(recorders, record(t, sc, node, s.holds, recordingOf(dir, sc.name)))
	}
	for i, sc := range s.nodes {
		eventually(t, time.Minute, "numbers of "+result.Nodes[sc.name]+" are recorded", func() error {
			if recorders[i].ProcessState != nil {
				return errors.New("the recorder has ended")
			}
			return streams(recordingOf(dir, sc.name), result.Nodes[sc.name])
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	watched := make(chan []ground.Truth, 1)
	go func() { watched <- watch(ctx, t) }()

	begin(t, s)
	result.Began = time.Now()
	for i, sc := range s.nodes {
		for _, w := range sc.loads {
			values := maps.Clone(w.values)
			values["NODE"] = g.Nodes()[i].Name
			load(t, w.manifest, values)
		}
	}
	proceed(t, s, result.Began)
	wait(t, time.Until(result.Began.Add(s.lasts)))
	result.Ended = time.Now()
	for _, r := range recorders {
		_ = r.Process.Signal(syscall.SIGTERM)
	}
	for _, r := range recorders {
		_ = r.Wait() // it was interrupted
	}
	cancel()
	result.Truths = <-watched
	keep(t, takeOf(dir, s.name), result)
	return result
}

// tidy takes back what a scene did to the gateway.
func tidy(t *testing.T, g *ground.Ground, holds ground.Holds) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	if err := errors.Join(g.LiftDrops(ctx), g.SetHolds(ctx, holds)); err != nil {
		t.Error(err)
	}
}

// begin brings about what happens before the loads run.
func begin(t *testing.T, s scene) {
	t.Helper()
	for i, sc := range s.nodes {
		for _, e := range sc.events {
			if e.after == 0 {
				happen(t, e, world.ground.Nodes()[i].Name)
			}
		}
	}
}

// proceed brings about what happens while they run, in order.
func proceed(t *testing.T, s scene, began time.Time) {
	t.Helper()
	type due struct {
		event
		node string
	}
	var all []due
	for i, sc := range s.nodes {
		for _, e := range sc.events {
			if e.after > 0 {
				all = append(all, due{e, world.ground.Nodes()[i].Name})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b due) int { return cmp.Compare(a.after, b.after) })
	for _, d := range all {
		wait(t, time.Until(began.Add(d.after)))
		happen(t, d.event, d.node)
	}
}

// happen brings an event about, and takes it back when the scene ends.
func happen(t *testing.T, e event, node string) {
	t.Helper()
	began := time.Now()
	lift, err := e.do(t.Context(), world.ground, node)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %s (in %s)", node, e.what, time.Since(began).Round(10*time.Millisecond))
	if lift == nil {
		return
	}
	t.Cleanup(func() {
		if err := lift(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
}

// record starts a snattop that records one node until it is interrupted.
func record(t *testing.T, sc scenario, node string, holds ground.Holds, file string) *exec.Cmd {
	t.Helper()
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err) // an earlier run's: recordings are never written over
	}
	args := []string{"record", "-o", file, "--node", node, "--duration", "10m"}
	if sc.cloud {
		args = append(args, "--cloud", "auto", "--azure-endpoint", cloudEndpoint(t))
	} else {
		args = append(args, "--snat-ports", strconv.Itoa(sc.ports))
	}
	cmd := command(t, append(args, holdFlags(holds)...)...)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() && complaints.Len() > 0 {
			t.Logf("the recorder of %s said: %s", node, complaints.String())
		}
	})
	return cmd
}

// cloudEndpoint serves what the gateway measures the way Azure does, only sooner.
func cloudEndpoint(t *testing.T) string {
	t.Helper()
	g, err := ground.Attach() // a handle of its own, see watch
	if err != nil {
		t.Fatal(err)
	}
	server, err := azure.New(azure.Options{Source: g.Truth, Grain: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		server.Run(ctx, func(err error) { t.Errorf("the endpoint: %v", err) })
	}()
	listener := httptest.NewServer(server)
	t.Cleanup(func() {
		listener.Close()
		cancel()
		<-ended
	})
	return listener.URL
}

// holdFlags tell snattop the gateway's timers.
func holdFlags(h ground.Holds) []string {
	return []string{"--hold", h.FIN.String(), "--hold-reset", h.Reset.String(), "--hold-halfopen", h.HalfOpen.String(),
		"--idle-timeout", h.Idle.String(), "--hold-udp", h.UDP.String()}
}

// watch looks at the gateway until ctx ends, by a handle of its own: looking
// reads the ground's state anew, which somebody else may be changing.
func watch(ctx context.Context, t *testing.T) []ground.Truth {
	t.Helper()
	g, err := ground.Attach()
	if err != nil {
		t.Errorf("looking at the gateway: %v", err)
		return nil
	}
	ticker := time.NewTicker(truthEvery)
	defer ticker.Stop()
	var all []ground.Truth
	for {
		truth, err := g.Truth(ctx)
		switch {
		case ctx.Err() != nil:
			return all
		case err != nil:
			t.Errorf("the gateway did not say what it holds: %v", err)
			return all
		}
		all = append(all, truth)
		select {
		case <-ctx.Done():
			return all
		case <-ticker.C:
		}
	}
}

// wait lets time pass on the ground.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	if d <= 0 {
		return
	}
	select {
	case <-t.Context().Done():
		t.Fatal("the test was ended")
	case <-time.After(d):
	}
}

func keep(t *testing.T, file string, what any) {
	t.Helper()
	data, err := json.Marshal(what)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func kept(file string) (take, error) {
	var result take
	data, err := os.ReadFile(file)
	if err != nil {
		return result, err
	}
	if err := json.Unmarshal(data, &result); err != nil {
		return result, fmt.Errorf("reading %s: %w", file, err)
	}
	return result, nil
}

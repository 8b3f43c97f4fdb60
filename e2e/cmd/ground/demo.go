//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/snattop/snattop/e2e/azure"
	"github.com/snattop/snattop/e2e/demo"
	"github.com/snattop/snattop/e2e/ground"
)

// The story of the demo: a deployment that never closes a connection fills its
// node's block, somebody grants more ports, somebody mends the program, and
// the balancer lets the ports go four minutes later.
const (
	demoNode  = "node1"
	demoBlock = 1024
	// demoBegun is how many connections checkout holds when the recording
	// begins: the trend shows where it comes from.
	demoBegun = 400
	demoMend  = "pooled --dst 20.60.1.9:443 --conns 24"
	// Times are counted from the start of the recording.
	demoRaised = 3*time.Minute + 30*time.Second
	demoMended = 3*time.Minute + 55*time.Second
	demoLength = 9*time.Minute + 55*time.Second
)

// recordDemo makes the recording that `snattop demo` shows.
func recordDemo(ctx context.Context, g *ground.Ground, args []string) error {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	output := flags.String("output", "", "file to write")
	program := flags.String("snattop", "", "the snattop that records")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *output == "" || *program == "" {
		return errors.New("demo needs --output FILE and --snattop PROGRAM")
	}
	dir, err := os.MkdirTemp("", "ground-demo")
	if err != nil {
		return fmt.Errorf("a directory for the raw recording: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	raw := filepath.Join(dir, "raw")
	if err := playDemo(ctx, g, *program, raw); err != nil {
		return err
	}
	secrets, err := machine(g)
	if err != nil {
		return err
	}
	return demo.Clean(raw, *output, secrets)
}

// machine are the words that tell of this machine.
func machine(g *ground.Ground) ([]string, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("this machine's name: %w", err)
	}
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return nil, fmt.Errorf("the kernel's release: %w", err)
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("this folder: %w", err)
	}
	home, _ := os.UserHomeDir() // who has none has nothing to tell of it
	return []string{host, strings.TrimSpace(string(release)), filepath.Dir(g.Kubeconfig()), dir, home}, nil
}

// playDemo plays the story while snattop records it.
func playDemo(ctx context.Context, g *ground.Ground, program, raw string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	url, err := demoAzure(ctx, g)
	if err != nil {
		return err
	}
	if err := g.SetBlock(ctx, demoNode, demoBlock); err != nil {
		return err
	}
	if err := applyDemo(ctx, g, "demo", nil); err != nil {
		return err
	}
	if err := applyDemo(ctx, g, "demo-checkout", nil); err != nil {
		return err
	}
	if _, err := g.WaitTruth(ctx, 5*time.Minute, func(t ground.Truth) error {
		if n, ok := t.Node(demoNode); !ok || n.Peak < demoBegun {
			return fmt.Errorf("%d ports are held, not yet %d", n.Peak, demoBegun)
		}
		return nil
	}); err != nil {
		return err
	}
	record := exec.CommandContext(ctx, program, "record", "-o", raw, "--duration", demoLength.String(), "--azure-endpoint", url)
	record.Env = append(os.Environ(), "KUBECONFIG="+g.Kubeconfig())
	record.Stdout, record.Stderr = os.Stderr, os.Stderr
	record.Cancel = func() error { return record.Process.Signal(os.Interrupt) }
	began := time.Now()
	if err := record.Start(); err != nil {
		return fmt.Errorf("starting snattop: %w", err)
	}
	if err := errors.Join(changeDemo(ctx, g, began), record.Wait()); err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	return nil
}

// changeDemo does what an operator does: first more ports, then the remedy.
func changeDemo(ctx context.Context, g *ground.Ground, began time.Time) error {
	if err := until(ctx, began.Add(demoRaised)); err != nil {
		return err
	}
	for _, n := range g.Nodes() {
		if err := g.SetBlock(ctx, n.Name, 2*demoBlock); err != nil {
			return err
		}
	}
	fmt.Fprintln(os.Stderr, "demo: each node has", strconv.Itoa(2*demoBlock), "ports")
	if err := until(ctx, began.Add(demoMended)); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "demo: checkout is mended")
	return applyDemo(ctx, g, "demo-checkout", ground.Values{"LOAD": demoMend})
}

func applyDemo(ctx context.Context, g *ground.Ground, name string, values ground.Values) error {
	manifest, err := ground.Manifest(name, values)
	if err != nil {
		return err
	}
	return g.Apply(ctx, manifest)
}

// until waits for a moment.
func until(ctx context.Context, at time.Time) error {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// demoAzure answers like Azure until ctx ends, with minutes of five seconds:
// the story is shorter than a real one.
func demoAzure(ctx context.Context, g *ground.Ground) (url string, err error) {
	server, err := azure.New(azure.Options{Source: g.Truth, Outbound: azure.OutboundLoadBalancer, Grain: 5 * time.Second, IdleTimeout: 30 * time.Minute})
	if err != nil {
		return "", err
	}
	if err := server.Sample(ctx); err != nil {
		return "", err
	}
	var listening net.ListenConfig
	listener, err := listening.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listening: %w", err)
	}
	go server.Run(ctx, func(err error) { fmt.Fprintln(os.Stderr, "ground:", err) })
	front := &http.Server{Handler: server, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = front.Close() })
	go func() { _ = front.Serve(listener) }()
	return "http://" + listener.Addr().String(), nil
}

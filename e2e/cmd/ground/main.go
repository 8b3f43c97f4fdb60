//go:build linux

// Command ground brings the proving ground up and down: a real Kubernetes
// cluster on this machine whose nodes run out of SNAT ports for real.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/snattop/snattop/e2e/ground"
)

const usage = `usage: ground COMMAND [options]

  deps         install the programs the ground needs (Debian)
  up           bring it up; prints the kubeconfig's path
  down         end it, and everything it made
  status       its processes, as JSON; fails when one is dead
  truth        what the gateway's conntrack table says, as JSON
  set-block NODE PORTS
               grant a node a block of another size
  set-holds [--fin D] [--reset D] [--halfopen D] [--idle D] [--udp D]
               change how long the gateway keeps ports
  kubeconfig   print the kubeconfig's path
  kubectl ...  run kubectl as its administrator
  apply MANIFEST [NAME=VALUE ...]
               apply one of the embedded manifests
  delete MANIFEST [NAME=VALUE ...]
               delete the objects of one
  azure        answer like Azure for it; prints the URL for --azure-endpoint
  demo --output FILE --snattop PROGRAM
               record what snattop demo shows; takes eleven minutes
  enter NODE COMMAND ...
               run a command in a node's namespaces
`

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := dispatch(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "ground:", err)
		return 1
	}
	return 0
}

func dispatch(ctx context.Context, args []string) error {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return errors.New("no command")
	}
	command, args := args[0], args[1:]
	switch command {
	case "deps":
		return ground.InstallPrograms(ctx)
	case "up":
		return up(ctx, args)
	case "down":
		return ground.Down(ctx)
	case "forward":
		return forward(ctx, args)
	case "holds":
		// The gateway's process that keeps ports held; up starts it.
		return ground.KeepHolds(ctx)
	case "node":
		return node(args)
	case "help", "-h", "--help":
		fmt.Print(usage)
		return nil
	}
	g, err := ground.Attach()
	if err != nil {
		return err
	}
	return attached(ctx, g, command, args)
}

// attached are the commands for a ground that is up.
func attached(ctx context.Context, g *ground.Ground, command string, args []string) error {
	switch command {
	case "status":
		return status(g)
	case "truth":
		truth, err := g.Truth(ctx)
		if err != nil {
			return err
		}
		return printJSON(truth)
	case "set-block":
		if len(args) != 2 {
			return errors.New("set-block needs a node and a number of ports")
		}
		ports, err := strconv.Atoi(args[1])
		if err != nil {
			return fmt.Errorf("number of ports: %w", err)
		}
		return g.SetBlock(ctx, args[0], ports)
	case "set-holds":
		return setHolds(ctx, g, args)
	case "kubeconfig":
		fmt.Println(g.Kubeconfig())
		return nil
	case "kubectl":
		cmd := g.KubectlCommand(ctx, args...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("kubectl: %w", err)
		}
		return nil
	case "apply", "delete":
		if len(args) == 0 {
			return fmt.Errorf("%s needs the name of a manifest", command)
		}
		values, err := ground.ParseValues(args[1:])
		if err != nil {
			return err
		}
		manifest, err := ground.Manifest(args[0], values)
		if err != nil {
			return err
		}
		if command == "delete" {
			return g.Delete(ctx, manifest)
		}
		return g.Apply(ctx, manifest)
	case "demo":
		return recordDemo(ctx, g, args)
	case "azure":
		return serveAzure(ctx, g, args)
	case "enter":
		if len(args) < 2 {
			return errors.New("enter needs a node and a command")
		}
		out, err := g.NodeEnter(ctx, args[0], args[1:]...)
		_, _ = os.Stdout.Write(out)
		return err
	default:
		fmt.Fprint(os.Stderr, usage)
		return fmt.Errorf("unknown command %q", command)
	}
}

func setHolds(ctx context.Context, g *ground.Ground, args []string) error {
	holds := g.Holds()
	flags := flag.NewFlagSet("set-holds", flag.ContinueOnError)
	flags.DurationVar(&holds.FIN, "fin", holds.FIN, "after FIN")
	flags.DurationVar(&holds.Reset, "reset", holds.Reset, "after RST")
	flags.DurationVar(&holds.HalfOpen, "halfopen", holds.HalfOpen, "after the last SYN without an answer")
	flags.DurationVar(&holds.Idle, "idle", holds.Idle, "of a silent TCP flow")
	flags.DurationVar(&holds.UDP, "udp", holds.UDP, "of a silent UDP flow")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return g.SetHolds(ctx, holds)
}

func up(ctx context.Context, args []string) error {
	opts := ground.Options{Progress: os.Stderr}
	flags := flag.NewFlagSet("up", flag.ContinueOnError)
	flags.IntVar(&opts.Nodes, "nodes", 3, "number of nodes")
	flags.IntVar(&opts.Ports, "ports", 1024, "SNAT ports per node and protocol")
	flags.DurationVar(&opts.Hold, "hold", 240*time.Second, "how long the gateway holds a port after FIN")
	flags.DurationVar(&opts.HoldReset, "hold-reset", 15*time.Second, "how long after RST")
	flags.DurationVar(&opts.HalfOpen, "hold-halfopen", 4*time.Minute, "how long after the last SYN of an attempt without an answer")
	flags.DurationVar(&opts.Idle, "idle", 30*time.Minute, "how long the gateway remembers a silent flow")
	flags.DurationVar(&opts.IdleUDP, "idle-udp", 4*time.Minute, "the same for UDP")
	flags.BoolVar(&opts.Tunnel, "tunnel", false, "put the control plane beyond the gateway, with konnectivity")
	flags.IntVar(&opts.Port, "port", 0, "loopback port of the API server (26443, or any free one)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	g, err := ground.Up(ctx, opts)
	if err != nil {
		return err
	}
	fmt.Println(g.Kubeconfig())
	return nil
}

func status(g *ground.Ground) error {
	all := g.Status()
	if err := printJSON(all); err != nil {
		return err
	}
	for _, s := range all {
		if !s.Alive {
			return fmt.Errorf("%s is dead", s.Name)
		}
	}
	return nil
}

// forward is the process behind the kubeconfig's address; up starts it.
func forward(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("forward", flag.ContinueOnError)
	netns := flags.String("netns", "", "network namespace to connect in")
	to := flags.String("to", "", "address to connect to")
	listen := flags.String("listen", "", "address to listen on")
	portFile := flags.String("port-file", "", "file to write the port to")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return ground.Forward(ctx, *netns, *to, *listen, *portFile)
}

// node is the birth of a node, in two halves; up starts them.
func node(args []string) error {
	if len(args) == 0 {
		return errors.New("node: start or boot")
	}
	flags := flag.NewFlagSet("node", flag.ContinueOnError)
	config := flags.String("config", "", "the node's configuration")
	netns := flags.String("netns", "", "the node's network namespace")
	cgroup := flags.String("cgroup", "", "the node's control group")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if args[0] == "start" {
		return ground.LaunchNode(*config, *netns, *cgroup)
	}
	return ground.BootNode(*config)
}

func printJSON(v any) error {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}

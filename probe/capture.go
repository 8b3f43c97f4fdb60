package probe

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"time"

	"github.com/snattop/snattop/probe/capture"
)

// CaptureConfig says whose packets are wanted, and which.
type CaptureConfig struct {
	// Version is the probe's own.
	Version string
	// Pods are UIDs, or configuration hashes of static pods; Containers are IDs
	// and NetNS is the inode of a network namespace: any of them finds a pod,
	// and its Addresses do where its processes hide. Nothing means the node.
	Pods, Containers []string
	NetNS            uint64
	Addresses        []netip.Addr
	// Interface is the pod's own name of it, or the node's; "" is the one that
	// leads out.
	Interface string
	// Inside asks for the pod's end of a veth, in place of the node's.
	Inside bool

	Filter capture.Filter
	// Snaplen is the most bytes that are kept of a packet; 0 means MaxSnaplen.
	Snaplen uint32
	Limits  capture.Limits

	// Proc, HostRoot, Deadline and Lease are as in Config.
	Proc, HostRoot string
	Deadline       time.Duration
	Lease          string
}

// captureGrace is how long a capture whose leash was let go may take to tell
// what it still holds.
const captureGrace = 5 * time.Second

// pod reports whether a pod's packets are wanted, and not the node's.
func (c *CaptureConfig) pod() bool {
	return len(c.Pods)+len(c.Containers)+len(c.Addresses) > 0 || c.NetNS != 0
}

// Flags writes what is wanted as flags of the sub-command; where the node is
// mounted is not among it.
func (c *CaptureConfig) Flags() []string {
	var out []string
	for _, uid := range c.Pods {
		out = append(out, "--pod", uid)
	}
	for _, id := range c.Containers {
		out = append(out, "--container", id)
	}
	for _, a := range c.Addresses {
		out = append(out, "--address", a.String())
	}
	if c.NetNS != 0 {
		out = append(out, "--netns", strconv.FormatUint(c.NetNS, 10))
	}
	if c.Interface != "" {
		out = append(out, "--interface", c.Interface)
	}
	if c.Inside {
		out = append(out, "--inside")
	}
	out = append(out, c.Filter.Flags()...)
	if c.Snaplen > 0 {
		out = append(out, "--snaplen", strconv.FormatUint(uint64(c.Snaplen), 10))
	}
	if c.Limits.Duration > 0 {
		out = append(out, "--duration", c.Limits.Duration.String())
	}
	if c.Limits.Bytes > 0 {
		out = append(out, "--max-bytes", strconv.FormatInt(c.Limits.Bytes, 10))
	}
	return out
}

// CaptureCommand is the probe's first argument when it is to capture packets.
const CaptureCommand = "capture"

// captureMain tells a stream of package capture on stdout until stdin ends.
func captureMain(ctx context.Context, version string, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	cfg, err := parseCapture(version, args, stderr)
	if err != nil {
		return errors.Join(errUsage, err)
	}
	return Capture(ctx, cfg, stdin, stdout)
}

func parseCapture(version string, args []string, stderr io.Writer) (CaptureConfig, error) {
	cfg := CaptureConfig{Version: version}
	fs := flag.NewFlagSet("snattop-probe "+CaptureCommand, flag.ContinueOnError)
	fs.SetOutput(stderr)
	var hosts, ports, addresses []string
	add := func(name, usage string, to *[]string) {
		fs.Func(name, usage+" (repeatable)", func(v string) error { *to = append(*to, v); return nil })
	}
	add("pod", "UID of the pod, or its configuration's hash", &cfg.Pods)
	add("container", "ID of a container of the pod", &cfg.Containers)
	add("address", "address of the pod", &addresses)
	fs.Uint64Var(&cfg.NetNS, "netns", 0, "inode of the network namespace")
	fs.StringVar(&cfg.Interface, "interface", "", "interface; the one that leads out where none is named")
	fs.BoolVar(&cfg.Inside, "inside", false, "capture at the pod's end of a veth")
	add("host", "address or range", &hosts)
	add("port", "port", &ports)
	proto := fs.String("proto", "", "tcp, udp, sctp or icmp")
	snaplen := fs.Uint("snaplen", 0, "bytes that are kept of a packet; 0 is all")
	fs.DurationVar(&cfg.Limits.Duration, "duration", 0, "end after this time; 0 means never")
	fs.Int64Var(&cfg.Limits.Bytes, "max-bytes", 0, "end after so many bytes; 0 means never")
	fs.StringVar(&cfg.Proc, "proc", "/proc", "where procfs of the node is mounted")
	fs.StringVar(&cfg.HostRoot, "host-root", "/", "where the node's root is mounted")
	fs.StringVar(&cfg.Lease, "lease", "", "file to touch while running")
	fs.DurationVar(&cfg.Deadline, "deadline", 0, "end after this time at the latest; 0 means never")
	if err := fs.Parse(args); err != nil {
		return cfg, err
	}
	if fs.NArg() > 0 {
		return cfg, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	for _, text := range addresses {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return cfg, fmt.Errorf("address %q: %w", text, err)
		}
		cfg.Addresses = append(cfg.Addresses, a.Unmap().WithZone(""))
	}
	if *snaplen > capture.MaxSnaplen {
		return cfg, fmt.Errorf("snaplen %d: use at most %d", *snaplen, capture.MaxSnaplen)
	}
	cfg.Snaplen = uint32(*snaplen)
	var err error
	cfg.Filter, err = capture.ParseFilter(hosts, ports, *proto)
	return cfg, err
}

// Capture tells the packets that cfg wants to out, in a stream of package
// capture, until in ends, a limit is reached or ctx ends.
func Capture(ctx context.Context, cfg CaptureConfig, in io.Reader, out io.Writer) error {
	if cfg.Snaplen == 0 {
		cfg.Snaplen = capture.MaxSnaplen
	}
	if cfg.Proc == "" {
		cfg.Proc = "/proc"
	}
	if cfg.HostRoot == "" {
		cfg.HostRoot = "/"
	}
	if cfg.Deadline > 0 && (cfg.Limits.Duration == 0 || cfg.Deadline < cfg.Limits.Duration) {
		cfg.Limits.Duration = cfg.Deadline
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, in) // its end is all that it says
	}()
	tell, err := openCapture(ctx, cfg)
	if err != nil {
		return err
	}
	if cfg.Lease != "" {
		go keepLease(ctx, cfg.Lease)
	}
	done := make(chan error, 1)
	go func() { done <- tell(ctx, cfg.Limits, out) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	t := time.NewTimer(captureGrace)
	defer t.Stop()
	select {
	case err := <-done:
		return err
	case <-t.C: // nobody reads: nobody is left to tell
		return nil
	}
}

// keepLease touches the lease until ctx ends. Where that fails, the pod ends
// early, which says it.
func keepLease(ctx context.Context, lease string) {
	tick := time.NewTicker(leaseEvery)
	defer tick.Stop()
	for {
		_ = touch(lease, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

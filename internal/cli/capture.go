package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/snattop/snattop/internal/capture"
	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session/live"
	packets "github.com/snattop/snattop/probe/capture"
	"github.com/snattop/snattop/tui/format"
)

// captureFlags are what is to be captured, as flags spell it.
type captureFlags struct {
	source, file, maxSize string
	hosts, ports          []string
	proto                 string
	snaplen               uint32
	wanted                capture.Wanted
}

func newCapture(o *options) *cobra.Command {
	f := captureDefaults()
	cmd := &cobra.Command{
		Use: "capture NAMESPACE/POD | node/NAME", Short: "Capture packets of a pod or a node to a file here", Args: cobra.MaximumNArgs(1),
		Long: `capture writes the packets of a pod's veth, or of a node's interface, to a
pcapng file here, which tcpdump and Wireshark read. Nothing is needed on the
node: the probe captures, the kernel there leaves out what the filter does not
want, and nothing is written on the node.

It ends after --duration, at --max-size, or with ctrl-C; the file holds what was
captured until then. Of each packet only the first 128 bytes are kept, which is
where headers are: --snaplen 0 keeps all, and with it what people say to each
other.

A pod's packets are taken at the node's end of its veth. --inside takes the
pod's own end, which sees what eBPF programs of the network plugin hand to the
pod directly.`,
		Example: `  snattop capture shop/checkout-7d9f8b6c5-x2x9q --host 203.0.113.7 --port 443
  snattop capture node/aks-pool-1 --interface eth0 --proto icmp --duration 10s
  snattop capture shop/web-0 --snaplen 0 --max-size 1GB -o web.pcapng
  snattop capture --source local --interface lo --port 8080`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runCapture(cmd.Context(), o, f, strings.Join(args, ""))
		},
	}
	fs := cmd.Flags()
	f.add(fs)
	fs.StringVar(&f.source, "source", f.source, "live, or local: this host, without a cluster")
	return cmd
}

func captureDefaults() captureFlags {
	f := captureFlags{source: "live", maxSize: "100MB", snaplen: capture.DefaultSnaplen}
	f.wanted.Duration = capture.DefaultDuration
	return f
}

// add adds the flags that the command and the key c share.
func (f *captureFlags) add(fs *pflag.FlagSet) {
	fs.StringVarP(&f.file, "output", "o", "", "file to write; it must not exist (default: in --out-dir, named after the pod or node, and the time)")
	fs.Lookup("output").Annotations = map[string][]string{noDefault: {}}
	fs.StringVar(&f.wanted.Interface, "interface", "", "interface of the pod (by its name there) or node (default: the one that leads out)")
	fs.BoolVar(&f.wanted.Inside, "inside", false, "capture at the pod's own end of its veth")
	fs.StringArrayVar(&f.hosts, "host", nil, "address or range, at either end (repeatable: any of them)")
	fs.StringArrayVar(&f.ports, "port", nil, "TCP, UDP or SCTP port, at either end (repeatable: any of them)")
	fs.StringVar(&f.proto, "proto", "", "tcp, udp, sctp or icmp (default: every protocol)")
	fs.Uint32Var(&f.snaplen, "snaplen", f.snaplen, "bytes that are kept of each packet; 0 is all")
	fs.StringVar(&f.maxSize, "max-size", f.maxSize, "largest file, such as 500kB, 100MB or 1GiB")
	fs.DurationVar(&f.wanted.Duration, "duration", f.wanted.Duration, "longest time, 1s to 1h")
}

// want reads the flags.
func (f *captureFlags) want() (capture.Wanted, error) {
	w := f.wanted
	var err error
	if w.Filter, err = packets.ParseFilter(f.hosts, f.ports, f.proto); err != nil {
		return w, usage("--%w", err)
	}
	size, err := resource.ParseQuantity(strings.TrimSuffix(f.maxSize, "B"))
	if err != nil {
		return w, usage("--max-size %q: use a size such as 500kB, 100MB or 1GiB", f.maxSize)
	}
	w.MaxSize, w.Snaplen = size.Value(), f.snaplen
	if err := w.Check(); err != nil {
		return w, usage("%w", err)
	}
	return w, nil
}

func runCapture(ctx context.Context, o *options, f captureFlags, target string) (err error) {
	w, err := f.want()
	if err != nil {
		return err
	}
	c := &capturer{o: o}
	switch {
	case f.source == "local" && target != "":
		return usage("%q: --source local captures this host itself; name no pod or node", target)
	case f.source == "local":
	case f.source != "live":
		return usage("--source %q: use live or local", f.source)
	case target == "":
		return usage("name what to capture: snattop capture NAMESPACE/POD or node/NAME")
	default:
		if c.client, err = o.connect(ctx); err != nil {
			return err
		}
		c.commands = live.Open(c.client, o.live())
		defer func() { err = join(err, c.commands.Close(ctx)) }()
	}
	return c.command(ctx, target, f.file, w, &captureTeller{o: o, w: w})
}

// command captures one target to a file and says how it went.
func (c *capturer) command(ctx context.Context, target, file string, w capture.Wanted, t *captureTeller) error {
	who, err := c.find(ctx, target)
	if err != nil {
		return err
	}
	t.file = c.file(file, who)
	got, err := c.run(ctx, who, t.file, w, t.say, t.progress)
	if err == nil || got.Packets > 0 {
		t.summary(got)
	}
	return captureError(who, err)
}

// captureTeller tells on standard error how a capture goes; on a terminal, in
// one line that is written over.
type captureTeller struct {
	o    *options
	w    capture.Wanted
	file string
	// begun says that the first words were said, open that a line is not ended.
	begun, open bool
	last        string
}

// line writes one line; at a terminal the next one may take its place.
func (t *captureTeller) line(text string, passing bool) {
	text = sanitize.Text(text)
	if !t.o.streams.OutTerminal {
		if !passing {
			fmt.Fprintln(t.o.streams.Err, text)
		}
		return
	}
	const anew = "\r\x1b[K"
	if t.open {
		fmt.Fprint(t.o.streams.Err, anew)
	}
	fmt.Fprint(t.o.streams.Err, text)
	if t.open = passing; !passing {
		fmt.Fprintln(t.o.streams.Err)
	}
}

func (t *captureTeller) say(what string) {
	if what != t.last {
		t.line(what, true)
	}
	t.last = what
}

func (t *captureTeller) progress(p capture.Progress) {
	if !t.begun {
		t.begun = true
		filter := p.Filter
		if filter == "" {
			filter = "every packet"
		}
		t.line(fmt.Sprintf("capturing on %s of %s: %s; for %s or %s at the most, ctrl-C ends it", p.Interface, p.Within, filter, t.w.Duration, format.Bytes(t.w.MaxSize)), false)
		for _, n := range p.Notes {
			t.line("  "+n, false)
		}
	}
	t.line(captureLine(p), true)
}

func (t *captureTeller) summary(p capture.Progress) { t.line(captureSummary(p, t.file), false) }

// captureSummary says how a capture went.
func captureSummary(p capture.Progress, file string) string {
	return fmt.Sprintf("captured %s packets (%s) in %s to %s: %s; %s dropped by the node's kernel, %s because the way here was too slow",
		format.Count(p.Packets), format.Bytes(p.Bytes), p.Elapsed.Round(time.Second), file, p.Ended, format.Count(p.KernelDrops), format.Count(p.SlowDrops))
}

// captureLine is how far a capture is, in one line.
func captureLine(p capture.Progress) string {
	out := fmt.Sprintf("%s · %s packets · %s", p.Elapsed.Round(time.Second), format.Count(p.Packets), format.Bytes(p.Bytes))
	if drops := p.KernelDrops + p.SlowDrops; drops > 0 {
		out += fmt.Sprintf(" · %s dropped", format.Count(drops))
	}
	return out
}

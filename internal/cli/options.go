package cli

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/live"
	"github.com/snattop/snattop/internal/session/redact"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/probe"
)

// Streams are the standard streams, and whether people sit at them.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// InTerminal, OutTerminal and ErrTerminal report whether they are terminals.
	InTerminal, OutTerminal, ErrTerminal bool
	// Gone reports that the terminal has gone away; nil never does.
	Gone func() bool
}

// options are the flags that every command shares.
type options struct {
	version string
	streams Streams
	getenv  func(string) string
	kube    *genericclioptions.ConfigFlags

	image, probeImage, pullSecret string
	collector                     string
	interval                      time.Duration
	privateCIDRs, ownEgress       []string
	snatPorts                     int
	provider                      string
	cloud, azureEndpoint          string
	timers                        snat.Timers
	debugNamespace                string
	maxNodes                      int
	node                          string
	pods                          []string
	allowEphemeral                bool
	logFile, outDir               string
	noColor, ascii, plain, redact bool
	// configFile holds defaults, and its folder what is remembered.
	configFile string
	// asciiChosen means that ascii was set by somebody.
	asciiChosen bool

	log io.WriteCloser
	// redactor is there when names and addresses are not to be told.
	redactor *redact.Redactor
}

// flags adds the shared flags.
func (o *options) flags(fs *pflag.FlagSet) {
	o.kube.AddFlags(fs)
	fs.StringVar(&o.image, "image", "", "image of debug pods: needs a shell (default: one that the node already holds)")
	fs.StringVar(&o.probeImage, "probe-image", "", "image of debug pods that holds the probe: nothing is uploaded")
	fs.StringVar(&o.pullSecret, "image-pull-secret", "", "secret in the debug namespace to pull the image with")
	fs.StringVar(&o.collector, "collector", "auto", "how nodes are looked at: auto (the best that works), ebpf, diag, procfs or tcptracer")
	fs.DurationVar(&o.interval, "interval", time.Second, "time between two readings of a node")
	fs.StringArrayVar(&o.privateCIDRs, "private-cidr", nil, "range that uses no SNAT port, such as a peered network (repeatable)")
	fs.StringArrayVar(&o.ownEgress, "own-egress", nil, "NAMESPACE or NAMESPACE/POD… whose connections leave through a gateway of their own (repeatable)")
	fs.IntVar(&o.snatPorts, "snat-ports", 0, "SNAT ports that each node has (default: from the provider's table)")
	fs.StringVar(&o.provider, "provider", "auto", "what translates addresses: auto, azure-lb, azure-natgw, gcp-nat or aws-natgw")
	fs.StringVar(&o.cloud, "cloud", cloudAuto, "auto: read what the cloud measures, where its credentials allow; off: ask no cloud")
	fs.StringVar(&o.azureEndpoint, "azure-endpoint", "", "Azure Resource Manager other than the public cloud's (https, or http on this host)")
	fs.DurationVar(&o.timers.FIN, "hold", 0, "how long a port is held after a connection has closed (default: the provider's)")
	fs.DurationVar(&o.timers.Reset, "hold-reset", 0, "the same after a reset (default: the provider's)")
	fs.DurationVar(&o.timers.HalfOpen, "hold-halfopen", 0, "the same after an attempt without an answer (default: the provider's)")
	fs.DurationVar(&o.timers.Idle, "idle-timeout", 0, "after how long without a packet a connection loses its port (default: the cluster's or the provider's)")
	fs.DurationVar(&o.timers.UDP, "hold-udp", 0, "the same for UDP (default: the provider's)")
	fs.StringVar(&o.debugNamespace, "debug-namespace", "kube-system", "namespace of snattop's debug pods")
	fs.IntVar(&o.maxNodes, "max-nodes", 0, "look at no more nodes than this (default: all)")
	fs.StringVar(&o.node, "node", "", "only this node (name or internal IP)")
	fs.StringArrayVar(&o.pods, "pod", nil, "NAMESPACE/NAME to look into with an ephemeral container where node pods are refused (repeatable)")
	fs.BoolVar(&o.allowEphemeral, "allow-ephemeral", false, "add ephemeral containers to the pods named by --pod without asking; they cannot be removed")
	fs.StringVar(&o.outDir, "out-dir", "", "folder for the files that S, c and capture write (default: the current one)")
	fs.BoolVar(&o.redact, "redact", false, "replace names and addresses by pseudonyms, on the screen and in every file")
	fs.StringVar(&o.logFile, "log-file", "", "write what goes on behind the screen to this file")
	fs.BoolVar(&o.noColor, "no-color", false, "use no colours (also: NO_COLOR)")
	fs.BoolVar(&o.plain, "plain", false, "say the screen in lines of words, for screen readers, instead of drawing it")
	fs.BoolVar(&o.ascii, "ascii", false, "draw with ASCII alone (default: where the locale or the terminal has nothing else)")
}

// complete checks the shared flags and opens the log.
func (o *options) complete() error {
	opts, err := o.session()
	if err != nil {
		return err
	}
	if err := o.startRedacting(opts); err != nil {
		return err
	}
	if c := probe.Collector(o.collector); c != probe.CollectorAuto && !slices.Contains(probe.Collectors(), c) {
		return usage("--collector %q: use auto, ebpf, diag, procfs or tcptracer", o.collector)
	}
	if o.interval < 100*time.Millisecond || o.interval > time.Minute {
		return usage("--interval %s: use 100ms to 1m", o.interval)
	}
	if err := o.checkCloud(); err != nil {
		return err
	}
	if err := o.checkTimers(); err != nil {
		return err
	}
	if o.maxNodes < 0 {
		return usage("--max-nodes %d: use a positive number", o.maxNodes)
	}
	for _, p := range o.pods {
		if _, _, err := k8s.ParsePod(p, "default"); err != nil {
			return usage("--pod %q: %w", p, err)
		}
	}
	if o.getenv("NO_COLOR") != "" {
		o.noColor = true
	}
	return o.openLog()
}

func (o *options) checkTimers() error {
	for _, t := range []struct {
		flag string
		d    time.Duration
	}{
		{"hold", o.timers.FIN}, {"hold-reset", o.timers.Reset}, {"hold-halfopen", o.timers.HalfOpen},
		{"idle-timeout", o.timers.Idle}, {"hold-udp", o.timers.UDP},
	} {
		if t.d < 0 || t.d > snat.MaxTimer || t.d > 0 && t.d < time.Second {
			return usage("--%s %s: use 1s to 24h, or leave it out for the provider's own", t.flag, t.d)
		}
	}
	return nil
}

// openLog sends the libraries' own messages to the log file, or nowhere: never
// onto the screen.
func (o *options) openLog() error {
	w := io.Discard
	if o.logFile != "" {
		f, err := os.OpenFile(o.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return &exitError{code: ExitFailed, err: err}
		}
		o.log, w = f, f
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(w, nil)))
	k8s.QuietLogs(w)
	return nil
}

// broken keeps in the log where the UI has broken.
func (o *options) broken(why any, stack []byte) {
	if o.log != nil {
		_, _ = fmt.Fprintf(o.log, "terminal UI: panic: %v\n%s", why, stack)
	}
}

func (o *options) close() {
	if o.log != nil {
		_ = o.log.Close()
	}
}

// session returns the session's options.
func (o *options) session() (session.Options, error) {
	provider, err := snat.ParseProvider(o.provider)
	if err != nil {
		return session.Options{}, usage("--provider: %w", err)
	}
	ranges, err := snat.ParseRanges(o.privateCIDRs, "--private-cidr")
	if err != nil {
		return session.Options{}, usage("--private-cidr: %w", err)
	}
	for _, of := range o.ownEgress {
		if namespace, _, _ := strings.Cut(of, "/"); namespace == "" || strings.Count(of, "/") > 1 {
			return session.Options{}, usage("--own-egress %q: use NAMESPACE or NAMESPACE/POD, where POD may be the beginning of a name", of)
		}
	}
	if o.snatPorts < 0 || o.snatPorts > 64512*16 {
		return session.Options{}, usage("--snat-ports %d: use the number of ports that one node has, such as 1024", o.snatPorts)
	}
	if o.snatPorts > 0 {
		// With auto the provider is not known yet; the budget's note tells then.
		if err := snat.CheckPorts(provider, o.snatPorts); err != nil {
			return session.Options{}, usage("%w", err)
		}
	}
	opts := session.Options{Provider: provider, SNATPorts: o.snatPorts, Private: ranges, OwnEgress: o.ownEgress, Timers: o.timers}
	if o.redactor != nil {
		opts = o.redactor.Options(opts)
	}
	return opts, nil
}

// probe returns the configuration of a probe in this process.
func (o *options) probe() probe.Config {
	return probe.Config{Version: o.version, Collector: probe.Collector(o.collector), Interval: o.interval}
}

// live returns the options of a cluster's source.
func (o *options) live() live.Options {
	var nodes []string
	if o.node != "" {
		nodes = []string{o.node}
	}
	return live.Options{
		Namespace: *o.kube.Namespace, DebugNamespace: o.debugNamespace,
		Image: o.image, ProbeImage: o.probeImage, PullSecret: o.pullSecret,
		Cloud: o.watcher(), Collector: o.collector, Interval: o.interval, Nodes: nodes, MaxNodes: o.maxNodes, Pods: o.pods,
	}
}

package evidence

import (
	"fmt"
	"strings"
	"time"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/tui/format"
)

func fact(label, note string, args ...any) Item {
	if len(args) > 0 {
		note = fmt.Sprintf(note, args...)
	}
	return Item{Label: label, Note: sanitize.Text(note)}
}

// numbers are a node's figures as they stand.
func numbers(n *session.Node) Section {
	sec := Section{Title: "The numbers as they stand"}
	if n.State != session.StateStreaming {
		sec.Items = append(sec.Items, fact("numbers", "none: the node is not seen"))
		return sec
	}
	sec.Items = append(sec.Items, counts(n, n.Counts)...)
	switch {
	case !n.Budget.Known():
		sec.Items = append(sec.Items, fact("budget", "not known, so no share of it either; give --snat-ports or --provider"))
	case n.Budget.Source == snat.BudgetMeasured:
		sec.Items = append(sec.Items, fact("budget", "%s ports, measured: the cloud's own figure", format.Count(n.Budget.Ports)))
	case n.Budget.Source == snat.BudgetFlag:
		sec.Items = append(sec.Items, fact("budget", "%s ports, as --snat-ports says", format.Count(n.Budget.Ports)))
	default:
		sec.Items = append(sec.Items, fact("budget", "%s ports (%s): the provider's documented default for a pool of this size", format.Count(n.Budget.Ports), n.Budget.Source))
	}
	if n.Budget.Note != "" {
		sec.Items = append(sec.Items, fact("budget is", "%s", n.Budget.Note))
	}
	if c := n.BudgetWas; c != nil {
		sec.Items = append(sec.Items, fact("budget was", "%s ports until %s", format.Count(c.From.Ports), format.Clock(c.At)))
	}
	sec.Items = append(sec.Items, measured(n), fullIn(n))
	for _, why := range n.Why {
		sec.Items = append(sec.Items, fact("verdict", "%s: %s", n.Verdict, why))
	}
	if c := n.Conntrack; c != nil {
		sec.Items = append(sec.Items, fact("conntrack", "%s of %s · insert_failed %s · drop %s · early_drop %s",
			format.Count(c.Count), format.Count(c.Max), format.Count(c.InsertFailed), format.Count(c.Drop), format.Count(c.EarlyDrop)))
	}
	return sec
}

// measured is what the cloud says of the node.
func measured(n *session.Node) Item {
	if n.Measured == nil || n.Measured.TCP.Used == nil {
		return fact("measured", "nothing: no figure of the balancer's own")
	}
	return fact("measured", "%s TCP ports used in the minute to %s: the cloud's own figure", format.Count(*n.Measured.TCP.Used), format.Clock(n.Measured.At))
}

func fullIn(n *session.Node) Item {
	switch {
	case n.FullIn == nil:
		return fact("full in", "not known, or it does not fill")
	case *n.FullIn <= 0:
		return fact("full in", "now: no port is left towards %s", format.Plural(len(n.Full), "destination"))
	default:
		return fact("full in", "%s if it goes on as it does (%s)", format.FullIn(n.FullIn), estimated)
	}
}

// silent says how many connections nobody uses.
func silent(n *session.Node, s *session.Silence) Item {
	if s == nil {
		return fact("silent", "not seen by %s", format.Collector(n.Collector))
	}
	return fact("silent", "%s of the open ones have carried no packet for a minute or more, counted", format.Count(s.Sum()))
}

func counts(n *session.Node, c session.Counts) []Item {
	items := []Item{
		fact("ports in use", bounds(c.Ports)),
		fact("open", "%s sockets established or closing, counted", format.Count(c.Open)),
		silent(n, c.Silent),
		trying(n, c.Trying),
		fact("waiting", "%s of them for longer than an answer takes; %s more were given up and may still hold a port", format.Count(c.Waiting), format.Count(c.Abandoned)),
		fact("cooling", "%s closed, port probably still held (%s)", format.About(c.Cooling), estimated),
		fact("public", "%s ESTABLISHED and %s SYN_SENT to public addresses, counted", format.Count(c.EstablishedPublic), format.Count(c.SynSentPublic)),
		fact("all flows", "%s, to any destination", format.Count(c.All)),
	}
	if c.UDPFlows > 0 {
		items = append(items, fact("udp", "%s flows, ~%s ports; the balancer keeps UDP's ports apart", format.Count(c.UDPFlows), format.Count(c.UDP.Estimate)))
	}
	items = append(items, rates(n, c.OpensPerSecond, c.ClosesPerSecond, c.FailedPerSecond))
	return append(items, ends(n, c.Trouble, c.Lives)...)
}

func rates(n *session.Node, opens, closes, fails float64) Item {
	if !n.Counting() {
		return fact("a second", "not known yet: rates need a second look")
	}
	failed := format.Rate(fails) + " failed"
	if !n.Sight().Attempts {
		failed = "failures not seen by " + format.Collector(n.Collector)
	}
	return fact("a second", "%s opened · %s closed · %s", format.Rate(opens), format.Rate(closes), failed)
}

func trying(n *session.Node, syns int) Item {
	if !n.Sight().Attempts {
		return fact("trying", "not seen by %s", format.Collector(n.Collector))
	}
	return fact("trying", "%s SYNs without an answer, counted: each may have been refused a port", format.Count(syns))
}

func ownerFacts(n *session.Node, o *session.Owner) Section {
	sec := Section{Title: "The numbers as they stand", Items: counts(n, o.Counts)}
	who := []string{}
	if o.UID != "" {
		who = append(who, "UID "+o.UID)
	}
	for _, ip := range o.IPs {
		who = append(who, ip.String())
	}
	if o.Phase != "" {
		who = append(who, o.Phase)
	}
	if o.HostNetwork {
		who = append(who, "in the node's own network, told apart by cgroup")
	}
	if len(who) > 0 {
		sec.Items = append(sec.Items, fact("identity", "%s", strings.Join(who, " · ")))
	}
	if len(o.Containers) > 0 {
		sec.Items = append(sec.Items, fact("containers", "%s", strings.Join(o.Containers, ", ")))
	}
	if o.OwnEgress != "" {
		sec.Items = append(sec.Items, fact("egress", "%s: it takes no port of the node", o.OwnEgress))
	}
	if o.LocalPorts > 0 {
		sec.Items = append(sec.Items, fact("local ports", "%s towards one destination, in its own network", format.Count(o.LocalPorts)))
	}
	if !o.Known && o.Name != "" {
		sec.Items = append(sec.Items, fact("note", "the API server does not (or no longer) list this pod; the node still holds its sockets"))
	}
	return sec
}

func destFacts(n *session.Node, d *session.Dest) Section {
	sec := Section{Title: "The numbers as they stand"}
	if d.Eligible {
		sec.Items = append(sec.Items, fact("counts", "yes: the address is beyond the balancer, so each flow takes a port"))
	} else {
		sec.Items = append(sec.Items, fact("counts", "no: %s", d.WhyNot))
	}
	if len(d.Endpoints) > 0 {
		list := make([]string, 0, len(d.Endpoints))
		for _, ep := range d.Endpoints[:min(len(d.Endpoints), mostTracked)] {
			list = append(list, ep.String())
		}
		if more := len(d.Endpoints) - mostTracked; more > 0 {
			list = append(list, format.Count(more)+" more")
		}
		sec.Items = append(sec.Items, fact("leads to", "%s: public, so the ports are used there", strings.Join(list, ", ")))
	}
	if d.Protocol == snat.TCP {
		sec.Items = append(sec.Items, silent(n, d.Silent))
	}
	sec.Items = append(sec.Items,
		fact("open", "%s: %s established, %s closing", format.Count(d.Open()), format.Count(d.Established), format.Count(d.Closing)),
		trying(n, d.SynSent),
		fact("cooling", "%s (%s); the node itself holds %s in TIME_WAIT", format.About(d.Cooling), estimated, format.Count(d.TimeWait)),
		rates(n, d.OpensPerSecond, d.ClosesPerSecond, d.FailedPerSecond))
	if d.Protocol == snat.TCP {
		sec.Items = append(sec.Items, ends(n, d.Trouble, d.Lives)...)
	}
	return sec
}

// collector says what a collector does.
func collector(name string) string {
	switch name {
	case "ebpf":
		return "eBPF: kernel events, counted in the kernel"
	case "diag":
		return "inet_diag: socket tables over netlink, in every network namespace"
	case "procfs":
		return "procfs: /proc/<pid>/net/tcp and tcp6 of every network namespace"
	case "tcptracer":
		return "tcptracer of the node's BCC tools"
	default:
		return name
	}
}

// seen is how the numbers come here.
func seen(n *session.Node) Section {
	sec := Section{Title: "How it is measured"}
	if n.Rung != "" {
		sec.Items = append(sec.Items, fact("way in", "%s", n.Rung))
	}
	if n.Collector != "" {
		sec.Items = append(sec.Items, fact("collector", "%s", collector(n.Collector)), counting(n))
		sec.Items = append(sec.Items, gaps(n)...)
	}
	if n.Kernel != "" {
		sec.Items = append(sec.Items, fact("kernel", "%s", n.Kernel))
	}
	if !n.Since.IsZero() {
		sec.Items = append(sec.Items, fact("since", "%s, newest %s, every %s", format.Clock(n.Since), format.Clock(n.LastTick), n.Interval))
	}
	if c := n.Cost; c.WallNanos > 0 {
		look := time.Duration(c.WallNanos).Round(100*time.Microsecond).String() + " a look"
		if c.Sockets > 0 { // who counts events reads sums, not sockets
			look += ": " + format.Count(c.Sockets) + " sockets in " + format.Plural(int(c.Namespaces), "namespace")
		}
		sec.Items = append(sec.Items, fact("cost", "%s", look))
	}
	if n.ProbeCPU > 0 {
		sec.Items = append(sec.Items, fact("cpu", "%s ms of processor time a second, all of the probe", format.Rate(n.ProbeCPU)))
	}
	if len(n.Scoped) > 0 {
		sec.Items = append(sec.Items, fact("scope", "only these pods: %s", strings.Join(n.Scoped, ", ")))
	}
	if len(sec.Items) == 0 {
		sec.Items = append(sec.Items, fact("", "it is not: no probe has answered"))
	}
	return sec
}

// unseen is what the numbers are known to lack.
func unseen(snap *session.Snapshot, n *session.Node) Section {
	sec := Section{Title: "What could not be seen"}
	if n.Error != "" {
		sec.Items = append(sec.Items, fact("node", "%s", n.Error))
	}
	if n.Progress != "" && n.State != session.StateStreaming {
		sec.Items = append(sec.Items, fact("now", "%s", n.Progress))
	}
	for _, p := range n.Problems {
		sec.Items = append(sec.Items, fact("probe", "%s", p))
	}
	if l := n.Loss; l.Events > 0 {
		sec.Items = append(sec.Items, fact("lost", "%s events were lost before they were counted", format.Count(l.Events)))
	}
	if l := n.Loss; l.Destinations > 0 {
		sec.Items = append(sec.Items, fact("lost", "%s destinations did not fit the row limit", format.Count(l.Destinations)))
	}
	if l := n.Loss; l.Namespaces > 0 {
		sec.Items = append(sec.Items, fact("lost", "%s network namespaces could not be entered", format.Count(l.Namespaces)))
	}
	if snap.Problem != "" {
		sec.Items = append(sec.Items, fact("source", "%s", snap.Problem))
	}
	if n.Budget.Source != snat.BudgetMeasured {
		sec.Items = append(sec.Items, fact("balancer", "its own count of ports in use: no figure from the cloud"))
	}
	return sec
}

// features are the probe's findings about its node.
func features(n *session.Node) Section {
	sec := Section{Title: "What the probe found on the node"}
	for _, f := range n.Features {
		sec.Items = append(sec.Items, fact(f.Name, "%s", f.Answer.String()+detail(f.Detail)))
	}
	if len(sec.Items) == 0 {
		sec.Items = append(sec.Items, fact("", "nothing told"))
	}
	return sec
}

func detail(s string) string {
	if s == "" {
		return ""
	}
	return " · " + s
}

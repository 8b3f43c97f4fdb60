// Package evidence answers "how do you know?": the commands by which an
// operator could find out by hand, how snattop did, and what it could not see.
// Everything is derived from the picture; nothing is run.
package evidence

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/tui/format"
)

// Sheet is an answer, ready to be shown or copied.
type Sheet struct {
	Title    string
	Sections []Section
}

// Section is a part of an answer.
type Section struct {
	Title string
	Items []Item
}

// Item is a command to run, or a fact. A command has its meaning in Note.
type Item struct {
	Command string
	Note    string
	// Label and Note make a fact.
	Label string
}

// Text writes the sheet without any styling.
func (s Sheet) Text() string {
	var b strings.Builder
	b.WriteString(s.Title + "\n")
	for _, sec := range s.Sections {
		b.WriteString("\n" + sec.Title + "\n")
		for _, it := range sec.Items {
			switch {
			case it.Command != "" && it.Note != "":
				fmt.Fprintf(&b, "  # %s\n  %s\n", it.Note, it.Command)
			case it.Command != "":
				fmt.Fprintf(&b, "  %s\n", it.Command)
			case it.Label != "":
				fmt.Fprintf(&b, "  %s: %s\n", it.Label, it.Note)
			default:
				fmt.Fprintf(&b, "  %s\n", it.Note)
			}
		}
	}
	return b.String()
}

// Node answers for a node.
func Node(snap *session.Snapshot, n *session.Node) Sheet {
	sheet := Sheet{
		Title: "How do you know? Node " + sanitize.Text(n.Name),
		Sections: []Section{
			{Title: "The same by hand", Items: append(reachNode(snap, n), onNode()...)},
			numbers(n), crossCheck(snap, n), seen(n), unseen(snap, n), features(n),
		},
	}
	sheet.Sections = append(sheet.Sections, tracked(n)...)
	return sheet
}

// Owner answers for a pod, or a part of the host.
func Owner(snap *session.Snapshot, n *session.Node, o *session.Owner) Sheet {
	return Sheet{
		Title: "How do you know? " + sanitize.Text(o.Title()),
		Sections: []Section{
			{Title: "The same by hand", Items: append(reachNode(snap, n), ofOwner(snap, o)...)},
			ownerFacts(n, o), seen(n), unseen(snap, n), features(n),
		},
	}
}

// Dest answers for one destination of an owner.
func Dest(snap *session.Snapshot, n *session.Node, o *session.Owner, d *session.Dest) Sheet {
	return Sheet{
		Title: "How do you know? " + sanitize.Text(o.Title()) + " → " + d.Dest.String(),
		Sections: []Section{
			{Title: "The same by hand", Items: append(reachNode(snap, n), ofDest(snap, o, d)...)},
			destFacts(n, d), seen(n), unseen(snap, n), features(n),
		},
	}
}

func reachNode(snap *session.Snapshot, n *session.Node) []Item {
	if snap.Cluster.Source == "local" {
		return []Item{{Note: "on this host, as root:"}}
	}
	k := runbook.Kubectl(snap)
	items := []Item{}
	if n.InternalIP != "" {
		items = append(items, Item{Command: k + " get nodes -o wide | grep -wF " + runbook.Quote(n.InternalIP), Note: "which node has the address that the balancer shows"})
	}
	return append(items, Item{
		Command: k + " debug node/" + runbook.Quote(n.Name) + " -it --profile=sysadmin --image=busybox -- chroot /host",
		Note:    "a root shell on the node, where the rest runs (without egress name an image that the node holds; delete the pod after)",
	})
}

func onNode() []Item {
	return []Item{
		{Command: "lsns -t net", Note: "every network namespace, with a process in it"},
		{Command: "crictl ps", Note: "the containers, to match with those processes"},
		{Command: "netstat -ptn | grep ESTABLISHED", Note: "connections of the host itself; of a pod: nsenter -t PID -n before it"},
		{
			Command: "nstat -az TcpAttemptFails TcpEstabResets TcpOutRsts TcpRetransSegs TcpExtTCPSynRetrans",
			Note:    "attempts that failed, resets and segments sent again, as the kernel counts them for the namespace",
		},
		{Command: "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max", Note: "how full the node's own table is"},
	}
}

func ofOwner(snap *session.Snapshot, o *session.Owner) []Item {
	if o.Name == "" {
		return []Item{
			{Command: "systemctl status " + runbook.Quote(o.Workload.Name), Note: "the unit and its processes"},
			{Command: "netstat -ptn | grep ESTABLISHED", Note: "its connections, in the node's own namespace"},
		}
	}
	items := []Item{}
	if snap.Cluster.Source != "local" && o.Namespace != "" {
		items = append(items, Item{Command: runbook.Kubectl(snap) + " get pod -n " + runbook.Quote(o.Namespace) + " " + runbook.Quote(o.Name) + " -o wide", Note: "the pod, its address and its node"})
	}
	return append(items, append(containers(o),
		Item{Command: "lsns -t net -p $PID", Note: "the network namespace of that process"},
		Item{Command: "nsenter -t $PID -n netstat -ptn | grep ESTABLISHED", Note: "every connection in it; private addresses take no SNAT port"},
	)...)
}

// containers leads from a pod to the number of one of its processes.
func containers(o *session.Owner) []Item {
	pick := "crictl ps -q"
	if o.Namespace != "" {
		pick = "crictl ps -q --pod \"$(crictl pods -q --namespace " + runbook.Quote("^"+o.Namespace+"$") + " --name " + runbook.Quote("^"+o.Name+"$") + ")\""
	}
	return []Item{{
		Command: "PID=$(crictl inspect -o go-template --template '{{.info.pid}}' \"$(" + pick + " | head -n 1)\")",
		Note:    "container → process",
	}}
}

func ofDest(snap *session.Snapshot, o *session.Owner, d *session.Dest) []Item {
	var items []Item
	flags := "-tnap"
	if d.Protocol == snat.UDP {
		flags = "-unap"
	}
	filter := " " + flags + " dst " + runbook.Quote(netip.AddrPortFrom(d.IP, d.Port).String())
	enter := ""
	for _, p := range d.Processes {
		if p.PID > 0 {
			enter = "nsenter -t " + strconv.Itoa(p.PID) + " -n "
			items = append(items, Item{Command: "cat /proc/" + strconv.Itoa(p.PID) + "/cgroup", Note: "process → container"})
			break
		}
	}
	if enter == "" && o.Name != "" && !o.HostNetwork {
		items = append(items, containers(o)...)
		enter = "nsenter -t $PID -n "
	}
	items = append(items, Item{Command: enter + "ss" + filter, Note: "every socket to this destination, with its process"})
	if d.Protocol == snat.TCP {
		items = append(items, Item{
			Command: enter + "netstat -ptn | grep ESTABLISHED | grep -cwF " + runbook.Quote(fmt.Sprintf("%s:%d", d.IP, d.Port)),
			Note:    "how many are established",
		})
	}
	if snap.Cluster.Source != "local" && d.Name != "" && d.WhyNot == "" {
		items = append(items, Item{Command: runbook.Kubectl(snap) + " get services -A -o wide | grep -wF " + runbook.Quote(d.IP.String()), Note: "what the address is called in the cluster"})
	}
	return items
}

// estimated is what is said of every figure that no balancer has told.
const estimated = "derived from the sockets, not measured at the balancer"

func bounds(p snat.Ports) string {
	return fmt.Sprintf("≥ %s · ~%s · ≤ %s (%s)", format.Count(p.Min), format.Count(p.Estimate), format.Count(p.Max), estimated)
}

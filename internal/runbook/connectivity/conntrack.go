package connectivity

import (
	"context"
	"fmt"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/probe/facts"
)

// When the table counts as full: entries come and go between two looks. What the
// log says is a verdict on now for a minute; what is older is told beside it.
const (
	tableFull   = 0.95
	tableHalf   = 0.5
	logFresh    = 60
	leastFailed = 10
)

// judgeConntrack answers whether the node has room to follow new connections.
func judgeConntrack(_ context.Context, v *view, found func(step.Step)) {
	t := v.s.Tracking
	if t == nil || t.Max == 0 {
		found(v.step(step.Unknown, "the connection tracking table could not be read"))
		return
	}
	share := float64(t.Count) / float64(t.Max)
	what := fmt.Sprintf("%d of %d entries are in use", t.Count, t.Max)
	fresh := t.Log != "" && t.LogSeconds <= logFresh
	s := v.step(step.OK, what)
	switch {
	case t.Drop > 0 && share >= tableHalf:
		s.Verdict, s.Summary = step.Problem, fmt.Sprintf("the connection tracking table is full: %s, and %d packets were dropped for want of room %s", what, t.Drop, window(t.Millis))
	case share >= tableFull:
		s.Verdict, s.Summary = step.Problem, "the connection tracking table is as good as full: "+what+"; without room the node drops new connections"
	case fresh:
		s.Verdict, s.Summary = step.Problem, fmt.Sprintf("the connection tracking table was full %s ago, says the kernel's log; %s now", ago(t.LogSeconds), what)
	case t.InsertFailed >= leastFailed:
		s.Verdict, s.Summary = step.Problem, fmt.Sprintf("%d packets were lost because their connection could not be entered %s; %s", t.InsertFailed, window(t.Millis), what)
	case t.Log != "":
		s.Summary += fmt.Sprintf("; the kernel's log says that the table was full %s ago", ago(t.LogSeconds))
	case t.LogError != "":
		s.Summary += "; the kernel's log could not be read"
	}
	s.Evidence = tableEvidence(t)
	if s.Verdict == step.Problem {
		s.Remedies = enlarge(t)
	}
	found(s)
}

func tableEvidence(t *facts.Tracking) []step.Evidence {
	out := []step.Evidence{
		{
			Command: "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max",
			Output:  fmt.Sprintf("net.netfilter.nf_conntrack_count = %d\nnet.netfilter.nf_conntrack_max = %d", t.Count, t.Max),
		},
		{Command: "conntrack -S   # twice", Output: fmt.Sprintf("over all processors, %s: insert_failed=%d drop=%d early_drop=%d", window(t.Millis), t.InsertFailed, t.Drop, t.EarlyDrop)},
	}
	log := step.Evidence{Command: "dmesg | grep 'nf_conntrack: table full'", Output: t.LogError}
	switch {
	case t.Log != "":
		log.Output = fmt.Sprintf("%s\n(%d lines, the newest %s old)", t.Log, t.Logged, ago(t.LogSeconds))
	case t.LogError == "":
		log.Output = "(none)"
	}
	return append(out, log)
}

// perEntry is how GKE's guide reckons the size: the memory in kB, divided by it.
const perEntry = 32

// enlarge are that guide's remedies.
func enlarge(t *facts.Tracking) []runbook.Remedy {
	r := runbook.Remedy{
		Text:    "Make the table larger: the node's memory in kB, divided by 32.",
		Command: `new_ct_max=$(awk '$1 == "MemTotal:" { printf "%d\n", $2/32; exit; }' /proc/meminfo) && sudo sysctl -w net.netfilter.nf_conntrack_max="${new_ct_max:?}" && echo "net.netfilter.nf_conntrack_max=${new_ct_max:?}" | sudo tee -a /etc/sysctl.conf`,
		Warning: supported + " Each entry takes memory of the kernel.",
	}
	if size := t.MemTotalKB / perEntry; size > 0 {
		r.Text = fmt.Sprintf("Make the table larger: %d kB of memory, divided by 32, make %d entries.", t.MemTotalKB, size)
		if size <= t.Max {
			r.Text = fmt.Sprintf("The table has more room (%d) than the node's memory suggests (%d): take pods away from this node, or take larger nodes.", t.Max, size)
			r.Command, r.Warning = "", ""
		}
	}
	return []runbook.Remedy{
		r,
		{Text: "Add nodes, so that each has fewer pods and flows."},
		{Text: "Use NodeLocal DNSCache: lookups then leave no entries behind.", Command: "gcloud container clusters update CLUSTER --update-addons=NodeLocalDNS=ENABLED", Warning: "On GKE. It restarts the node pools' nodes; elsewhere NodeLocal DNSCache is a DaemonSet to install."},
	}
}

package runbook

import (
	"cmp"
	"slices"
	"strings"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
)

// Subject is an owner that a cause is about.
type Subject struct {
	Key session.Key
	// Title names the pod, Whose the workload that made it.
	Title, Whose string
	// Ports is what it holds, estimated.
	Ports int
	// Batch means that it is a pod of a Job or a CronJob: the runbook works
	// while it runs.
	Batch bool
}

func subject(o *session.Owner, ports int) Subject {
	return Subject{Key: o.Key, Title: titled(o), Whose: whose(o), Ports: ports, Batch: o.Workload.Batch()}
}

// subjects lists tenants, the most ports first. It orders the list itself too.
func subjects(list []*tenant) []Subject {
	slices.SortStableFunc(list, func(a, b *tenant) int {
		return cmp.Or(cmp.Compare(b.ports(), a.ports()), strings.Compare(a.Title(), b.Title()), cmp.Compare(a.Key, b.Key))
	})
	out := make([]Subject, 0, len(list))
	for _, t := range list {
		out = append(out, subject(t.Owner, t.ports()))
	}
	return out
}

// holders lists who holds ports of a destination, the most first.
func holders(t *target) []Subject {
	out := make([]Subject, 0, len(t.holders))
	for _, h := range t.holders {
		if h.ports()+h.dest.SynSent > 0 {
			out = append(out, subject(h.owner, h.ports()))
		}
	}
	return out
}

// spoken names subjects by their workloads, each once, at most three.
func spoken(list []Subject) string {
	var names []string
	for _, s := range list {
		if !slices.Contains(names, s.Whose) {
			names = append(names, s.Whose)
		}
	}
	switch len(names) {
	case 0:
		return "nobody"
	case 1, 2, 3:
		return strings.Join(names, ", ")
	default:
		return strings.Join(names[:3], ", ") + sentence(" and %s", plural(len(names)-3, "other"))
	}
}

// destTitle names a destination, by its name where it has one.
func destTitle(d *session.Dest) string {
	if name := sanitize.Text(d.Name); name != "" {
		return d.Dest.String() + " (" + name + ")"
	}
	return d.Dest.String()
}

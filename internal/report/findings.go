package report

import (
	"slices"
	"strconv"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
)

// How much a report says at the most, so that a sick cluster of many nodes is
// still read: findings of all nodes, and parts of one.
const (
	maxFindings = 1000
	maxParts    = 16
)

// findings is what is to be said of a node: its verdict, then each cause that
// was found, the one that explains the most first, then what could not be seen
// and may matter.
func findings(n *session.Node, d *runbook.Diagnosis) []Finding {
	var out []Finding
	f, bad := findingOf(n)
	if bad {
		out = append(out, f)
	}
	for _, a := range d.In(runbook.Found) {
		out = append(out, Finding{
			ID: "cause." + string(a.Cause), Severity: string(d.Severity(&a)), Confidence: a.Confidence.String(), Subject: subject(n, &a), Summary: a.Summary,
			Evidence: evidence(a.Evidence), Remedies: remedies(a.Remedies),
		})
	}
	if unseen := d.In(runbook.CouldNotSee); bad && len(unseen) > 0 && d.Seen {
		f := Finding{
			ID: "unseen.cause", Severity: string(runbook.Info), Subject: "node/" + n.Name, Evidence: []Evidence{}, Remedies: []Remedy{},
			Summary: "On " + n.Name + " could not be seen, and so is not ruled out:",
		}
		for i, a := range unseen {
			if i > 0 {
				f.Summary += ";"
			}
			f.Summary += " " + a.Cause.Title()
			f.Evidence = append(f.Evidence, Evidence{Text: a.Cause.Title() + ": " + a.Summary, Basis: string(runbook.Counted)})
		}
		out = append(out, f)
	}
	return out
}

// cloudFindings is what a cloud did not tell.
func cloudFindings(s *session.Snapshot) []Finding {
	if s.Cloud == nil {
		return nil
	}
	var out []Finding
	for _, p := range s.Cloud.Problems[:min(len(s.Cloud.Problems), maxParts)] {
		out = append(out, Finding{
			ID: "unseen.cloud", Severity: string(runbook.Info), Subject: "cloud/" + p.What, Summary: p.Sentence, Evidence: []Evidence{}, Remedies: []Remedy{},
		})
	}
	return out
}

// subject names what a cause is about, and on which node.
func subject(n *session.Node, a *runbook.Answer) string {
	on := "node/" + n.Name
	switch a.Cause {
	case runbook.HotDestination, runbook.DeadDestination, runbook.DNS:
		if a.Dest.IP.IsValid() {
			return on + " destination/" + a.Dest.IP.String() + ":" + strconv.Itoa(int(a.Dest.Port)) + "/" + a.Dest.Protocol.String()
		}
	case runbook.NoPooling, runbook.Leak, runbook.EphemeralPorts:
		if len(a.Owners) > 0 {
			return on + " pod/" + a.Owners[0].Title
		}
	default:
	}
	return on
}

func evidence(list []runbook.Evidence) []Evidence {
	out := []Evidence{}
	for _, e := range list[:min(len(list), maxParts)] {
		out = append(out, Evidence{Command: e.Command, Output: e.Output, Text: e.Text, Basis: string(e.Basis)})
	}
	return out
}

func remedies(list []runbook.Remedy) []Remedy {
	out := []Remedy{}
	for _, r := range list[:min(len(list), maxParts)] {
		out = append(out, Remedy{Text: r.Text, Command: r.Command, Warning: r.Warning})
	}
	return out
}

// causeOf is what a pod does to its node's ports, in the words of the schema.
func causeOf(d *runbook.Diagnosis, o *session.Owner) string {
	c, _, known := d.CauseOf(o)
	switch {
	case !known:
		return "unknown"
	case c == "":
		return "none"
	default:
		return string(c)
	}
}

// secondsToFull is null where the node does not fill, or it is not known.
func secondsToFull(n *session.Node) *float64 {
	if n.FullIn == nil {
		return nil
	}
	return ptr(round(n.FullIn.Seconds()))
}

// worstFirst orders the findings of all nodes, and bounds them: nodes stay in
// their own order.
func worstFirst(list []Finding) []Finding {
	rank := func(f Finding) int { return slices.Index([]string{"critical", "warning", "info"}, f.Severity) }
	if len(list) > maxFindings {
		kept := slices.Clone(list)
		slices.SortStableFunc(kept, func(a, b Finding) int { return rank(a) - rank(b) })
		kept = kept[:maxFindings]
		list = kept
	}
	return list
}

// findingOf says in one finding what a node's verdict says, when it is bad.
func findingOf(n *session.Node) (Finding, bool) {
	var severity string
	switch n.Verdict {
	case snat.Exhausted:
		severity = "critical"
	case snat.Pressured, snat.NotSNAT:
		severity = "warning"
	case snat.Healthy, snat.Unknown:
		return Finding{}, false
	default:
		return Finding{}, false
	}
	f := Finding{
		ID: "snat." + string(n.Verdict), Severity: severity, Subject: "node/" + n.Name,
		Summary: Sentence(n), Evidence: []Evidence{}, Remedies: []Remedy{},
	}
	for _, why := range n.Why {
		f.Evidence = append(f.Evidence, Evidence{Command: "snattop report --node " + n.Name, Output: why, Text: why, Basis: string(runbook.Estimated)})
	}
	return f, true
}

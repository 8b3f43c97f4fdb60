package snatbook

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
)

func lacking(n *session.Node) bool { return n.Verdict == snat.Exhausted || n.Verdict == snat.Pressured }

// nodes is the seeds' first step: which node the balancer's figures point at.
func nodes(pic *session.Snapshot) []step.Step {
	var out []step.Step
	for _, n := range watched(pic) {
		s := step.Step{Subject: "node/" + n.Name, Evidence: nodeEvidence(pic, n)}
		switch {
		case n.State == session.StateNotLinux:
			s.Verdict, s.Summary = step.NotApplicable, "It is no Linux node: its connections are not counted."
		case n.LastTick.IsZero():
			s.Verdict = step.Unknown
			s.Summary = "No numbers from this node: " + cmp.Or(n.Error, n.Progress, string(n.State)) + "."
		case n.Verdict == snat.Exhausted:
			s.Verdict = step.Problem
			s.Summary = fmt.Sprintf("It is out of ports: %s; %d connections wait for one.", used(n), n.Trying)
		case n.Verdict == snat.Pressured:
			s.Verdict, s.Summary = step.Problem, "It is short of ports: "+used(n)+"."
		case n.Verdict == snat.NotSNAT:
			s.Verdict, s.Summary = step.OK, "It does not lack ports: "+used(n)+". Its trouble is another: "+strings.Join(n.Why, "; ")+"."
		case n.Verdict == snat.Healthy:
			s.Verdict, s.Summary = step.OK, "It has ports left: "+used(n)+"."
		case n.Verdict == snat.Unknown && n.Ports.Max == 0:
			s.Verdict, s.Summary = step.OK, "It has no connection that takes a SNAT port."
		default:
			s.Verdict, s.Summary = step.Unknown, "Whether it lacks ports is not known: "+cmp.Or(strings.Join(n.Why, "; "), n.Budget.Note)
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return []step.Step{{Subject: "cluster", Verdict: step.Unknown, Summary: cmp.Or(pic.Problem, "No node is seen.")}}
	}
	return out
}

// used says how many ports a node uses of how many.
func used(n *session.Node) string {
	text := fmt.Sprintf("about %d in use (at least %d, at most %d)", n.Ports.Estimate, n.Ports.Min, n.Ports.Max)
	if n.Budget.Known() {
		text += fmt.Sprintf(" of %d (%s)", n.Budget.Ports, n.Budget.Source)
	}
	return text
}

// nodeEvidence is how an operator gets from the balancer's figures to the node.
func nodeEvidence(pic *session.Snapshot, n *session.Node) []step.Evidence {
	if n.InternalIP == "" {
		return nil
	}
	ready := "NotReady"
	if n.Ready {
		ready = "Ready"
	}
	return []step.Evidence{{
		Command: runbook.Kubectl(pic) + " get nodes -o wide | grep -wF " + runbook.Quote(n.InternalIP),
		Output:  n.Name + "  " + ready + "  " + n.InternalIP,
	}}
}

// noShortage is what the other steps say when there is nothing to look for.
func noShortage(pic *session.Snapshot) step.Step {
	s := step.Step{Subject: "cluster", Verdict: step.NotApplicable, Summary: "No node lacks ports."}
	blind := 0
	for _, n := range watched(pic) {
		if n.LastTick.IsZero() && n.State != session.StateNotLinux {
			blind++
		}
	}
	if blind > 0 || len(pic.Nodes) == 0 {
		s.Verdict = step.Unknown
		s.Summary = fmt.Sprintf("No node that is seen lacks ports; %d could not be seen.", blind)
	}
	return s
}

// pods is the seeds' second step: who takes the ports.
func pods(pic *session.Snapshot) []step.Step {
	var out []step.Step
	for _, n := range short(pic) {
		told := 0
		for _, o := range n.Owners {
			share := share(o.Ports.Max, n.Ports.Max)
			if told == mostSubjects || told > 0 && share < 10 || o.Ports.Max == 0 {
				break
			}
			told++
			out = append(out, step.Step{
				Subject: "pod/" + o.Title(), Verdict: step.Problem,
				Summary: fmt.Sprintf("On %s it has %d of the %d connections that take a port (%d %%): %d open, %d trying, %d cooling.",
					n.Name, o.Ports.Max, n.Ports.Max, share, o.Open, o.Trying, o.Cooling),
				Evidence: podEvidence(pic, n, o),
			})
		}
		if told == 0 {
			out = append(out, step.Step{Subject: "node/" + n.Name, Verdict: step.Unknown, Summary: "Whose connections they are could not be seen."})
		}
	}
	if len(out) == 0 {
		return []step.Step{noShortage(pic)}
	}
	return out
}

func podEvidence(pic *session.Snapshot, n *session.Node, o *session.Owner) []step.Evidence {
	list := []step.Evidence{{
		Command: "python3 /usr/share/bcc/tools/tcptracer -t4v > log; awk '{print $6,$10}' log | sort | uniq -c | sort -nrk 1",
		Output:  "most connections: " + o.Title() + ", by " + cmp.Or(n.Collector, "an unknown collector"),
	}}
	if o.Name != "" && o.Namespace != "" {
		list = append(list, step.Evidence{
			Command: runbook.Kubectl(pic) + " exec -n " + runbook.Quote(o.Namespace) + " " + runbook.Quote(o.Name) + " -- netstat -ptn | grep -i established",
			Output:  fmt.Sprintf("%d of them to public addresses", o.EstablishedPublic),
		})
	}
	return list
}

// share is a part of a whole in percent.
func share(part, whole int) int {
	if whole <= 0 {
		return 0
	}
	return 100 * part / whole
}

// connections is the seeds' third step: where they lead.
func connections(pic *session.Snapshot) []step.Step {
	var out []step.Step
	for _, n := range short(pic) {
		full := n.Full
		if len(full) == 0 {
			full = fullest(n)
		}
		for _, d := range full[:min(len(full), mostSubjects)] {
			out = append(out, destination(n, d))
		}
	}
	if len(out) == 0 {
		return []step.Step{noShortage(pic)}
	}
	return out
}

// fullest is the destination with the most flows of a node that is not full.
func fullest(n *session.Node) []snat.Dest {
	best, most := snat.Dest{}, 0
	for dest, c := range sums(n) {
		if total := c.open + c.trying + c.cooling; total > most || total == most && dest.String() < best.String() {
			best, most = dest, total
		}
	}
	if most == 0 {
		return nil
	}
	return []snat.Dest{best}
}

// flows are those to one destination, over all owners.
type flows struct {
	open, trying, cooling int
	owner                 string
	most                  int
}

func sums(n *session.Node) map[snat.Dest]flows {
	out := map[snat.Dest]flows{}
	for _, o := range n.Owners {
		for _, d := range o.Dests() {
			if !d.Eligible {
				continue
			}
			f := out[d.Dest]
			f.open, f.trying, f.cooling = f.open+d.Open(), f.trying+d.SynSent, f.cooling+d.Cooling
			if own := d.Open() + d.SynSent + d.Cooling; own > f.most {
				f.owner, f.most = o.Title(), own
			}
			out[d.Dest] = f
		}
	}
	return out
}

func destination(n *session.Node, d snat.Dest) step.Step {
	f := sums(n)[d]
	s := step.Step{
		Subject: fmt.Sprintf("node/%s destination/%s/%s", n.Name, netip.AddrPortFrom(d.IP, d.Port), d.Protocol), Verdict: step.Problem,
		Summary: fmt.Sprintf("%d open, %d trying, %d cooling towards it from %s.", f.open, f.trying, f.cooling, n.Name),
	}
	if f.owner != "" {
		s.Summary = strings.TrimSuffix(s.Summary, ".") + fmt.Sprintf(", %d of them %s's.", f.most, f.owner)
	}
	s.Evidence = []step.Evidence{{
		Command: fmt.Sprintf("netstat -ptn | grep -i established | grep -cwF %s", runbook.Quote(netip.AddrPortFrom(d.IP, d.Port).String())),
		Output:  fmt.Sprint(f.open),
	}}
	return s
}

// causes is why: every cause that was found on a node that lacks ports.
func causes(pic *session.Snapshot) []step.Step {
	var out []step.Step
	for _, n := range short(pic) {
		d := runbook.Diagnose(pic, n)
		found := d.In(runbook.Found)
		for i := range found[:min(len(found), mostSubjects)] {
			out = append(out, cause(n, &found[i]))
		}
		if len(found) == 0 {
			out = append(out, step.Step{
				Subject: "node/" + n.Name, Verdict: step.Unknown,
				Summary: "None of the known causes shows yet: watch it for some minutes, or take a baseline and compare.",
			})
		}
	}
	if len(out) == 0 {
		return []step.Step{noShortage(pic)}
	}
	return out
}

func cause(n *session.Node, a *runbook.Answer) step.Step {
	s := step.Step{
		Subject: "node/" + n.Name + " " + string(a.Cause), Verdict: step.Problem, Remedies: a.Remedies,
		Summary: a.Cause.Title() + ", confidence " + a.Confidence.String() + ": " + a.Summary,
	}
	for _, e := range a.Evidence {
		output := e.Output
		if e.Text != "" && e.Text != output {
			output = strings.TrimPrefix(output+"\n# "+e.Text, "\n")
		}
		s.Evidence = append(s.Evidence, step.Evidence{Command: e.Command, Output: output})
	}
	return s
}

// proof needs two pictures, and a check has one.
func proof(*session.Snapshot) []step.Step {
	return []step.Step{{
		Subject: "cluster", Verdict: step.NotApplicable,
		Summary: "One look proves no change: keep a report from before, and compare after the fix.",
		Evidence: []step.Evidence{
			{Command: "snattop report -o json > before.json"},
			{Command: "snattop report -o json > after.json && snattop compare before.json after.json"},
		},
	}}
}

package connectivity

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/probe/facts"
)

// How old, in seconds, a process has to be before nobody knowing it means
// anything. Where the runtime itself was asked, its record is there before the
// process is; where it was not, the API server hears of a container only after
// it runs, and a plugin of the CNI may be at work in a pod's network meanwhile.
const (
	staleKnown   = 10
	staleUnclear = 60
)

// judgeStale answers whether processes of pods run here that neither the runtime
// nor the API server knows.
func judgeStale(ctx context.Context, v *view, found func(step.Step)) {
	if v.podsErr != nil {
		found(v.step(step.Unknown, v.podsErr.Error()))
		return
	}
	rows := v.s.Containers
	suspects := stale(rows, v.pods)
	if len(suspects) > 0 {
		// The list of pods may be from before: who is new by now is not stale.
		fresh, err := listPods(ctx, v.look, v.node.Name, false)
		if err != nil {
			found(v.step(step.Unknown, err.Error()))
			return
		}
		v.pods = fresh
		suspects = stale(rows, fresh)
	}
	byPod := map[string][]facts.Container{}
	var order []string
	for _, c := range suspects {
		subject := v.subject()
		if p := byCgroup(v.pods, c.PodUID); p != nil {
			subject = p.subject()
		}
		if byPod[subject] == nil {
			order = append(order, subject)
		}
		byPod[subject] = append(byPod[subject], c)
	}
	whole := true
	for _, subject := range order {
		s := v.leftOver(byPod[subject])
		s.Subject = subject
		whole = whole && subject != v.subject()
		found(s)
	}
	if !whole {
		return
	}
	s := v.step(step.OK, fmt.Sprintf("%s of pods run here, and the runtime or the API server knows them", count(len(rows), "container")))
	switch {
	case len(rows) == 0:
		s.Summary = "no container of a pod runs here"
	case len(suspects) > 0:
		s.Summary = fmt.Sprintf("%d of %d containers are known", len(rows)-len(suspects), len(rows))
	case unclear(rows):
		s.Summary += "; the runtime's own records were not found, so that the API server's word alone counts"
	}
	s.Evidence = []step.Evidence{ps(rows)}
	found(s)
}

// unclear reports whether the runtime could not be asked.
func unclear(rows []facts.Container) bool {
	for i := range rows {
		if rows[i].Runtime == facts.RuntimeUnclear {
			return true
		}
	}
	return false
}

// stale are the rows that nobody knows.
func stale(rows []facts.Container, pods []pod) []facts.Container {
	var out []facts.Container
	for _, c := range rows {
		if !known(&c, byCgroup(pods, c.PodUID)) {
			out = append(out, c)
		}
	}
	return out
}

// known reports whether somebody answers for a container's processes, or may
// yet. p is nil when the API server knows no such pod.
func known(c *facts.Container, p *pod) bool {
	switch {
	case c.Stray:
		return c.Seconds < staleUnclear || helper(c.Command)
	case c.ID == "":
		// In the pod's own group: a runtime's helper, or on its way further down.
		return p != nil || c.Seconds < staleUnclear || helper(c.Command)
	case c.Runtime == facts.RuntimeKnows:
		return true
	case c.Runtime == facts.RuntimeUnknown && c.Seconds < staleKnown, c.Runtime != facts.RuntimeUnknown && c.Seconds < staleUnclear:
		return true
	case p == nil:
		return false
	}
	for _, k := range p.Containers {
		if k.ID == c.ID && k.Running {
			return true
		}
		if c.Runtime != facts.RuntimeUnknown && (k.ID == c.ID || k.EndedID == c.ID) {
			return true // it may be ending; only the runtime could say
		}
	}
	// The API server never lists a pod's sandbox.
	return c.Runtime != facts.RuntimeUnknown && path.Base(first(c.Command)) == "pause"
}

func first(command string) string {
	word, _, _ := strings.Cut(command, " ")
	return word
}

// helper reports whether a process is the runtime's own, or the CNI's at work.
func helper(command string) bool {
	name := path.Base(first(command))
	return strings.Contains(name, "shim") || name == "conmon" || name == "crun" || name == "runc"
}

// leftOver is the answer on what nobody knows.
func (v *view) leftOver(rows []facts.Container) step.Step {
	c := &rows[0]
	s := step.Step{Verdict: step.Problem, Evidence: []step.Evidence{ps(rows), crictl(rows)}}
	what := fmt.Sprintf("process %d (%s), %s old", c.PID, c.Command, ago(c.Seconds))
	switch {
	case c.Stray:
		s.Summary = what + ", lives in the pod's network and belongs to no pod"
	case byCgroup(v.pods, c.PodUID) == nil:
		s.Summary = fmt.Sprintf("%s, runs in container %s of pod %s, which neither the runtime nor the API server knows", what, shortID(c.ID), c.PodUID)
	default:
		s.Summary = fmt.Sprintf("%s, runs in container %s of the pod, which neither the runtime nor the API server knows", what, shortID(c.ID))
	}
	if len(rows) > 1 {
		s.Summary += fmt.Sprintf("; %d more like it", len(rows)-1)
	}
	s.Remedies = []runbook.Remedy{
		{Text: "End the process. In the long run, find out why it outlived its container: a runtime that crashed, memory that ran out, PIDs that ran out.", Command: fmt.Sprintf("sudo kill %d", c.PID),
			Warning: "On the node, as root. Look at the process first: it ends, and with it what it was doing."},
		{Text: "See whether the runtime or the kubelet crashed.", Command: "journalctl -u containerd -u kubelet --since -1h", Warning: "On the node; the unit has another name with another runtime."},
	}
	return s
}

// ps writes the processes as ps(1) lists them with their control groups.
func ps(rows []facts.Container) step.Evidence {
	lines := make([]string, 0, len(rows))
	for i := range rows {
		c := &rows[i]
		where := "pod" + c.PodUID + "/" + shortID(c.ID)
		if c.Stray {
			where = "(network of pod" + c.PodUID + " only)"
		}
		lines = append(lines, fmt.Sprintf("%7d %6s %-24s %s", c.PID, ago(c.Seconds), begin(c.Command), where))
	}
	return step.Evidence{Command: "ps -eo pid,etime,args,cgroup | grep pod", Output: most(lines)}
}

// crictl writes what the runtime lists of these: nothing.
func crictl(rows []facts.Container) step.Evidence {
	var lines []string
	for i := range rows {
		if c := &rows[i]; c.ID != "" {
			lines = append(lines, fmt.Sprintf("%s: %s", shortID(c.ID), c.Runtime))
		}
	}
	if len(lines) == 0 {
		lines = append(lines, "(none of them)")
	}
	return step.Evidence{Command: "crictl ps -a   # by the runtime's records in its state folder", Output: most(lines)}
}

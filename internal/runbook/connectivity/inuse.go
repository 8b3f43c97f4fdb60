package connectivity

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/probe/facts"
)

// judgeInUse answers whether a container fails because its port is taken, and
// who has it.
func judgeInUse(_ context.Context, v *view, found func(step.Step)) {
	if v.podsErr != nil {
		found(v.step(step.Unknown, v.podsErr.Error()))
		return
	}
	failing := 0
	for i := range v.pods {
		p := &v.pods[i]
		for _, c := range p.failing(v.look.Now()) {
			failing++
			if line := v.complaint(p, &c); line != "" {
				found(v.taken(p, &c, line))
				break
			}
		}
	}
	s := v.step(step.OK, "no container of this node fails")
	if failing > 0 {
		s.Summary = fmt.Sprintf("%s of this node failed lately; what is not named here did not say that a port was taken", count(failing, "container"))
	}
	s.Evidence = []step.Evidence{{
		Command: "kubectl get pods -A --field-selector spec.nodeName=" + v.node.Name,
		Output:  fmt.Sprintf("%d pods; containers that failed in the last %.0f minutes: %d", len(v.pods), recently.Minutes(), failing),
	}}
	found(s)
}

// complaint is what a container said of a port that was taken: in its
// termination message, or else in its log on the node. Empty when it did not.
func (v *view) complaint(p *pod, c *container) string {
	for line := range strings.Lines(c.Message) {
		if facts.InUse(line) {
			return strings.TrimSpace(line)
		}
	}
	for i := range v.s.Complaints {
		if said := &v.s.Complaints[i]; (said.PodUID == p.UID || said.PodUID == p.cgroup()) && said.Container == c.Name {
			return said.Line
		}
	}
	return ""
}

// portAfterColon finds the ports of a complaint: "listen tcp :8080: bind: …",
// "bind() to 0.0.0.0:80 failed", "*:60250: bind: …", ":::3000".
var portAfterColon = regexp.MustCompile(`:(\d{1,5})(?:\D|$)`)

// portsOf lists the ports that a complaint names, each once.
func portsOf(line string) []uint16 {
	var out []uint16
	for _, m := range portAfterColon.FindAllStringSubmatch(line, 16) {
		if n, err := strconv.ParseUint(m[1], 10, 16); err == nil && n > 0 && !slices.Contains(out, uint16(n)) {
			out = append(out, uint16(n))
		}
	}
	return out
}

// taken is the answer on a container that did not get its port.
func (v *view) taken(p *pod, c *container, line string) step.Step {
	ports := portsOf(line)
	var all, held []facts.Holder
	for _, h := range v.s.Holders {
		if h.PodUID != p.UID && h.PodUID != p.cgroup() {
			continue
		}
		all = append(all, h)
		if slices.Contains(ports, h.Port) {
			held = append(held, h)
		}
	}
	s := step.Step{Subject: p.subject(), Verdict: step.Problem, Evidence: []step.Evidence{
		{Command: fmt.Sprintf("kubectl logs -n %s %s -c %s --previous", p.Namespace, p.Name, c.Name), Output: line},
		listeners(all),
	}}
	if len(ports) == 0 && len(all) == 1 {
		held = all // it does not say which, and there is only one
	}
	switch {
	case len(held) > 0:
		h := &held[0]
		s.Summary = fmt.Sprintf("container %s does not get port %d, which is held by %s", c.Name, h.Port, v.holder(p, h))
		if h.PID > 0 {
			s.Evidence = append(s.Evidence, step.Evidence{Command: fmt.Sprintf("cat /proc/%d/cgroup", h.PID), Output: membership(h)})
			s.Remedies = append(s.Remedies, runbook.Remedy{
				Text: fmt.Sprintf("End the process that holds port %d; in the long run, find out why it outlived its container: a runtime that crashed, memory that ran out, PIDs that ran out.", h.Port), Command: fmt.Sprintf("sudo kill %d", h.PID),
				Warning: "On the node, as root. See first that it is none of a container that runs: the process ends, and with it what it was doing.",
			})
		}
	case len(ports) > 0:
		s.Summary = fmt.Sprintf("container %s did not get port %d, and nobody holds it now", c.Name, ports[len(ports)-1])
	default:
		s.Summary = fmt.Sprintf("container %s did not get its port, and does not say which; ports that are held in the pod's network: %d", c.Name, len(all))
	}
	s.Remedies = append(s.Remedies, runbook.Remedy{
		Text: "Have the pod made anew, with a network of its own in which no port is taken.", Command: "kubectl delete pod -n " + p.Namespace + " " + p.Name,
		Warning: "It ends the pod; only what a controller made comes back. On the node's own network the port stays taken.",
	})
	return s
}

// holder says in words who has a port.
func (v *view) holder(p *pod, h *facts.Holder) string {
	if h.PID == 0 {
		return "a process that could not be found"
	}
	who := fmt.Sprintf("process %d (%s), %s old,", h.PID, h.Command, ago(h.Seconds))
	owner := byCgroup(v.pods, h.OwnerUID)
	switch {
	case h.Container == "" && h.Unit != "":
		return who + " of " + h.Unit
	case h.Container == "":
		return who + " of no container"
	case owner == nil:
		return fmt.Sprintf("%s of container %s in a pod that the API server does not know", who, shortID(h.Container))
	}
	where := ""
	if owner.UID != p.UID {
		where = " in " + owner.subject()
	}
	for _, c := range owner.Containers {
		switch {
		case c.ID == h.Container && c.Running:
			return fmt.Sprintf("%s of container %s%s, which runs", who, c.Name, where)
		case c.ID == h.Container || c.EndedID == h.Container:
			return fmt.Sprintf("%s of container %s%s (%s), which has ended", who, c.Name, where, shortID(h.Container))
		}
	}
	return fmt.Sprintf("%s of container %s%s, which the API server does not know", who, shortID(h.Container), where)
}

func membership(h *facts.Holder) string {
	switch {
	case h.Container != "":
		return "pod" + h.OwnerUID + "/" + h.Container
	case h.OwnerUID != "":
		return "pod" + h.OwnerUID
	default:
		return either(h.Unit, "/")
	}
}

// listeners writes what ss(8) prints in the pod's network.
func listeners(all []facts.Holder) step.Evidence {
	lines := make([]string, 0, len(all))
	for _, h := range all {
		state, who := "LISTEN", ""
		if h.Network == "udp" {
			state = "UNCONN"
		}
		if h.PID > 0 {
			who = fmt.Sprintf("users:((%q,pid=%d))", h.Command, h.PID)
		}
		address := h.Address
		if strings.Contains(address, ":") {
			address = "[" + address + "]"
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s:%d %s", h.Network, state, address, h.Port, who)))
	}
	if len(lines) == 0 {
		lines = append(lines, "(nobody listens)")
	}
	return step.Evidence{Command: "nsenter -t PID -n ss -ltunp   # PID: any process of the pod", Output: most(lines)}
}

package connectivity

import (
	"context"
	"fmt"
	"strings"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/probe/facts"
)

// judgeBridge answers whether the bridge that the pods hang on is there and up.
func judgeBridge(_ context.Context, v *view, found func(step.Step)) {
	n := v.s.Network
	if n == nil {
		found(v.step(step.Unknown, "the node told nothing of its network"))
		return
	}
	evidence := []step.Evidence{configuration(&n.CNI)}
	for i := range n.Bridges {
		evidence = append(evidence, linkShow(&n.Bridges[i]))
	}
	s := v.step(step.OK, "")
	for i := range n.Bridges {
		b := &n.Bridges[i]
		if !b.Up {
			s = v.step(step.Problem, fmt.Sprintf("the bridge %s is down: %s on it have no network", b.Wire.Name, count(b.Ports, "interface")))
			s.Remedies = []runbook.Remedy{{Text: "Raise the bridge.", Command: "sudo ip link set " + b.Wire.Name + " up", Warning: supported + " Find out what set it down: it may do so again."}}
			s.Evidence = evidence
			found(s)
			return
		}
	}
	missing := n.CNI.Bridge != "" && bridgeNamed(n, n.CNI.Bridge) == nil
	pods := v.withNetwork()
	switch {
	case missing && v.podsErr == nil && pods > 0:
		s = v.step(step.Problem, fmt.Sprintf("the bridge %s that the CNI configuration names is not there, and %s of this node need it", n.CNI.Bridge, count(pods, "pod")))
		s.Remedies = []runbook.Remedy{{
			Text:    "Let the CNI make it again: it does so when a pod starts. Delete a pod of this node that a controller replaces, then the others.",
			Command: "kubectl get pods -A --field-selector spec.nodeName=" + v.node.Name, Warning: "Pods that are wired to a bridge that is gone stay without network until they are made anew.",
		}}
	case missing && v.podsErr != nil:
		s = v.step(step.Unknown, fmt.Sprintf("there is no bridge %s, and whether a pod needs it is not known: %s", n.CNI.Bridge, v.podsErr))
	case missing:
		s = v.step(step.OK, fmt.Sprintf("no pod with a network of its own runs here: the CNI makes the bridge %s with the first one", n.CNI.Bridge))
	case len(n.Bridges) > 0:
		b := &n.Bridges[0]
		s.Summary = fmt.Sprintf("the bridge %s is up, with %s", b.Wire.Name, count(b.Ports, "interface"))
		if b.PortsDown > 0 {
			s.Summary += fmt.Sprintf(", %d of them set down", b.PortsDown)
		}
	case n.CNI.File == "":
		s = v.step(step.NotApplicable, "no bridge of a CNI is here; "+n.CNI.Error)
	default:
		s = v.step(step.NotApplicable, fmt.Sprintf("the CNI (%s) wires pods without a bridge", strings.Join(n.CNI.Types, ", ")))
	}
	s.Evidence = evidence
	found(s)
}

func bridgeNamed(n *facts.Network, name string) *facts.Bridge {
	for i := range n.Bridges {
		if n.Bridges[i].Wire.Name == name {
			return &n.Bridges[i]
		}
	}
	return nil
}

// withNetwork counts the node's running pods that have a network of their own.
func (v *view) withNetwork() int {
	n := 0
	for i := range v.pods {
		if v.pods[i].Running && !v.pods[i].HostNetwork {
			n++
		}
	}
	return n
}

func configuration(c *facts.CNI) step.Evidence {
	e := step.Evidence{Command: "ls /etc/cni/net.d", Output: c.Error}
	if c.File != "" {
		e.Output = c.File
		e.Command = "grep '\"type\"' /etc/cni/net.d/" + c.File
		lines := make([]string, 0, len(c.Types)+1)
		for _, t := range c.Types {
			lines = append(lines, fmt.Sprintf("%q: %q", "type", t))
		}
		if c.Bridge != "" {
			lines = append(lines, fmt.Sprintf("%q: %q", "bridge", c.Bridge))
		}
		e.Output = strings.Join(lines, "\n")
	}
	return e
}

// linkShow writes a bridge as ip(8) does, without what was not read.
func linkShow(b *facts.Bridge) step.Evidence {
	flags := "BROADCAST,MULTICAST"
	if b.Up {
		flags += ",UP"
	}
	return step.Evidence{
		Command: "ip address show " + b.Wire.Name,
		Output:  fmt.Sprintf("%s: <%s> mtu %d state %s\n    link/ether %s", b.Wire.Name, flags, b.Wire.MTU, b.State, b.Address),
	}
}

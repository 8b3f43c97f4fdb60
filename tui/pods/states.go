package pods

import (
	"strings"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/session"
)

// states are what state: may mean of a pod: its cause, its phase, and what its
// connections do.
func states() []string {
	return []string{
		"none", string(runbook.NoPooling), string(runbook.Leak), string(runbook.HotDestination),
		"open", "trying", "cooling", "private", "host-network",
		"running", "pending", "succeeded", "failed", "unlisted",
	}
}

func (p *Page) stateOf(o *session.Owner) []string {
	out := make([]string, 0, 8)
	d, _ := p.diagnosis()
	if c, _, known := d.CauseOf(o); c != "" {
		out = append(out, string(c))
	} else if known {
		out = append(out, "none")
	}
	add := func(is bool, word string) {
		if is {
			out = append(out, word)
		}
	}
	add(o.Open > 0, "open")
	add(o.Trying > 0, "trying")
	add(o.Cooling > 0, "cooling")
	add(o.Ports.Max == 0 && o.UDPFlows == 0, "private")
	add(o.HostNetwork, "host-network")
	add(o.Name != "" && !o.Known, "unlisted")
	add(o.Phase != "", strings.ToLower(o.Phase))
	return out
}

package runbook

import (
	"math"

	"github.com/snattop/snattop/internal/snat"
)

// headroom is how much more than what is needed now is asked for. It is
// snattop's own.
const headroom = 1.25

// need is the number of ports that the fullest destination would take if none
// of its connections had to wait.
func (s *scene) need() int {
	want := s.n.Ports.Estimate
	for _, t := range s.targets {
		if t.eligible {
			want = max(want, t.ports()+t.waiting)
		}
	}
	return want
}

// againstCut makes the allocation independent of the number of nodes.
func (s *scene) againstCut() []Remedy {
	need := s.need()
	ports := s.wanted(need)
	if c := s.n.BudgetWas; c != nil && c.From.Ports > need {
		// What was there before, exactly: headroom would be another change.
		ports = c.From.Ports
	}
	list := s.morePorts(need, ports)
	if len(list) == 0 {
		list = append(list, Remedy{Text: "Allocate ports to each node by hand: then adding nodes takes none away."})
	} else {
		list[0].Text += " Allocated by hand, they stay when nodes are added."
	}
	return append(list, Remedy{Text: "Before the next scale-out, work out what fits.", Command: s.calculator(ports)})
}

// more is how the node gets more ports: commands with their numbers worked
// out, or a sentence where it is not known for whom to write them.
func (s *scene) more(need int) []Remedy { return s.morePorts(need, s.wanted(need)) }

// morePorts is the same for a number of ports per node.
func (s *scene) morePorts(need, ports int) []Remedy {
	if !s.short() && s.n.FullIn == nil {
		return nil
	}
	provider := s.pic.Cluster.Provider
	if s.n.Budget.Shared {
		return s.moreAddresses()
	}
	in := snat.PlanInput{Provider: provider, IPs: s.ips(), Ports: ports}
	in.Nodes, _ = s.pool()
	in.Nodes = max(in.Nodes, 1)
	surge := false
	if c := s.pic.Cloud; c != nil && c.Profile != nil {
		in.Surge = max(c.Profile.Surge, 0)
		surge = c.Profile.Surge > 0
	}
	p, err := snat.PlanOf(in)
	if err != nil {
		return []Remedy{{Text: sentence("Give the node more ports: it needs about %s.", num(need))}}
	}
	var list []Remedy
	for _, c := range p.Commands(s.commandTarget()) {
		r := remedyOf(c)
		r.Text += arithmetic(p, need)
		list = append(list, r)
	}
	if len(list) > 0 && !surge {
		list[0].Warning = joinSentences(list[0].Warning, "Nodes that an upgrade adds for a while need ports too: their number is not known here.")
	}
	if len(list) > 0 && s.pic.Cloud == nil {
		list[0].Warning = joinSentences(list[0].Warning, "One outbound address is assumed.")
	}
	if s.shared() {
		list = append(list, Remedy{Text: "Another cluster uses the same addresses: count its nodes as well."})
	}
	if len(list) == 0 && provider == snat.ProviderGCPNAT {
		list = s.moreOfGoogle(in.Ports)
	}
	if len(list) == 0 {
		list = append(list, Remedy{Text: sentence("Give the node more ports: it needs about %s.", num(need)), Command: s.calculator(ports)})
	}
	return list
}

// moreAddresses is how a pool of ports that all nodes share becomes larger: by
// an address more.
func (s *scene) moreAddresses() []Remedy {
	var c snat.Command
	var err error
	switch s.pic.Cluster.Provider {
	case snat.ProviderAzureNATGW:
		c, err = snat.CommandNATGatewayIPs(s.commandTarget(), s.ips()+1)
	case snat.ProviderAWSNATGW:
		c, err = snat.CommandAWSAddresses(s.commandTarget(), 1)
	default:
		return []Remedy{{Text: "Give the gateway another address: its ports are shared by all nodes."}}
	}
	if err != nil {
		return []Remedy{{Text: "The gateway takes no more addresses: spread the nodes over several gateways."}}
	}
	return []Remedy{remedyOf(c)}
}

// moreOfGoogle sets ports where the size of an address is not known, so that
// nobody can say whether they fit.
func (s *scene) moreOfGoogle(ports int) []Remedy {
	var list []Remedy
	for _, command := range []func() (snat.Command, error){
		func() (snat.Command, error) { return snat.CommandCloudNATPorts(s.commandTarget(), ports) },
		func() (snat.Command, error) {
			return snat.CommandCloudNATDynamic(s.commandTarget(), snat.GCPNATDynamicPorts, ports)
		},
	} {
		if c, err := command(); err == nil {
			r := remedyOf(c)
			r.Warning = joinSentences(r.Warning, "Whether the addresses have so many for every node was not worked out.")
			list = append(list, r)
		}
	}
	return list
}

// arithmetic shows why an allocation fits.
func arithmetic(p snat.Plan, need int) string {
	if p.Input.Provider != snat.ProviderAzureLB || p.Fits == nil || !*p.Fits || p.Needed == nil || p.Available == nil {
		return ""
	}
	return sentence(" It needs about %s; %s × %s = %s ≤ %s.", num(need), num(p.Machines), num(p.Input.Ports), num(*p.Needed), num(*p.Available))
}

// wanted is a number of ports per node that the provider takes: more than there
// are now.
func (s *scene) wanted(need int) int {
	want := int(math.Ceil(headroom * float64(min(max(need, 1), 1<<20))))
	if !s.n.Budget.Shared {
		want = max(want, s.budget+1)
	}
	if s.pic.Cluster.Provider == snat.ProviderAzureLB {
		// Powers of two are how the documented tiers go, and multiples of 8.
		up := snat.AzureLBStep
		for up < want {
			up *= 2
		}
		return min(up, snat.AzureLBMaxPorts)
	}
	return want
}

func (s *scene) shared() bool {
	c := s.pic.Cloud
	return c != nil && c.Profile != nil && c.Profile.Shared
}

// commandTarget is what commands name: what the cloud told, else nothing, so
// that placeholders stand there.
func (s *scene) commandTarget() snat.CommandTarget {
	var t snat.CommandTarget
	if c := s.pic.Cloud; c != nil && c.Profile != nil {
		t.Group, t.Name, t.Gateway = c.Profile.Group, c.Profile.Name, c.Profile.Gateway
		switch s.pic.Cluster.Provider {
		case snat.ProviderAWSNATGW:
			t.Region = c.Profile.Group
		case snat.ProviderGCPNAT:
			t.Project = c.Profile.Group
		default:
		}
	}
	return t
}

// calculator is the offline plan of the same question.
func (s *scene) calculator(ports int) string {
	provider := s.pic.Cluster.Provider
	nodes, _ := s.pool()
	switch provider {
	case snat.ProviderAzureLB, snat.ProviderAzureNATGW, snat.ProviderGCPNAT, snat.ProviderAWSNATGW:
	default:
		return ""
	}
	return sentence("snattop budget --provider %s --nodes %d --ips %d --snat-ports %d", provider, max(nodes, 1), s.ips(), ports)
}

func remedyOf(c snat.Command) Remedy {
	return Remedy{Text: c.Text, Command: c.Line, Warning: c.Warning}
}

func joinSentences(a, b string) string {
	if a == "" {
		return b
	}
	return a + " " + b
}

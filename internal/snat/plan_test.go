package snat_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/snattop/snattop/internal/snat"
)

// is reports whether a number that may be nil is the wanted one; -1 is nil.
func is(got *int, want int) bool {
	if got == nil {
		return want == -1
	}
	return *got == want
}

func show(n *int) any {
	if n == nil {
		return "nil"
	}
	return *n
}

// Sources of the figures: see budgetlimits.go. The first is the example of the
// rule ports × (nodes + surge) ≤ addresses × 64,000.
func TestPlanOf(t *testing.T) {
	t.Parallel()
	const lb, nat, gcp, aws = snat.ProviderAzureLB, snat.ProviderAzureNATGW, snat.ProviderGCPNAT, snat.ProviderAWSNATGW
	const yes, no, cannotTell = "yes", "no", "cannot tell"
	for name, c := range map[string]struct {
		in                                        snat.PlanInput
		fits                                      string
		wanted, largest, fewest, nodes            int
		ports, surged, nextNodes, nextPorts, each int
	}{
		"by hand":                  {snat.PlanInput{Provider: lb, Nodes: 24, Surge: 3, IPs: 1, Ports: 2048}, yes, 2048, 2368, 1, 28, 1024, 1024, 51, 512, 64_000},
		"by hand, to the last":     {snat.PlanInput{Provider: lb, Nodes: 1000, IPs: 1, Ports: 64}, yes, 64, 64, 1, 1000, 32, 32, -1, -1, 64_000},
		"by hand, one too many":    {snat.PlanInput{Provider: lb, Nodes: 1000, Surge: 1, IPs: 1, Ports: 64}, no, 64, 56, 2, 999, 32, -1, -1, -1, 64_000},
		"more addresses":           {snat.PlanInput{Provider: lb, Nodes: 24, Surge: 3, IPs: 1, Ports: 4096}, no, 4096, 2368, 2, 12, 1024, 1024, 51, 512, 64_000},
		"all ports for one node":   {snat.PlanInput{Provider: lb, Nodes: 1, IPs: 3, Ports: 64_000}, yes, 64_000, 64_000, 1, 3, 1024, 1024, 101, 768, 64_000},
		"not even eight":           {snat.PlanInput{Provider: lb, Nodes: 9000, IPs: 1, Ports: 8}, no, 8, 0, 2, 8000, -1, -1, -1, -1, 64_000},
		"surge alone is too much":  {snat.PlanInput{Provider: lb, Nodes: 1, Surge: 40, IPs: 1, Ports: 3200}, no, 3200, 1560, 3, 0, 1024, 1024, 51, 512, 64_000},
		"inbound rules":            {snat.PlanInput{Provider: lb, Nodes: 1000, IPs: 1, Ports: 64, PortsPerIP: 63_992}, no, 64, 56, 2, 999, 32, 32, -1, -1, 63_992},
		"default":                  {snat.PlanInput{Provider: lb, Nodes: 24, Surge: 3, IPs: 1}, yes, 1024, 2368, 1, 47, 1024, 1024, 51, 512, 64_000},
		"default, surge crosses":   {snat.PlanInput{Provider: lb, Nodes: 48, Surge: 5, IPs: 1}, yes, 512, 1200, 1, 95, 1024, 512, 101, 256, 64_000},
		"default, two addresses":   {snat.PlanInput{Provider: lb, Nodes: 60, IPs: 2}, yes, 1024, 2128, 2, 100, 1024, 1024, 101, 512, 64_000},
		"default, too many":        {snat.PlanInput{Provider: lb, Nodes: 20, IPs: 4}, yes, 1024, 12_800, 1, 200, 1024, 1024, 201, 512, 64_000},
		"default, last tier":       {snat.PlanInput{Provider: lb, Nodes: 900, IPs: 1}, yes, 32, 64, 1, 1000, 32, 32, -1, -1, 64_000},
		"default, surge beyond":    {snat.PlanInput{Provider: lb, Nodes: 999, Surge: 2, IPs: 1}, cannotTell, -1, 56, -1, -1, 32, -1, -1, -1, 64_000},
		"default, beyond the end":  {snat.PlanInput{Provider: lb, Nodes: 1001, IPs: 1}, cannotTell, -1, 56, -1, -1, -1, -1, -1, -1, 64_000},
		"gateway":                  {snat.PlanInput{Provider: nat, Nodes: 24, IPs: 1, Ports: 2688}, yes, 2688, 2688, 1, 24, -1, -1, -1, -1, 64_512},
		"gateway, too small":       {snat.PlanInput{Provider: nat, Nodes: 24, IPs: 1, Ports: 2689}, no, 2689, 2688, 2, 23, -1, -1, -1, -1, 64_512},
		"gateway, share":           {snat.PlanInput{Provider: nat, Nodes: 200, Surge: 20, IPs: 16}, yes, -1, 4691, -1, -1, -1, -1, -1, -1, 64_512},
		"gateway, no share":        {snat.PlanInput{Provider: nat, Nodes: 70_000, IPs: 1}, no, -1, 0, -1, -1, -1, -1, -1, -1, 64_512},
		"gateway, beyond any":      {snat.PlanInput{Provider: nat, Nodes: 100, IPs: 16, Ports: 64_000}, no, 64_000, 10_321, 100, 16, -1, -1, -1, -1, 64_512},
		"google, figure not known": {snat.PlanInput{Provider: gcp, Nodes: 24, IPs: 1}, cannotTell, 64, -1, -1, -1, 64, 64, -1, -1, -1},
		"google":                   {snat.PlanInput{Provider: gcp, Nodes: 24, IPs: 1, PortsPerIP: 1000}, no, 64, 41, 2, 15, 64, 64, -1, -1, 1000},
		"google, enough":           {snat.PlanInput{Provider: gcp, Nodes: 24, IPs: 1, Ports: 41, PortsPerIP: 1000}, yes, 41, 41, 1, 24, 64, 64, -1, -1, 1000},
		"aws":                      {snat.PlanInput{Provider: aws, Nodes: 24, Surge: 1, IPs: 1, Ports: 2200}, yes, 2200, 2200, 1, 24, -1, -1, -1, -1, 55_000},
		"aws, too small":           {snat.PlanInput{Provider: aws, Nodes: 24, Surge: 1, IPs: 1, Ports: 2201}, no, 2201, 2200, 2, 23, -1, -1, -1, -1, 55_000},
		"aws, share of eight":      {snat.PlanInput{Provider: aws, Nodes: 10, IPs: 8}, yes, -1, 44_000, -1, -1, -1, -1, -1, -1, 55_000},
	} {
		p, err := snat.PlanOf(c.in)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		fits := map[bool]string{true: yes, false: no}
		answer := cannotTell
		if p.Fits != nil {
			answer = fits[*p.Fits]
		}
		if answer != c.fits || p.Machines != c.in.Nodes+c.in.Surge || p.Shared != (c.in.Provider == nat || c.in.Provider == aws) {
			t.Errorf("%s: fits: %s, want %s: %+v", name, answer, c.fits, p)
		}
		d := p.Default
		if d == nil {
			d = &snat.DefaultAllocation{}
		}
		for what, n := range map[string]struct {
			got  *int
			want int
		}{
			"wanted": {p.Wanted, c.wanted}, "largest": {p.Largest, c.largest}, "fewest addresses": {p.FewestIPs, c.fewest},
			"most nodes": {p.MostNodes, c.nodes}, "default": {d.Ports, c.ports}, "default with surge": {d.WithSurge, c.surged},
			"next tier": {d.NextNodes, c.nextNodes}, "ports of the next tier": {d.NextPorts, c.nextPorts}, "ports per address": {p.PortsPerIP, c.each},
		} {
			if !is(n.got, n.want) {
				t.Errorf("%s: %s is %v, want %d", name, what, show(n.got), n.want)
			}
		}
	}
}

// 50,000 connections per address to one destination (Azure NAT gateway).
func TestPlanOneDestination(t *testing.T) {
	t.Parallel()
	for ports, want := range map[int]bool{2083: true, 2084: false} {
		p, err := snat.PlanOf(snat.PlanInput{Provider: snat.ProviderAzureNATGW, Nodes: 24, IPs: 1, Ports: ports})
		if err != nil {
			t.Fatal(err)
		}
		if o := p.OneDestination; o == nil || o.Available != 50_000 || o.Largest != 2083 || o.Fits == nil || *o.Fits != want || !*p.Fits {
			t.Errorf("%d ports: %+v of %+v", ports, o, p)
		}
		if said := strings.Contains(strings.Join(p.Notes(), " "), "If all of them go to one destination they do not fit"); said == want {
			t.Errorf("%d ports: %q", ports, p.Notes())
		}
	}
}

func TestPlanRefuses(t *testing.T) {
	t.Parallel()
	good := snat.PlanInput{Provider: snat.ProviderAzureLB, Nodes: 24, Surge: 3, IPs: 1, Ports: 2048}
	for name, c := range map[string]struct {
		change func(*snat.PlanInput)
		want   string
	}{
		"no provider":             {func(in *snat.PlanInput) { in.Provider = snat.ProviderAuto }, "--provider auto: name what translates addresses (azure-lb, azure-natgw, gcp-nat or aws-natgw): a calculation asks no cluster"},
		"provider not known":      {func(in *snat.PlanInput) { in.Provider = snat.ProviderUnknown }, "--provider unknown: name what translates addresses (azure-lb, azure-natgw, gcp-nat or aws-natgw): a calculation asks no cluster"},
		"no nodes":                {func(in *snat.PlanInput) { in.Nodes = 0 }, "--nodes 0: give the number of nodes behind the addresses, such as 24"},
		"negative nodes":          {func(in *snat.PlanInput) { in.Nodes = -3 }, "--nodes -3: give the number of nodes behind the addresses, such as 24"},
		"too many nodes":          {func(in *snat.PlanInput) { in.Nodes = 100_001 }, "--nodes 100001: use at most 100000"},
		"negative surge":          {func(in *snat.PlanInput) { in.Surge = -1 }, "--surge -1: use 0 to 100000, the nodes that an upgrade adds for a while"},
		"too much surge":          {func(in *snat.PlanInput) { in.Surge = 1 << 62 }, "--surge 4611686018427387904: use 0 to 100000, the nodes that an upgrade adds for a while"},
		"no address":              {func(in *snat.PlanInput) { in.IPs = 0 }, "--ips 0: give the number of outbound addresses, at least 1"},
		"too many addresses":      {func(in *snat.PlanInput) { in.IPs = 100_001 }, "--ips 100001: use at most 100000"},
		"gateway of 17":           {func(in *snat.PlanInput) { in.Provider, in.IPs = snat.ProviderAzureNATGW, 17 }, "--ips 17: a NAT gateway of azure-natgw has 16 addresses at most; plan each gateway by itself"},
		"gateway of 9":            {func(in *snat.PlanInput) { in.Provider, in.IPs = snat.ProviderAWSNATGW, 9 }, "--ips 9: a NAT gateway of aws-natgw has 8 addresses at most; plan each gateway by itself"},
		"negative ports":          {func(in *snat.PlanInput) { in.Ports = -8 }, "--snat-ports -8: use the number of ports that one node has, such as 1024"},
		"seven":                   {func(in *snat.PlanInput) { in.Ports = 7 }, "--snat-ports 7: Azure allocates multiples of 8: use 8, or 0 for the default allocation"},
		"no multiple of 8":        {func(in *snat.PlanInput) { in.Ports = 1020 }, "--snat-ports 1020: Azure allocates multiples of 8: use 1016 or 1024"},
		"the last below the most": {func(in *snat.PlanInput) { in.Ports = 63_999 }, "--snat-ports 63999: Azure allocates multiples of 8: use 63992 or 64000"},
		"too many ports":          {func(in *snat.PlanInput) { in.Ports = 64_008 }, "--snat-ports 64008: Azure allocates 64000 to a node at most"},
		"beyond any gateway": {func(in *snat.PlanInput) { in.Provider, in.Ports = snat.ProviderAzureNATGW, 16*64_512+1 },
			"--snat-ports 1032193: use at most 1032192, all ports of the largest gateway"},
		"ports of an address":     {func(in *snat.PlanInput) { in.PortsPerIP = 64_001 }, "--ports-per-ip 64001: use 1 to 64000, or 0 for what the provider documents"},
		"negative ports of it":    {func(in *snat.PlanInput) { in.PortsPerIP = -1 }, "--ports-per-ip -1: use 1 to 64000, or 0 for what the provider documents"},
		"more than 16 bits":       {func(in *snat.PlanInput) { in.Provider, in.PortsPerIP = snat.ProviderGCPNAT, 65_537 }, "--ports-per-ip 65537: use 1 to 65536, or 0 for what the provider documents"},
		"a figure that is known":  {func(in *snat.PlanInput) { in.Provider, in.PortsPerIP = snat.ProviderAWSNATGW, 1 }, "--ports-per-ip 1: for azure-lb and gcp-nat only; aws-natgw documents its own figure"},
		"another that is":         {func(in *snat.PlanInput) { in.Provider, in.PortsPerIP = snat.ProviderAzureNATGW, 1 }, "--ports-per-ip 1: for azure-lb and gcp-nat only; azure-natgw documents its own figure"},
		"seven, elsewhere: right": {func(in *snat.PlanInput) { in.Provider, in.Ports = snat.ProviderAzureNATGW, 7 }, ""},
	} {
		in := good
		c.change(&in)
		_, err := snat.PlanOf(in)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || err.Error() != c.want {
			t.Errorf("%s:\n  %v\nwant\n  %s", name, err, c.want)
		}
	}
}

func TestCheckPorts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		provider snat.Provider
		ports    int
		right    bool
	}{
		{snat.ProviderAzureLB, 0, true},
		{snat.ProviderAzureLB, 8, true},
		{snat.ProviderAzureLB, 64_000, true},
		{snat.ProviderAzureLB, 7, false},
		{snat.ProviderAuto, 7, true}, // the proving ground and unknown balancers have blocks of any size
		{snat.ProviderAuto, -1, false},
		{snat.ProviderAuto, 16 * 64_512, true},
		{snat.ProviderAuto, 16*64_512 + 1, false},
		{snat.ProviderGCPNAT, 65, true},
	} {
		if err := snat.CheckPorts(c.provider, c.ports); (err == nil) != c.right {
			t.Errorf("CheckPorts(%s, %d) = %v", c.provider, c.ports, err)
		}
	}
}

// Of every plan: what it says fits is within the formula, and one step more is
// not; the same for addresses and for nodes. For Azure Load Balancer the
// formula is written out here once more.
func TestPlanProperties(t *testing.T) {
	t.Parallel()
	each := map[snat.Provider]int{snat.ProviderAzureLB: 64_000, snat.ProviderAzureNATGW: 64_512, snat.ProviderGCPNAT: 60_000, snat.ProviderAWSNATGW: 55_000}
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		if in.Ports == 0 {
			in.Ports = 8
		}
		p, err := snat.PlanOf(in)
		if err != nil {
			t.Fatalf("%+v: %v", in, err)
		}
		room, machines, step := each[in.Provider]*in.IPs, in.Nodes+in.Surge, 1
		if in.Provider == snat.ProviderAzureLB {
			step = 8
		}
		if *p.Fits != (in.Ports*machines <= room) {
			t.Fatalf("fits: %t for %+v", *p.Fits, in)
		}
		largest := *p.Largest
		if largest%step != 0 || largest*machines > room {
			t.Fatalf("%d ports per node do not fit %+v", largest, in)
		}
		if limit := in.Provider == snat.ProviderAzureLB && largest == 64_000; !limit && (largest+step)*machines <= room {
			t.Fatalf("%d ports per node fit as well: %+v", largest+step, in)
		}
		if fewest := *p.FewestIPs; in.Ports*machines > fewest*each[in.Provider] || in.Ports*machines <= (fewest-1)*each[in.Provider] {
			t.Fatalf("%d addresses for %+v", fewest, in)
		}
		most := *p.MostNodes
		if most > 0 && in.Ports*(most+in.Surge) > room || in.Ports*(most+1+in.Surge) <= room {
			t.Fatalf("%d nodes for %+v", most, in)
		}
		// The answers agree with each other.
		again := in
		if again.Ports = largest; largest > 0 && largest <= 16*64_512 {
			if q, err := snat.PlanOf(again); err != nil || !*q.Fits {
				t.Fatalf("the largest does not fit: %+v, %v", again, err)
			}
		}
		if again = in; *p.Fits != (most >= in.Nodes) {
			t.Fatalf("fits %t, but %d nodes have room: %+v", *p.Fits, most, in)
		}
		if again.IPs = *p.FewestIPs; again.IPs <= 100_000 && (p.MaxIPs == nil || again.IPs <= *p.MaxIPs) {
			if q, err := snat.PlanOf(again); err != nil || !*q.Fits {
				t.Fatalf("the fewest addresses do not do: %+v, %v", again, err)
			}
		}
	})
}

// The default allocation of every documented pool fits its addresses, drops
// exactly at the next tier, and holds up to the most nodes.
func TestPlanDefaultProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := snat.PlanInput{Provider: snat.ProviderAzureLB, IPs: rapid.IntRange(1, 40).Draw(t, "ips")}
		in.Nodes = rapid.IntRange(1, 1000).Draw(t, "nodes")
		in.Surge = rapid.IntRange(0, 1000-in.Nodes).Draw(t, "surge")
		p, err := snat.PlanOf(in)
		if err != nil {
			t.Fatal(err)
		}
		if !*p.Fits || *p.Wanted != snat.AzureLBDefault(in.Nodes+in.Surge, in.IPs) || *p.Largest < *p.Wanted {
			t.Fatalf("%+v of %+v", p, in)
		}
		if next := p.Default.NextNodes; next != nil {
			if snat.AzureLBDefault(*next-1, in.IPs) != *p.Wanted || snat.AzureLBDefault(*next, in.IPs) != *p.Default.NextPorts || *p.Default.NextPorts >= *p.Wanted {
				t.Fatalf("next tier at %d: %+v", *next, in)
			}
		}
		if n := *p.MostNodes; n < in.Nodes || snat.AzureLBDefault(n+in.Surge, in.IPs) != *p.Wanted {
			t.Fatalf("%d nodes keep %d ports: %+v", n, *p.Wanted, in)
		}
		if f := *p.FewestIPs; f > in.IPs || snat.AzureLBDefault(in.Nodes+in.Surge, f) < *p.Wanted || f > 1 && snat.AzureLBDefault(in.Nodes+in.Surge, f-1) >= *p.Wanted {
			t.Fatalf("%d addresses give %d ports: %+v", f, *p.Wanted, in)
		}
	})
}

// Every plan has one sentence of summary; commands hold only what was worked
// out; a plan that cannot tell has none.
func TestPlanWords(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		if in.Provider == snat.ProviderGCPNAT && rapid.Bool().Draw(t, "not known") {
			in.PortsPerIP = 0
		}
		p, err := snat.PlanOf(in)
		if err != nil {
			t.Fatal(err)
		}
		s := p.Summary()
		if s == "" || strings.Contains(s, "\n") || !strings.HasSuffix(s, ".") || strings.Contains(s, "%!") {
			t.Fatalf("summary %q", s)
		}
		for _, n := range p.Notes() {
			if !strings.HasSuffix(n, ".") || strings.Contains(n, "%!") || strings.Contains(n, "\n") {
				t.Fatalf("note %q", n)
			}
		}
		commands := p.Commands(snat.CommandTarget{})
		if p.Fits == nil && len(commands) > 0 {
			t.Fatalf("%v", commands)
		}
		if slices.ContainsFunc(commands, func(c snat.Command) bool { return c.Line == "" || c.Text == "" || c.Warning == "" }) {
			t.Fatalf("%+v", commands)
		}
	})
}

// drawInput draws a plan that is no nonsense.
func drawInput(t *rapid.T) snat.PlanInput {
	in := snat.PlanInput{
		Provider: rapid.SampledFrom(providers[:4]).Draw(t, "provider"),
		Nodes:    rapid.OneOf(rapid.IntRange(1, 100), rapid.IntRange(1, 100_000)).Draw(t, "nodes"),
		Surge:    rapid.OneOf(rapid.Just(0), rapid.IntRange(0, 1000)).Draw(t, "surge"),
	}
	switch in.Provider {
	case snat.ProviderAzureNATGW:
		in.IPs = rapid.IntRange(1, 16).Draw(t, "ips")
	case snat.ProviderAWSNATGW:
		in.IPs = rapid.IntRange(1, 8).Draw(t, "ips")
	default:
		in.IPs = rapid.IntRange(1, 50).Draw(t, "ips")
	}
	if in.Provider == snat.ProviderAzureLB {
		in.Ports = 8 * rapid.IntRange(0, 8000).Draw(t, "ports / 8")
	} else {
		in.Ports = rapid.IntRange(0, 65_536).Draw(t, "ports")
	}
	if in.Provider == snat.ProviderGCPNAT {
		in.PortsPerIP = 60_000
	}
	return in
}

package snat

import "fmt"

// cloudNAT begins a command that changes a Cloud NAT gateway.
func (t CommandTarget) cloudNAT() string {
	c := line("gcloud compute routers nats update", word(t.Gateway, "NAT_NAME"), "--router", word(t.Router, "ROUTER_NAME"), "--region", word(t.Region, "REGION"))
	if t.Project != "" {
		c = line(c, "--project", word(t.Project, "PROJECT"))
	}
	return c
}

// googleValues says what these commands cannot: the values that Google takes
// were not read.
const googleValues = "Check Google's Cloud NAT page for the values that it takes and for what this interrupts."

func checkGooglePorts(ports int) error {
	if ports < 1 || ports > mostPorts {
		return fmt.Errorf("%d ports per node: use 1 to %d", ports, mostPorts)
	}
	return nil
}

// CommandCloudNATPorts sets the minimum ports of a node behind Cloud NAT.
func CommandCloudNATPorts(t CommandTarget, ports int) (Command, error) {
	if err := checkGooglePorts(ports); err != nil {
		return Command{}, err
	}
	return Command{
		Text:    fmt.Sprintf("Allocate %s to each node.", portsText(ports)),
		Line:    line(t.cloudNAT(), flag("--min-ports-per-vm", ports)),
		Warning: googleValues,
	}, nil
}

// CommandCloudNATDynamic lets nodes behind Cloud NAT have between least and
// most ports, on demand.
func CommandCloudNATDynamic(t CommandTarget, least, most int) (Command, error) {
	if err := checkGooglePorts(least); err != nil {
		return Command{}, err
	}
	if err := checkGooglePorts(most); err != nil {
		return Command{}, err
	}
	if most <= least {
		return Command{}, fmt.Errorf("ports on demand between %d and %d: the most must be above the least", least, most)
	}
	return Command{
		Text:    fmt.Sprintf("Let each node have %s and up to %s on demand.", portsText(least), grouped(most)),
		Line:    line(t.cloudNAT(), flag("--min-ports-per-vm", least), "--enable-dynamic-port-allocation", flag("--max-ports-per-vm", most)),
		Warning: googleValues,
	}, nil
}

// CommandAWSAddresses adds addresses to a NAT gateway of AWS, which has a first
// one already. Each wants an Elastic IP address's allocation id.
func CommandAWSAddresses(t CommandTarget, more int) (Command, error) {
	if more < 1 || more >= AWSNATMaxIPs {
		return Command{}, fmt.Errorf("%d more addresses of a NAT gateway: it has %d at most, so use 1 to %d", more, AWSNATMaxIPs, AWSNATMaxIPs-1)
	}
	c := line("aws ec2 associate-nat-gateway-address --nat-gateway-id", word(t.Gateway, "NAT_GATEWAY_ID"), "--allocation-ids")
	for i := range more {
		c = line(c, fmt.Sprintf("ALLOCATION_ID_%d", i+1))
	}
	if t.Region != "" {
		c = line(c, "--region", word(t.Region, "REGION"))
	}
	return Command{
		Text: fmt.Sprintf("Add %s: each allows %s more connections to one destination.", addressesText(more), grouped(AWSNATPerDestination)),
		Line: c,
		Warning: "Connections leave from the new addresses as well: whoever allows the old ones by name must allow the new ones. " +
			checkPage,
	}, nil
}

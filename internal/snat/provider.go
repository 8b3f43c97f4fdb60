package snat

import (
	"fmt"
	"strings"
	"time"
)

// Provider names the device that translates source addresses.
type Provider string

// Providers that the model knows.
const (
	ProviderUnknown    Provider = "unknown"
	ProviderAuto       Provider = "auto"
	ProviderAzureLB    Provider = "azure-lb"
	ProviderAzureNATGW Provider = "azure-natgw"
	ProviderGCPNAT     Provider = "gcp-nat"
	ProviderAWSNATGW   Provider = "aws-natgw"
)

// ParseProvider reads a --provider value.
func ParseProvider(s string) (Provider, error) {
	switch p := Provider(strings.ToLower(strings.TrimSpace(s))); p {
	case ProviderAuto, ProviderAzureLB, ProviderAzureNATGW, ProviderGCPNAT, ProviderAWSNATGW:
		return p, nil
	case "":
		return ProviderAuto, nil
	case ProviderUnknown:
		return ProviderUnknown, nil
	default:
		return "", fmt.Errorf("unknown provider %q: use auto, azure-lb, azure-natgw, gcp-nat or aws-natgw", s)
	}
}

// FromProviderID guesses the provider from a node's spec.providerID
// ("azure:///subscriptions/…", "gce://…", "aws:///…"). It can only name a
// cloud's default way out, so what follows from it is labelled "table".
func FromProviderID(id string) Provider {
	scheme, _, ok := strings.Cut(id, "://")
	if !ok {
		return ProviderUnknown
	}
	switch strings.ToLower(scheme) {
	case "azure":
		return ProviderAzureLB
	case "gce":
		return ProviderGCPNAT
	case "aws":
		return ProviderAWSNATGW
	default:
		return ProviderUnknown
	}
}

// Hold is how long a provider keeps a port after its flow has closed. A close
// by FIN is assumed: a poll of the socket table cannot tell it from a reset,
// and FIN is the longer of the two, so the cooling count errs upwards.
//
// Sources: Azure Load Balancer, "Outbound connections", older page: FIN 240 s;
// Azure NAT gateway, "SNAT timers": FIN 65 s; Google Cloud NAT, "Timeouts":
// TIME_WAIT 120 s. AWS publishes none, so the kernel's own 60 s TIME_WAIT
// (include/net/tcp.h, TCP_TIMEWAIT_LEN) stands in there and for unknowns.
func (p Provider) Hold() time.Duration {
	switch p {
	case ProviderAzureLB:
		return 240 * time.Second
	case ProviderAzureNATGW:
		return 65 * time.Second
	case ProviderGCPNAT:
		return 120 * time.Second
	case ProviderAWSNATGW, ProviderUnknown, ProviderAuto:
		return 60 * time.Second
	default:
		return 60 * time.Second
	}
}

package snat

import (
	"fmt"
	"strings"
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

// FromLabels guesses the provider from a node's labels, where it has no
// provider ID. Only the keys count.
//
// Sources: AKS, "Reserved system labels" (kubernetes.azure.com/cluster); GKE,
// "Node labels" (cloud.google.com/gke-nodepool); Amazon EKS, "Managed node
// groups" (eks.amazonaws.com/nodegroup).
func FromLabels(labels map[string]string) Provider {
	for _, l := range []struct {
		key string
		is  Provider
	}{
		{"kubernetes.azure.com/cluster", ProviderAzureLB},
		{"cloud.google.com/gke-nodepool", ProviderGCPNAT},
		{"eks.amazonaws.com/nodegroup", ProviderAWSNATGW},
	} {
		if _, ok := labels[l.key]; ok {
			return l.is
		}
	}
	return ProviderUnknown
}

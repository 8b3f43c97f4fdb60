package snat_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/snattop/snattop/internal/snat"
)

func TestAzureLBDefaultPorts(t *testing.T) {
	t.Parallel()
	for _, tier := range []struct{ from, to, ports int }{
		{-1, 0, 0},
		{1, 50, 1024},
		{51, 100, 512},
		{101, 200, 256},
		{201, 400, 128},
		{401, 800, 64},
		{801, 1000, 32},
		{1001, 5000, 0},
	} {
		for _, size := range []int{tier.from, (tier.from + tier.to) / 2, tier.to} {
			if got := snat.AzureLBDefaultPorts(size); got != tier.ports {
				t.Errorf("AzureLBDefaultPorts(%d) = %d, want %d", size, got, tier.ports)
			}
		}
	}
}

// A pool of documented size never has fewer ports than a larger one, and what
// the table grants fits the 64,000 ports of one frontend address.
func TestAzureLBDefaultPortsProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 999).Draw(t, "size")
		here, next := snat.AzureLBDefaultPorts(size), snat.AzureLBDefaultPorts(size+1)
		if here < next {
			t.Fatalf("%d nodes have %d ports each, %d have %d", size, here, size+1, next)
		}
		if here%8 != 0 || here*size > 64_000 {
			t.Fatalf("%d nodes with %d ports each are no allocation of one address", size, here)
		}
	})
}

func TestBudgetKnown(t *testing.T) {
	t.Parallel()
	for b, want := range map[snat.Budget]bool{
		{}:            false,
		{Ports: 1024}: false,
		{Ports: 1024, Source: snat.BudgetUnknown}: false,
		{Ports: 0, Source: snat.BudgetMeasured}:   false,
		{Ports: 1, Source: snat.BudgetMeasured}:   true,
		{Ports: 8, Source: snat.BudgetTable}:      true,
	} {
		if b.Known() != want {
			t.Errorf("%+v: Known() = %t, want %t", b, b.Known(), want)
		}
	}
}

func TestParseProvider(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]snat.Provider{
		"":            snat.ProviderAuto,
		"auto":        snat.ProviderAuto,
		"Azure-LB":    snat.ProviderAzureLB,
		"azure-natgw": snat.ProviderAzureNATGW,
		"gcp-nat":     snat.ProviderGCPNAT,
		"aws-natgw":   snat.ProviderAWSNATGW,
		"unknown":     snat.ProviderUnknown,
		"AWS-NATGW":   snat.ProviderAWSNATGW,
	} {
		if got, err := snat.ParseProvider(in); err != nil || got != want {
			t.Errorf("ParseProvider(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"azure", "lb", "azure lb", "auto,azure-lb"} {
		if got, err := snat.ParseProvider(in); err == nil {
			t.Errorf("ParseProvider(%q) = %q, want an error", in, got)
		}
	}
}

func TestFromProviderID(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]snat.Provider{
		"azure:///subscriptions/S/resourceGroups/RG/providers/Microsoft.Compute/virtualMachineScaleSets/X/virtualMachines/0": snat.ProviderAzureLB,
		"Azure:///x":                 snat.ProviderAzureLB,
		"gce://project/zone/name":    snat.ProviderGCPNAT,
		"aws:///eu-west-1a/i-0123":   snat.ProviderAWSNATGW,
		"kind://docker/kind/worker":  snat.ProviderUnknown,
		"azure":                      snat.ProviderUnknown,
		"":                           snat.ProviderUnknown,
		"://azure":                   snat.ProviderUnknown,
		"my-azure://subscriptions/S": snat.ProviderUnknown,
	} {
		if got := snat.FromProviderID(in); got != want {
			t.Errorf("FromProviderID(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestFromLabels(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]snat.Provider{
		"kubernetes.azure.com/cluster":  snat.ProviderAzureLB,  // AKS, "Reserved system labels"
		"cloud.google.com/gke-nodepool": snat.ProviderGCPNAT,   // GKE, "Node labels"
		"eks.amazonaws.com/nodegroup":   snat.ProviderAWSNATGW, // Amazon EKS, "Managed node groups"
		"kubernetes.io/os":              snat.ProviderUnknown,
	} {
		if got := snat.FromLabels(map[string]string{key: "", "a": "b"}); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	if got := snat.FromLabels(nil); got != snat.ProviderUnknown {
		t.Errorf("without labels: %s", got)
	}
}

// The documented timers, and stand-ins where there is no document.
func TestTimers(t *testing.T) {
	t.Parallel()
	const s, m = time.Second, time.Minute
	for p, want := range map[snat.Provider]snat.Timers{
		snat.ProviderAzureLB:    {FIN: 240 * s, Reset: 15 * s, HalfOpen: 4 * m, Idle: 30 * m, UDP: 4 * m},      // "Outbound connections", older page; AKS idle timeout
		snat.ProviderAzureNATGW: {FIN: 65 * s, Reset: 16 * s, HalfOpen: 30 * s, Idle: 4 * m, UDP: 65 * s},      // "SNAT timers"
		snat.ProviderGCPNAT:     {FIN: 120 * s, Reset: 120 * s, HalfOpen: 30 * s, Idle: 1200 * s, UDP: 30 * s}, // "Timeouts"
		snat.ProviderAWSNATGW:   {FIN: 60 * s, Reset: 60 * s, HalfOpen: 60 * s, Idle: 350 * s, UDP: 350 * s},   // idle 350 s; the rest stands in
		snat.ProviderUnknown:    {FIN: 60 * s, Reset: 60 * s, HalfOpen: 60 * s, Idle: 4 * m, UDP: 2 * m},       // TCP_TIMEWAIT_LEN
		snat.ProviderAuto:       snat.ProviderUnknown.Timers(),
		"something new":         snat.ProviderUnknown.Timers(),
	} {
		if got := p.Timers(); got != want {
			t.Errorf("%s: %+v, want %+v", p, got, want)
		}
	}
	if got := snat.ProviderAzureLB.Timers().With(snat.Timers{Idle: 7 * m}); got.Idle != 7*m || got.FIN != 240*s {
		t.Errorf("with another idle timeout: %+v", got)
	}
	if got := (snat.Timers{FIN: -s, Idle: 25 * time.Hour, UDP: m}).Sane(); got != (snat.Timers{UDP: m}) {
		t.Errorf("what no provider has: %+v", got)
	}
}

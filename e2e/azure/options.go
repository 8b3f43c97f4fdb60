package azure

import (
	"context"
	"fmt"
	"time"

	"github.com/snattop/snattop/e2e/ground"
)

// Source tells the truth of this moment; (*ground.Ground).Truth is one.
type Source func(context.Context) (ground.Truth, error)

// The outbound types that can be served.
const (
	OutboundLoadBalancer = "loadBalancer"
	OutboundNATGateway   = "managedNATGateway"
)

// The names of the cluster that is served. The node resource group is spelled
// unlike in the nodes' providerIDs, as it is on real clusters.
const (
	Subscription = "00000000-0000-0000-0000-000000000000"
	ClusterName  = "ground"
	ClusterGroup = "rg-ground"
	NodeGroup    = "MC_rg_ground_weu"
	BalancerName = "kubernetes"
	GatewayName  = "aks-natgateway"
)

// Options say what is served. The zero value of a field stands for its default.
type Options struct {
	// Source is asked at every sample; it has no default.
	Source Source
	// Now is the clock; time.Now by default.
	Now func() time.Time
	// Outbound is the outbound type; OutboundLoadBalancer by default, and any
	// other text that Azure may say.
	Outbound string
	// IPs is the number of outbound addresses; 1 by default, as the gateway
	// has one. With more, each node's figures are told in as many shares.
	IPs int
	// IdleTimeout is that of the profile; 30 minutes by default.
	IdleTimeout time.Duration
	// Grain is what Azure calls the interval of a metric; one minute by
	// default, which is the only grain that these metrics have there. A smaller
	// one spares a test the wait; the answer names it.
	Grain time.Duration
	// Delay is how long after its end a grain gets its value; 0 by default.
	// Azure takes minutes.
	Delay time.Duration
	// Every is the time between two samples in Run; a fifth of the grain, and
	// at most 5 s, by default.
	Every time.Duration
	// Shared puts a machine of another cluster into the backend pool, and that
	// cluster behind the same addresses.
	Shared bool
	// PageSize is the number of resources on a page of a list; all by default.
	PageSize int
}

func (o Options) withDefaults() (Options, error) {
	if o.Source == nil {
		return o, fmt.Errorf("an Azure endpoint without a source of figures")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Outbound == "" {
		o.Outbound = OutboundLoadBalancer
	}
	if o.IPs == 0 {
		o.IPs = 1
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = 30 * time.Minute
	}
	if o.Grain == 0 {
		o.Grain = time.Minute
	}
	if o.Every == 0 {
		o.Every = min(5*time.Second, o.Grain/5)
	}
	if o.Grain < time.Second || o.Grain > time.Minute || o.Grain%time.Second != 0 {
		return o, fmt.Errorf("a grain of %s: use whole seconds, at most a minute", o.Grain)
	}
	if o.Delay < 0 || o.Every <= 0 || o.IPs < 1 || o.IPs > 16 || o.PageSize < 0 {
		return o, fmt.Errorf("an Azure endpoint with a negative delay, or not 1 to 16 addresses")
	}
	return o, nil
}

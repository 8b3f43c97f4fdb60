package azure

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/snat"
)

// maxSteps bounds how many subnets and prefixes are looked up.
const maxSteps = 8

// discovery is one look at the resources of a cluster.
type discovery struct {
	c        *client
	home     scope
	found    found
	troubles []trouble
}

// discover looks for the cluster, its balancer and its gateway. What could not
// be read keeps what the look before found.
func discover(ctx context.Context, c *client, home scope, before found) (found, []trouble) {
	d := &discovery{c: c, home: home, found: before}
	d.found.prefixes = map[string]int{}
	for id, size := range before.prefixes {
		d.found.prefixes[id] = size
	}
	for _, step := range []func(context.Context) bool{d.clusters, d.balancers, d.gateways, d.sizes} {
		if !step(ctx) || ctx.Err() != nil {
			break
		}
	}
	return d.found, d.troubles
}

// fail notes a failure, and reports whether to go on.
func (d *discovery) fail(doing string, err error) bool {
	t := explain(aboutProfile, doing, `have the role "Reader" granted on the cluster and on resource group `+text(d.home.group)+
		`, for example "Monitoring Reader" on their subscription`, err)
	d.troubles = append(d.troubles, t)
	return !t.stop
}

func (d *discovery) say(sentence string) {
	d.troubles = append(d.troubles, trouble{Problem: cloud.Problem{What: aboutProfile, Sentence: sentence}, soft: true})
}

const clustersPath = "/providers/Microsoft.ContainerService/managedClusters"

// clusters finds the managed cluster whose nodes live in our resource group.
func (d *discovery) clusters(ctx context.Context) bool {
	all, err := list[managedCluster](ctx, d.c, "/subscriptions/"+url.PathEscape(d.home.subscription)+clustersPath, aksVersion)
	if err != nil && len(all) == 0 {
		if status(err) == http.StatusForbidden {
			// Whoever may not list the subscription may still see the cluster.
			if c := d.manager(ctx); c != nil {
				d.found.cluster, d.found.others = c, nil
				return true
			}
		}
		return d.fail("reading the clusters of subscription "+d.home.subscription, err)
	}
	if err != nil && !d.fail("reading the clusters of subscription "+d.home.subscription, err) {
		return false
	}
	var ours *managedCluster
	var others []managedCluster
	for _, c := range all {
		if ours == nil && strings.EqualFold(c.Properties.NodeResourceGroup, d.home.group) {
			ours = &c
			continue
		}
		others = append(others, c)
	}
	if ours == nil {
		d.say("no managed cluster has the node resource group " + text(d.home.group) +
			": what is granted is read from the balancer or the gateway there, where there is one")
	}
	d.found.cluster, d.found.others = ours, others
	return true
}

// manager reads the cluster that the node resource group says it belongs to;
// nil when that fails.
func (d *discovery) manager(ctx context.Context) *managedCluster {
	var group resourceGroup
	if err := d.c.get(ctx, d.home.path(""), groupVersion, &group); err != nil {
		return nil
	}
	path, ok := usable(group.ManagedBy)
	if !ok || !ofType(group.ManagedBy, "managedClusters") {
		return nil
	}
	var c managedCluster
	if err := d.c.get(ctx, path, aksVersion, &c); err != nil {
		return nil
	}
	if !strings.EqualFold(c.Properties.NodeResourceGroup, d.home.group) {
		return nil
	}
	return &c
}

// balancers finds the balancer that the cluster goes out by, when it may be
// one.
func (d *discovery) balancers(ctx context.Context) bool {
	provider, why := d.found.provider()
	if provider == snat.ProviderAzureNATGW && d.found.cluster != nil || why != "" {
		d.found.balancer = nil
		return true
	}
	all, err := list[loadBalancer](ctx, d.c, d.home.path("/providers/Microsoft.Network/loadBalancers"), networkVersion)
	if err != nil && len(all) == 0 {
		return d.fail("reading the load balancers of resource group "+text(d.home.group), err)
	}
	d.found.balancer = pick(all)
	if d.found.balancer == nil && provider == snat.ProviderAzureLB && d.found.cluster != nil {
		d.say("resource group " + text(d.home.group) + " holds no load balancer: there are no measured ports")
	}
	return true
}

// pick chooses the balancer that translates: one with an outbound rule, and
// among those, or without any, the one that is named as AKS and
// cloud-provider-azure name theirs.
func pick(all []loadBalancer) *loadBalancer {
	var best *loadBalancer
	rank := -1
	for i := range all {
		r := 0
		if len(all[i].Properties.OutboundRules) > 0 {
			r += 2
		}
		if strings.EqualFold(all[i].Name, "kubernetes") {
			r++
		}
		if r > max(rank, 0) {
			best, rank = &all[i], r
		}
	}
	return best
}

// gateways finds the NAT gateway, when it may be one.
func (d *discovery) gateways(ctx context.Context) bool {
	outbound := d.found.outboundType()
	provider, why := d.found.provider()
	if why != "" || d.found.cluster != nil && provider != snat.ProviderAzureNATGW {
		d.found.gateway = nil
		return true
	}
	var all []natGateway
	if !strings.EqualFold(outbound, typeAssignedNAT) {
		var err error
		all, err = list[natGateway](ctx, d.c, d.home.path("/providers/Microsoft.Network/natGateways"), networkVersion)
		if err != nil && len(all) == 0 {
			return d.fail("reading the NAT gateways of resource group "+text(d.home.group), err)
		}
	}
	if len(all) == 0 && d.found.cluster != nil {
		var more bool
		if all, more = d.assigned(ctx); !more {
			return false
		}
	}
	d.found.gateway = nil
	if len(all) > 0 {
		d.found.gateway = &all[0]
	}
	if len(all) > 1 {
		d.say("the cluster goes out by several NAT gateways: only the figures of " + text(all[0].Name) + " are read")
	}
	if len(all) == 0 && d.found.cluster != nil {
		d.say("no NAT gateway of the cluster was found: there are no measured figures")
	}
	return true
}

// assigned finds the gateways that the operator put on the subnets of the
// agent pools. It reports whether to go on.
func (d *discovery) assigned(ctx context.Context) ([]natGateway, bool) {
	var all []natGateway
	seen := map[string]bool{}
	for _, pool := range d.found.cluster.Properties.AgentPoolProfiles {
		path, ok := usable(pool.VnetSubnetID)
		if !ok || seen[strings.ToLower(path)] || len(seen) >= 2*maxSteps {
			continue
		}
		seen[strings.ToLower(path)] = true
		var s subnet
		if err := d.c.get(ctx, path, networkVersion, &s); err != nil {
			if !d.fail("reading the subnet of an agent pool", err) {
				return all, false
			}
			continue
		}
		if s.Properties.NATGateway == nil {
			continue
		}
		path, ok = usable(s.Properties.NATGateway.ID)
		if !ok || seen[strings.ToLower(path)] {
			continue
		}
		seen[strings.ToLower(path)] = true
		var g natGateway
		if err := d.c.get(ctx, path, networkVersion, &g); err != nil {
			if !d.fail("reading the NAT gateway of a subnet", err) {
				return all, false
			}
			continue
		}
		all = append(all, g)
	}
	return all, true
}

// sizes looks up how many addresses the prefixes are that are gone out by.
func (d *discovery) sizes(ctx context.Context) bool {
	for _, r := range d.prefixes() {
		key := strings.ToLower(r.ID)
		if _, known := d.found.prefixes[key]; known {
			continue
		}
		path, ok := usable(r.ID)
		if !ok || len(d.found.prefixes) >= maxSteps {
			continue
		}
		var p addressPrefix
		if err := d.c.get(ctx, path, networkVersion, &p); err != nil {
			if !d.fail("reading the address prefix "+text(part(r.ID, "publicIPPrefixes")), err) {
				return false
			}
			continue
		}
		switch length := p.Properties.PrefixLength; {
		case strings.EqualFold(p.Properties.PublicIPAddressVersion, "IPv6"):
			d.found.prefixes[key] = 0
		// Source: Azure, "Public IP address prefix": /28 to /31, /24 on request.
		case length >= 21 && length <= 32:
			d.found.prefixes[key] = 1 << (32 - length)
		}
	}
	return true
}

// prefixes are those that any of the counts may need.
func (d *discovery) prefixes() []reference {
	var all []reference
	if d.found.cluster != nil {
		profile := d.found.cluster.Properties.NetworkProfile
		all = append(all, profile.effective()...)
		if l := profile.LoadBalancerProfile; l != nil && l.OutboundIPPrefixes != nil {
			all = append(all, l.OutboundIPPrefixes.PublicIPPrefixes...)
		}
	}
	if d.found.balancer != nil {
		for _, f := range d.found.balancer.Properties.FrontendIPConfigurations {
			if f.Properties.PublicIPPrefix != nil {
				all = append(all, *f.Properties.PublicIPPrefix)
			}
		}
	}
	if d.found.gateway != nil {
		all = append(all, d.found.gateway.Properties.PublicIPPrefixes...)
	}
	var prefixes []reference
	for _, r := range all {
		if ofType(r.ID, "publicIPPrefixes") {
			prefixes = append(prefixes, r)
		}
	}
	return prefixes
}

// status is the status of the answer that an error is about; 0 without one.
func status(err error) int {
	var refused *azcore.ResponseError
	if errors.As(err, &refused) {
		return refused.StatusCode
	}
	return 0
}

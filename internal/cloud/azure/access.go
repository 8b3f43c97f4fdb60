package azure

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/snattop/snattop/internal/cloud"
)

const (
	// accessLimit bounds one look: whoever waits for it looks at other things
	// meanwhile, and has a few seconds.
	accessLimit = 6 * time.Second
	// maxSubscriptions bounds where a cluster is looked for by its name alone.
	maxSubscriptions = 10
	// maxRanges is above what AKS takes.
	//
	// Source: AKS, "API server authorized IP ranges": 200 ranges.
	maxRanges = 400
)

// serverDomain is how the names of the API servers of AKS end.
const serverDomain = ".azmk8s.io"

// ReadAccess reads who may reach the API server of this name: of the cluster
// that the nodes belong to, or, without any, of the one in the credential's
// subscriptions that has this name. It is nil without an error when neither
// says that the cluster is Azure's. The error is a sentence, and holds no
// credential.
func ReadAccess(ctx context.Context, o Options, server string, nodes []cloud.Node) (*cloud.Access, error) {
	home := muster(nodes).scope
	server = strings.ToLower(strings.TrimSuffix(server, "."))
	if home.group == "" && !strings.HasSuffix(server, serverDomain) {
		return nil, nil
	}
	_, c, err := open(o)
	if err != nil {
		return nil, err
	}
	defer c.transport.client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, accessLimit)
	defer cancel()
	var m *managedCluster
	if home.group != "" {
		m, err = clusterBehind(ctx, c, home)
	} else {
		m, err = clusterNamed(ctx, c, server)
	}
	if err != nil {
		return nil, errors.New(explain(aboutProfile, "reading the cluster", `have the role "Reader" granted on the cluster`, err).Sentence)
	}
	if m == nil {
		return nil, errNoCluster
	}
	return m.access(), nil
}

var errNoCluster = errors.New("no managed cluster of this name is among those that the credential sees")

// clusterBehind is the cluster whose nodes live in a resource group.
func clusterBehind(ctx context.Context, c *client, home scope) (*managedCluster, error) {
	d := &discovery{c: c, home: home}
	if m := d.manager(ctx); m != nil {
		return m, nil
	}
	all, err := list[managedCluster](ctx, c, "/subscriptions/"+url.PathEscape(home.subscription)+clustersPath, aksVersion)
	for i := range all {
		if strings.EqualFold(all[i].Properties.NodeResourceGroup, home.group) {
			return &all[i], nil
		}
	}
	return nil, err
}

// clusterNamed looks through the subscriptions of the credential.
func clusterNamed(ctx context.Context, c *client, server string) (*managedCluster, error) {
	type subscription struct {
		ID string `json:"subscriptionId"`
	}
	subscriptions, err := list[subscription](ctx, c, "/subscriptions", subscriptionVersion)
	if err != nil && len(subscriptions) == 0 {
		return nil, err
	}
	var failed error
	for _, s := range subscriptions[:min(len(subscriptions), maxSubscriptions)] {
		if !subscriptionID.MatchString(s.ID) {
			continue
		}
		all, err := list[managedCluster](ctx, c, "/subscriptions/"+url.PathEscape(s.ID)+clustersPath, aksVersion)
		if err != nil {
			failed = err
		}
		for i := range all {
			if p := &all[i].Properties; strings.EqualFold(p.FQDN, server) || strings.EqualFold(p.PrivateFQDN, server) {
				return &all[i], nil
			}
		}
	}
	return nil, failed
}

// access keeps of the ranges what can be one.
func (m *managedCluster) access() *cloud.Access {
	a := &cloud.Access{Name: text(m.Name), Group: text(part(m.ID, "resourceGroups"))}
	if m.Properties.APIServer == nil {
		return a
	}
	a.Private = m.Properties.APIServer.EnablePrivateCluster
	for _, r := range m.Properties.APIServer.AuthorizedIPRanges {
		if len(a.Authorized) == maxRanges {
			break
		}
		if p, err := netip.ParsePrefix(r); err == nil {
			a.Authorized = append(a.Authorized, p.String())
		} else if ip, err := netip.ParseAddr(r); err == nil && ip.Zone() == "" {
			a.Authorized = append(a.Authorized, ip.String())
		}
	}
	return a
}

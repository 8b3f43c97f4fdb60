package azure

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/snattop/snattop/internal/cloud"
)

// scope is where a node lives: its subscription and its resource group.
type scope struct{ subscription, group string }

// is reports whether two scopes are one; Azure's names know no case.
func (s scope) is(o scope) bool {
	return strings.EqualFold(s.subscription, o.subscription) && strings.EqualFold(s.group, o.group)
}

// path is the escaped path of something in the resource group.
func (s scope) path(rest string) string {
	return "/subscriptions/" + url.PathEscape(s.subscription) + "/resourceGroups/" + url.PathEscape(s.group) + rest
}

var (
	subscriptionID = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	// Source: Azure, "Naming rules and restrictions for Azure resources",
	// resource groups: letters and digits as Unicode has them, underscores,
	// parentheses, hyphens, periods, 1 to 90.
	groupName = regexp.MustCompile(`^[\p{L}\p{Nd}_().-]{1,90}$`)
)

const azureScheme = "azure://"

// parseProviderID reads where a machine lives from its providerID:
// azure:///subscriptions/S/resourceGroups/G/providers/Microsoft.Compute/… for
// machines of scale sets and machines of their own alike.
//
// Source: kubernetes-sigs/cloud-provider-azure, "Node" (pkg/provider/azure_wrap.go,
// GetResourceGroupFromProviderID).
func parseProviderID(id string) (scope, error) {
	if len(id) > 1024 || len(id) < len(azureScheme) || !strings.EqualFold(id[:len(azureScheme)], azureScheme) {
		return scope{}, errors.New("no providerID of Azure")
	}
	parts := strings.Split(strings.TrimPrefix(id[len(azureScheme):], "/"), "/")
	if len(parts) < 6 || !strings.EqualFold(parts[0], "subscriptions") || !strings.EqualFold(parts[2], "resourceGroups") ||
		!strings.EqualFold(parts[4], "providers") || !strings.EqualFold(parts[5], "Microsoft.Compute") {
		return scope{}, errors.New("a providerID of Azure without a machine's path")
	}
	s := scope{parts[1], parts[3]}
	if !subscriptionID.MatchString(s.subscription) || !groupName.MatchString(s.group) || strings.Trim(s.group, ".") == "" {
		return scope{}, errors.New("a providerID with impossible names")
	}
	return s, nil
}

// fleet is the nodes that are followed, and where they live.
type fleet struct {
	scope scope
	// addresses are the internal addresses of the nodes there.
	addresses []string
	problems  []cloud.Problem
	// foreign means that every node has the providerID of another cloud.
	foreign bool
}

// muster finds the resource group that most nodes live in. The others are
// named in a problem.
func muster(nodes []cloud.Node) fleet {
	var scopes []scope
	var members [][]string
	unreadable, other := 0, 0
	for _, n := range nodes {
		s, err := parseProviderID(n.ProviderID)
		if err != nil {
			switch {
			case strings.HasPrefix(strings.ToLower(n.ProviderID), azureScheme):
				unreadable++
			case n.ProviderID != "":
				other++
			}
			continue
		}
		i := slices.IndexFunc(scopes, s.is)
		if i < 0 {
			scopes, members = append(scopes, s), append(members, nil)
			i = len(scopes) - 1
		}
		members[i] = append(members[i], n.InternalIP)
	}
	f := fleet{foreign: len(nodes) > 0 && other == len(nodes)}
	best := -1
	for i := range scopes {
		if best < 0 || len(members[i]) > len(members[best]) ||
			len(members[i]) == len(members[best]) && strings.ToLower(scopes[i].group) < strings.ToLower(scopes[best].group) {
			best = i
		}
	}
	if best >= 0 {
		f.scope, f.addresses = scopes[best], members[best]
		slices.Sort(f.addresses)
	}
	if len(scopes) > 1 {
		f.problems = append(f.problems, cloud.Problem{What: aboutNodes, Sentence: fmt.Sprintf(
			"the nodes live in %d resource groups or subscriptions: only %s, with %d of them, is read; the figures of the others stay estimates",
			len(scopes), text(f.scope.group), len(f.addresses))})
	}
	if unreadable > 0 {
		f.problems = append(f.problems, cloud.Problem{What: aboutNodes, Sentence: fmt.Sprintf(
			"%d of %d nodes have a providerID of Azure that names no machine: their figures stay estimates", unreadable, len(nodes))})
	}
	return f
}

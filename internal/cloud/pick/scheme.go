package pick

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/snat"
)

// scheme is a cloud as providerIDs begin with it, in the order of Options.
type scheme int

const (
	none scheme = iota
	azure
	google
	aws
)

// schemes are the clouds that can be read, with what operators call them.
var schemes = map[scheme]struct {
	prefix, name, source string
	provider             snat.Provider
}{
	azure:  {"azure", "Azure", "Azure Monitor", snat.ProviderAzureLB},
	google: {"gce", "Google", "Google Cloud Monitoring", snat.ProviderGCPNAT},
	aws:    {"aws", "AWS", "Amazon CloudWatch", snat.ProviderAWSNATGW},
}

// schemeOf reads what stands before "://".
func schemeOf(providerID string) scheme {
	prefix, _, ok := strings.Cut(providerID, "://")
	if !ok {
		return none
	}
	for s, c := range schemes {
		if strings.EqualFold(prefix, c.prefix) {
			return s
		}
	}
	return none
}

// count is how many nodes each cloud has that can be read.
func count(nodes []cloud.Node) map[scheme]int {
	counts := map[scheme]int{}
	for _, n := range nodes {
		if s := schemeOf(n.ProviderID); s != none {
			counts[s]++
		}
	}
	return counts
}

// ranked are the clouds by their number of nodes; of equals, Azure before
// Google before AWS.
func ranked(counts map[scheme]int) []scheme {
	var order []scheme
	for s := range counts {
		order = append(order, s)
	}
	slices.SortFunc(order, func(a, b scheme) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	return order
}

// only are the nodes of one cloud.
func only(nodes []cloud.Node, s scheme) []cloud.Node {
	kept := make([]cloud.Node, 0, len(nodes))
	for _, n := range nodes {
		if schemeOf(n.ProviderID) == s {
			kept = append(kept, n)
		}
	}
	return kept
}

// mixed is the problem of nodes in other clouds than the one that is read;
// false when there are none.
func mixed(counts map[scheme]int, read scheme) (cloud.Problem, bool) {
	var others []string
	for _, s := range ranked(counts) {
		if s != read {
			others = append(others, fmt.Sprintf("%d in %s", counts[s], schemes[s].name))
		}
	}
	if len(others) == 0 {
		return cloud.Problem{}, false
	}
	return cloud.Problem{
		What: "metrics",
		Sentence: fmt.Sprintf("the cluster's nodes are in several clouds (%d in %s, %s): figures are read from %s alone",
			counts[read], schemes[read].name, strings.Join(others, ", "), schemes[read].name),
	}, true
}

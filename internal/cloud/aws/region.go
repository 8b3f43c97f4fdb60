package aws

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/snattop/snattop/internal/cloud"
)

// regionShape finds the region at the start of a zone's name: letters, one or
// more words, one number. "us-east-1a", the local zone "us-west-2-lax-1a" and
// the wavelength zone "us-east-1-wl1-bos-wlz-1" all begin with theirs ("Regions
// and zones" of the EC2 user guide). Whoever may create nodes chooses a
// providerID, and the region ends up in a host name.
var regionShape = regexp.MustCompile(`^[a-z]{2,5}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2}`)

// regionOf reads the region from "aws:///us-east-1a/i-0123"; ok is false for
// anything else.
func regionOf(providerID string) (region string, ok bool) {
	const scheme = "aws://"
	if len(providerID) > 300 || len(providerID) < len(scheme) || !strings.EqualFold(providerID[:len(scheme)], scheme) {
		return "", false
	}
	// Between the slashes stands the account, or nothing.
	parts := strings.Split(providerID[len(scheme):], "/")
	if len(parts) < 3 {
		return "", false
	}
	region = regionShape.FindString(parts[1])
	return region, region != ""
}

// regionsOf counts nodes by region, most nodes first; of equals, the first by
// name.
func regionsOf(nodes []cloud.Node) (regions []string, elsewhere int) {
	count := map[string]int{}
	total := 0
	for _, n := range nodes {
		if region, ok := regionOf(n.ProviderID); ok {
			count[region]++
			total++
		}
	}
	regions = slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
	if len(regions) > 0 {
		elsewhere = total - count[regions[0]]
	}
	return regions, elsewhere
}

package google

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/snattop/snattop/internal/cloud"
)

// machine is a Compute Engine instance, as a providerID names it.
type machine struct{ project, zone, name string }

// The shapes that Google's names may have ("Naming resources" of Compute
// Engine; "Creating and managing projects" of Resource Manager, with the
// domain of older projects before a colon). Whoever may create nodes chooses a
// providerID, and it ends up in a URL and a filter.
var (
	projectShape = regexp.MustCompile(`^(?:[a-z0-9.-]{1,100}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$`)
	zoneShape    = regexp.MustCompile(`^[a-z]+(?:-[a-z0-9]+){1,4}$`)
	nameShape    = regexp.MustCompile(`^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$`)
)

// parseProviderID reads "gce://project/zone/instance"; ok is false for
// anything else.
func parseProviderID(id string) (m machine, ok bool) {
	const scheme = "gce://"
	if len(id) > 300 || len(id) < len(scheme) || !strings.EqualFold(id[:len(scheme)], scheme) {
		return machine{}, false
	}
	parts := strings.Split(id[len(scheme):], "/")
	if len(parts) != 3 {
		return machine{}, false
	}
	m = machine{project: parts[0], zone: parts[1], name: parts[2]}
	return m, projectShape.MatchString(m.project) && zoneShape.MatchString(m.zone) && nameShape.MatchString(m.name)
}

// region is the zone without its last part: "us-central1-a" is in
// "us-central1" ("Regions and zones" of Compute Engine).
func (m machine) region() string {
	if i := strings.LastIndexByte(m.zone, '-'); i > 0 {
		return m.zone[:i]
	}
	return m.zone
}

// fleet is the nodes of one project.
type fleet struct {
	project string
	// names leads from a zone and an instance to the name of its node.
	names map[place]string
	// elsewhere counts nodes of other projects: a cluster has one, so these
	// are a curiosity to be told.
	elsewhere int
}

type place struct{ zone, instance string }

// fleetOf takes the project that most nodes are in; of equals, the first by
// name. ok is false when no node is Google's.
func fleetOf(nodes []cloud.Node) (f fleet, ok bool) {
	byProject := map[string]map[place]string{}
	total := 0
	for _, n := range nodes {
		m, ok := parseProviderID(n.ProviderID)
		if !ok {
			continue
		}
		if byProject[m.project] == nil {
			byProject[m.project] = map[place]string{}
		}
		byProject[m.project][place{m.zone, m.name}] = n.Name
		total++
	}
	if total == 0 {
		return fleet{}, false
	}
	projects := slices.SortedFunc(maps.Keys(byProject), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(byProject[b]), len(byProject[a])), cmp.Compare(a, b))
	})
	f = fleet{project: projects[0], names: byProject[projects[0]]}
	f.elsewhere = total - len(f.names)
	return f, true
}

// zones are those of the fleet, in order.
func (f fleet) zones() []string {
	set := map[string]bool{}
	for p := range f.names {
		set[p.zone] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// regions are those of the fleet, in order.
func (f fleet) regions() []string {
	set := map[string]bool{}
	for p := range f.names {
		set[machine{zone: p.zone}.region()] = true
	}
	return slices.Sorted(maps.Keys(set))
}

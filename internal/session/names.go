package session

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
)

// names is what the watches have told, indexed the ways a session asks.
type names struct {
	nodes    map[string]inventory.Node
	pods     map[string]inventory.Pod
	services map[string]inventory.Service
	// endpoints are slices that lead to public addresses, by UID; sliced lists
	// the UIDs of a Service's, by "namespace/name", and serviceAt its UID by
	// address.
	endpoints map[string]inventory.Endpoints
	sliced    map[string]map[string]bool
	serviceAt map[netip.Addr]string

	// alias joins a static pod's config hash and container IDs to a UID.
	alias map[string]string
	// gone holds pods that were removed, since their ports outlive them; left
	// lists their UIDs, oldest first.
	gone map[string]inventory.Pod
	left []string
	// called names addresses: pods, services, nodes. Addresses of pods on the
	// host's network are the node's.
	called register
	// version grows with every change.
	version uint64
}

func newNames() *names {
	return &names{
		nodes: make(map[string]inventory.Node), pods: make(map[string]inventory.Pod), services: make(map[string]inventory.Service),
		alias: make(map[string]string), gone: make(map[string]inventory.Pod), called: newRegister(),
		endpoints: make(map[string]inventory.Endpoints), sliced: make(map[string]map[string]bool), serviceAt: make(map[netip.Addr]string),
	}
}

// told is what a change concerns beyond names.
type told struct {
	// nodes means that there are others, or that their addresses are others;
	// ways that a Service leads elsewhere.
	nodes, ways bool
}

// apply takes a change.
func (n *names) apply(c *inventory.Change) (t told) {
	n.version++
	// What is gone goes first: its address or name may be another's by now.
	for _, name := range c.GoneNodes {
		n.dropNode(clean(name))
		t.nodes = true
	}
	for _, uid := range c.GonePods {
		n.bid(clean(uid))
	}
	for _, uid := range c.GoneServices {
		t.ways = n.leads(n.services[clean(uid)]) || t.ways
		n.dropService(clean(uid))
	}
	for _, uid := range c.GoneEndpoints {
		n.dropEndpoints(clean(uid))
		t.ways = true
	}
	for _, e := range c.Endpoints {
		n.addEndpoints(e)
		t.ways = true
	}
	for _, node := range c.Nodes {
		if node.Name = clean(node.Name); node.Name == "" {
			continue
		}
		node.InternalIP, node.ProviderID, node.OS = clean(node.InternalIP), clean(node.ProviderID), clean(node.OS)
		t.nodes = t.nodes || !sameWays(n.nodes[node.Name], node)
		n.dropNode(node.Name)
		n.nodes[node.Name] = node
		for _, ip := range nodeAddrs(node) {
			n.called.set(ip, node.Name)
		}
	}
	for _, p := range c.Pods {
		p.UID = clean(p.UID)
		n.dropPod(p.UID)
		n.addPod(p)
	}
	for _, s := range c.Services {
		s.UID = clean(s.UID)
		t.ways = n.leads(n.services[s.UID]) || t.ways
		n.dropService(s.UID)
		s.Namespace, s.Name = clean(s.Namespace), clean(s.Name)
		s.ClusterIPs = addresses(s.ClusterIPs)
		n.services[s.UID] = s
		for _, ip := range addresses(s.ClusterIPs) {
			n.called.set(ip, s.Name+"."+s.Namespace+".svc")
			t.ways = n.leads(n.services[n.serviceAt[ip]]) || t.ways // it may have been another's
			n.serviceAt[ip] = s.UID
		}
		t.ways = n.leads(s) || t.ways
	}
	return t
}

// leads reports whether a Service leads to public addresses.
func (n *names) leads(s inventory.Service) bool { return len(n.sliced[s.Namespace+"/"+s.Name]) > 0 }

// sameWays reports whether nothing of a node has changed that says how its
// traffic leaves it, or what else there is but to be named.
func sameWays(was, is inventory.Node) bool {
	return was.Name == is.Name && was.InternalIP == is.InternalIP && was.ProviderID == is.ProviderID && maps.Equal(was.Labels, is.Labels) &&
		slices.Equal(was.PodCIDRs, is.PodCIDRs) && slices.Equal(was.ExternalIPs, is.ExternalIPs)
}

func (n *names) addEndpoints(e inventory.Endpoints) {
	e.UID, e.Namespace, e.Service = clean(e.UID), clean(e.Namespace), clean(e.Service)
	n.dropEndpoints(e.UID)
	if e.UID == "" || len(n.endpoints) >= maxEndpointSlices {
		return
	}
	e.Addresses = addresses(e.Addresses)
	n.endpoints[e.UID] = e
	of := e.Namespace + "/" + e.Service
	if n.sliced[of] == nil {
		n.sliced[of] = make(map[string]bool)
	}
	n.sliced[of][e.UID] = true
}

func (n *names) dropEndpoints(uid string) {
	e, ok := n.endpoints[uid]
	if !ok {
		return
	}
	delete(n.endpoints, uid)
	of := e.Namespace + "/" + e.Service
	if delete(n.sliced[of], uid); len(n.sliced[of]) == 0 {
		delete(n.sliced, of)
	}
}

// behind returns where a Service's own address leads, in order; nothing for
// every other address, and for Services that are served from private ones.
func (n *names) behind(d snat.Dest) []netip.AddrPort {
	svc, ok := n.services[n.serviceAt[d.IP]]
	if !ok {
		return nil
	}
	var out []netip.AddrPort
	for uid := range n.sliced[svc.Namespace+"/"+svc.Name] {
		e := n.endpoints[uid]
		out = append(out, e.Behind(&svc, d.IP, d.Protocol, d.Port)...)
	}
	slices.SortFunc(out, netip.AddrPort.Compare)
	return slices.Compact(out)
}

func (n *names) addPod(p inventory.Pod) {
	if p.UID == "" {
		return
	}
	p.Namespace, p.Name, p.Phase = clean(p.Namespace), clean(p.Name), clean(p.Phase)
	p.Workload.Kind, p.Workload.Name = clean(p.Workload.Kind), clean(p.Workload.Name)
	p.IPs = addresses(p.IPs)
	n.pods[p.UID] = p
	if p.ConfigHash != "" {
		n.alias[p.ConfigHash] = p.UID
	}
	for _, c := range p.Containers {
		if c.ID != "" {
			n.alias[c.ID] = p.UID
		}
	}
	// A finished pod's address may belong to another by now.
	if p.HostNetwork || p.Phase == "Succeeded" || p.Phase == "Failed" {
		return
	}
	for _, ip := range p.IPs {
		n.called.set(ip, p.Namespace+"/"+p.Name)
	}
}

// bid lets a pod go and keeps its name for a while.
func (n *names) bid(uid string) {
	p, ok := n.pods[uid]
	if !ok {
		return
	}
	n.dropPod(uid)
	n.gone[uid] = p
	n.left = append(n.left, uid)
	n.answer(p)
	for len(n.left) > maxGonePods {
		n.forget(n.left[0])
		n.left = n.left[1:]
	}
}

// answer makes a pod that is gone known by what the node saw of it: a hash or
// a container, unless that is another's.
func (n *names) answer(p inventory.Pod) {
	for _, id := range append([]string{p.ConfigHash}, containerIDs(p)...) {
		if _, taken := n.alias[id]; id != "" && !taken {
			n.alias[id] = p.UID
		}
	}
}

// forget drops the name of a pod that is gone.
func (n *names) forget(uid string) {
	p := n.gone[uid]
	delete(n.gone, uid)
	if _, back := n.pods[uid]; back {
		return
	}
	for _, id := range append([]string{p.ConfigHash}, containerIDs(p)...) {
		if n.alias[id] == uid {
			delete(n.alias, id)
		}
	}
}

func containerIDs(p inventory.Pod) []string {
	out := make([]string, 0, len(p.Containers))
	for _, c := range p.Containers {
		out = append(out, c.ID)
	}
	return out
}

func (n *names) dropPod(uid string) {
	p, ok := n.pods[uid]
	if !ok {
		return
	}
	delete(n.pods, uid)
	if p.ConfigHash != "" && n.alias[p.ConfigHash] == uid {
		delete(n.alias, p.ConfigHash)
	}
	for _, c := range p.Containers {
		if n.alias[c.ID] == uid {
			delete(n.alias, c.ID)
		}
	}
	for _, ip := range p.IPs {
		if n.called.get(ip) == p.Namespace+"/"+p.Name {
			n.called.set(ip, "")
		}
	}
}

func (n *names) dropService(uid string) {
	s, ok := n.services[uid]
	if !ok {
		return
	}
	delete(n.services, uid)
	for _, ip := range addresses(s.ClusterIPs) {
		if n.called.get(ip) == s.Name+"."+s.Namespace+".svc" {
			n.called.set(ip, "")
		}
		if n.serviceAt[ip] == uid {
			delete(n.serviceAt, ip)
		}
	}
}

func (n *names) dropNode(name string) {
	node, ok := n.nodes[name]
	if !ok {
		return
	}
	delete(n.nodes, name)
	for _, ip := range nodeAddrs(node) {
		if n.called.get(ip) == name {
			n.called.set(ip, "")
		}
	}
}

// pod finds a pod by what a probe saw: a UID, a config hash, a container ID.
// One that has been removed is found for as long as its name is kept.
func (n *names) pod(seen string) (inventory.Pod, bool) {
	for _, pods := range []map[string]inventory.Pod{n.pods, n.gone} {
		for _, uid := range []string{seen, n.alias[seen]} {
			if p, ok := pods[uid]; ok {
				return p, true
			}
		}
	}
	return inventory.Pod{}, false
}

// container names a container of a pod, by the name in its spec where the
// watch told it, else by its short ID.
func container(p inventory.Pod, id string) string {
	for _, c := range p.Containers {
		if c.ID == id {
			return clean(c.Name)
		}
	}
	return shortID(id)
}

func shortID(id string) string {
	if id = clean(id); len(id) > 12 {
		return id[:12]
	}
	return id
}

func nodeAddrs(n inventory.Node) []netip.Addr {
	var out []netip.Addr
	for _, s := range append([]string{n.InternalIP}, n.ExternalIPs...) {
		if ip, err := netip.ParseAddr(s); err == nil {
			out = append(out, address(ip))
		}
	}
	return out
}

// ranges are the address ranges of the cluster itself.
func (n *names) ranges() []snat.Range {
	var out []snat.Range
	for _, node := range n.nodes {
		for _, cidr := range node.PodCIDRs {
			if p, err := netip.ParsePrefix(cidr); err == nil {
				out = append(out, snat.Range{Prefix: p, Why: "pod network"})
			}
		}
		if ip, err := netip.ParseAddr(node.InternalIP); err == nil {
			out = append(out, snat.Range{Prefix: netip.PrefixFrom(ip, ip.BitLen()), Why: "node"})
		}
	}
	return out
}

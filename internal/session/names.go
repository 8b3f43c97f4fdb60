package session

import (
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
	// byIP names addresses: pods, services, nodes. Addresses of pods on the
	// host's network are the node's.
	byIP map[netip.Addr]string
}

func newNames() *names {
	return &names{
		nodes: make(map[string]inventory.Node), pods: make(map[string]inventory.Pod), services: make(map[string]inventory.Service),
		alias: make(map[string]string), gone: make(map[string]inventory.Pod), byIP: make(map[netip.Addr]string),
		endpoints: make(map[string]inventory.Endpoints), sliced: make(map[string]map[string]bool), serviceAt: make(map[netip.Addr]string),
	}
}

// apply takes a change and reports whether the set of nodes has changed.
func (n *names) apply(c *inventory.Change) (nodes bool) {
	// What is gone goes first: its address or name may be another's by now.
	for _, name := range c.GoneNodes {
		n.dropNode(clean(name))
		nodes = true
	}
	for _, uid := range c.GonePods {
		n.bid(clean(uid))
	}
	for _, uid := range c.GoneServices {
		n.dropService(clean(uid))
	}
	for _, uid := range c.GoneEndpoints {
		n.dropEndpoints(clean(uid))
	}
	for _, e := range c.Endpoints {
		n.addEndpoints(e)
	}
	for _, node := range c.Nodes {
		if node.Name = clean(node.Name); node.Name == "" {
			continue
		}
		node.InternalIP, node.ProviderID, node.OS = clean(node.InternalIP), clean(node.ProviderID), clean(node.OS)
		n.dropNode(node.Name)
		n.nodes[node.Name] = node
		for _, ip := range nodeAddrs(node) {
			n.byIP[ip] = node.Name
		}
		nodes = true
	}
	for _, p := range c.Pods {
		p.UID = clean(p.UID)
		n.dropPod(p.UID)
		n.addPod(p)
	}
	for _, s := range c.Services {
		s.UID = clean(s.UID)
		n.dropService(s.UID)
		s.Namespace, s.Name = clean(s.Namespace), clean(s.Name)
		s.ClusterIPs = addresses(s.ClusterIPs)
		n.services[s.UID] = s
		for _, ip := range addresses(s.ClusterIPs) {
			n.byIP[ip] = s.Name + "." + s.Namespace + ".svc"
			n.serviceAt[ip] = s.UID
		}
	}
	return nodes
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
		n.byIP[ip] = p.Namespace + "/" + p.Name
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
		if n.byIP[ip] == p.Namespace+"/"+p.Name {
			delete(n.byIP, ip)
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
		if n.byIP[ip] == s.Name+"."+s.Namespace+".svc" {
			delete(n.byIP, ip)
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
		if n.byIP[ip] == name {
			delete(n.byIP, ip)
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

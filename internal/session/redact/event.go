package redact

import (
	"net/netip"
	"strings"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// Event returns an event without names and addresses, and what the session has
// to hear before it. The event that it was is left alone.
func (r *Redactor) Event(e session.Event) []session.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.event(e)
	if len(r.news) == 0 {
		return []session.Event{out}
	}
	news := session.Event{Time: e.Time, Settings: &session.Settings{Private: r.news}}
	r.news = nil
	return []session.Event{news, out}
}

func (r *Redactor) event(e session.Event) session.Event {
	out := session.Event{Time: e.Time, PodUID: r.id(e.PodUID)}
	if e.Node != "" {
		out.Node = r.node(e.Node)
	}
	switch {
	case e.Hello != nil:
		out.Hello = r.hello(e.Hello)
	case e.Tick != nil:
		out.Tick = r.tick(e.Tick)
	case e.Bye != nil:
		out.Bye = &wire.Bye{Reason: r.text(e.Bye.Reason), Failed: e.Bye.Failed}
	case e.State != nil:
		s := *e.State
		s.Error, s.Progress, s.Scoped = r.text(s.Error), r.text(s.Progress), each(s.Scoped, r.pod)
		out.State = &s
	case e.Cluster != nil:
		c := *e.Cluster
		if c.Context != "local" {
			c.Context = r.name(kindCluster, c.Context)
		}
		out.Cluster = &c
	case e.Objects != nil:
		out.Objects = r.objects(e.Objects)
	case e.Problem != nil:
		text := r.text(*e.Problem)
		out.Problem = &text
	case e.Cloud != nil:
		out.Cloud = r.reading(e.Cloud)
	case e.Settings != nil:
		out.Settings = r.settings(e.Settings)
	}
	return out
}

func (r *Redactor) hello(h *wire.Hello) *wire.Hello {
	out := *h
	out.Hostname = r.name(kindNode, h.Hostname)
	out.Features = each(h.Features, func(f wire.Feature) wire.Feature {
		f.Detail = r.text(f.Detail)
		return f
	})
	return &out
}

func (r *Redactor) tick(t *wire.Tick) *wire.Tick {
	out := *t
	out.Owners = each(t.Owners, func(o wire.Owner) wire.Owner {
		o.PodUID, o.ContainerIDs, o.Unit, o.IPs = r.id(o.PodUID), r.ids(o.ContainerIDs), r.unit(o.Unit), r.ips(o.IPs)
		return o
	})
	out.Rows = each(t.Rows, func(row wire.Row) wire.Row {
		if row.IP.IsValid() {
			row.IP = r.ip(row.IP)
		}
		row.Processes = each(row.Processes, func(p wire.Process) wire.Process {
			p.Command, p.ContainerID = r.command(p.Command), r.id(p.ContainerID)
			return p
		})
		return row
	})
	out.Sources = each(t.Sources, func(s wire.Source) wire.Source {
		s.IP = r.ip(s.IP)
		return s
	})
	out.Problems = each(t.Problems, r.text)
	return &out
}

func (r *Redactor) objects(c *inventory.Change) *inventory.Change {
	r.learn(c)
	return &inventory.Change{
		Nodes: each(c.Nodes, r.object), GoneNodes: each(c.GoneNodes, r.node),
		Pods: each(c.Pods, r.podObject), GonePods: r.ids(c.GonePods),
		Services: each(c.Services, func(s inventory.Service) inventory.Service {
			s.UID, s.ClusterIPs = r.id(s.UID), r.ips(s.ClusterIPs)
			s.Namespace, s.Name = r.service(s.Namespace, s.Name)
			s.Ports = each(s.Ports, func(p inventory.ServicePort) inventory.ServicePort {
				p.Name, p.TargetName = r.name(kindPort, p.Name), r.name(kindPort, p.TargetName)
				return p
			})
			return s
		}),
		GoneServices: r.ids(c.GoneServices),
		Endpoints: each(c.Endpoints, func(e inventory.Endpoints) inventory.Endpoints {
			e.UID, e.Addresses = r.id(e.UID), r.ips(e.Addresses)
			e.Namespace, e.Service = r.service(e.Namespace, e.Service)
			e.Ports = each(e.Ports, func(p inventory.EndpointPort) inventory.EndpointPort {
				p.Name = r.name(kindPort, p.Name)
				return p
			})
			return e
		}),
		GoneEndpoints: r.ids(c.GoneEndpoints),
	}
}

// service keeps the one Service that every cluster has.
func (r *Redactor) service(namespace, name string) (string, string) {
	if namespace == "default" && name == "kubernetes" {
		return namespace, name
	}
	return r.namespace(namespace), r.name(kindService, name)
}

// object is a node. Its labels keep what says how traffic leaves it.
func (r *Redactor) object(n inventory.Node) inventory.Node {
	out := inventory.Node{
		Name: r.node(n.Name), InternalIP: r.addressText(n.InternalIP), OS: n.OS, Arch: n.Arch, Ready: n.Ready, NotReady: r.text(n.NotReady),
		ExternalIPs: each(n.ExternalIPs, r.addressText),
	}
	r.own(n.InternalIP)
	if snat.FromProviderID(n.ProviderID) != snat.ProviderUnknown {
		scheme, _, _ := strings.Cut(n.ProviderID, "://")
		out.ProviderID = scheme + ":///" + r.name(kindCloud, n.ProviderID)
	}
	for k, v := range n.Labels {
		switch k {
		case inventory.LabelAzureMode, inventory.LabelAzurePodNetwork, inventory.LabelAzureHostRouting:
			if !plainValues[v] {
				v = r.name(kindName, v)
			}
		default:
			v = r.name(kindName, v)
		}
		if out.Labels == nil {
			out.Labels = map[string]string{}
		}
		out.Labels[k] = v
	}
	return out
}

// plainValues are those that labels of Azure's have for everybody.
var plainValues = set("system user gateway overlay vnet vnetblock true false")

func (r *Redactor) addressText(text string) string {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return r.name(kindName, text)
	}
	return r.ip(ip).String()
}

func (r *Redactor) podObject(p inventory.Pod) inventory.Pod {
	switch {
	case p.OwnEgress != "":
		p.OwnEgress = r.egress(p.OwnEgress)
	case !p.HostNetwork && r.declared(p.Namespace, p.Name):
		p.OwnEgress = "--own-egress"
	}
	p.UID, p.ConfigHash, p.IPs, p.Node = r.id(p.UID), r.id(p.ConfigHash), r.ips(p.IPs), r.nodeOrNone(p.Node)
	p.Namespace, p.Name, p.Workload = r.namespace(p.Namespace), r.name(kindPod, p.Name), r.workload(p.Workload)
	p.Containers = each(p.Containers, func(c inventory.Container) inventory.Container {
		c.Name, c.ID = r.name(kindContainer, c.Name), r.id(c.ID)
		return c
	})
	return p
}

func (r *Redactor) nodeOrNone(name string) string {
	if name == "" {
		return ""
	}
	return r.node(name)
}

// reading keeps figures, and what the cloud itself calls its things.
func (r *Redactor) reading(c *cloud.Reading) *cloud.Reading {
	out := *c
	if p := c.Profile; p != nil {
		one := *p
		one.Name, one.Group, one.Gateway = r.name(kindCluster, p.Name), r.name(kindCloud, p.Group), r.name(kindCloud, p.Gateway)
		out.Profile = &one
	}
	out.Nodes = each(c.Nodes, func(n cloud.NodeReading) cloud.NodeReading {
		if n.IP != "" {
			n.IP = r.addressText(n.IP)
		}
		n.Name = r.nodeOrNone(n.Name)
		return n
	})
	out.Problems = each(c.Problems, func(p cloud.Problem) cloud.Problem {
		p.Sentence = r.text(p.Sentence)
		return p
	})
	return &out
}

package k8s

import (
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snattop/snattop/k8s/inventory"
)

// nodeOf cuts a node down to what a session needs.
func nodeOf(n *corev1.Node) inventory.Node {
	out := inventory.Node{
		Name:       n.Name,
		ProviderID: n.Spec.ProviderID,
		OS:         n.Status.NodeInfo.OperatingSystem,
		Arch:       n.Status.NodeInfo.Architecture,
		PodCIDRs:   slices.Clone(n.Spec.PodCIDRs),
	}
	// A node that has never reported still carries its labels.
	if out.OS == "" {
		out.OS = n.Labels[corev1.LabelOSStable]
	}
	if out.Arch == "" {
		out.Arch = n.Labels[corev1.LabelArchStable]
	}
	if len(out.PodCIDRs) == 0 && n.Spec.PodCIDR != "" {
		out.PodCIDRs = []string{n.Spec.PodCIDR}
	}
	for _, a := range n.Status.Addresses {
		switch a.Type {
		case corev1.NodeInternalIP:
			if out.InternalIP == "" {
				out.InternalIP = a.Address
			}
		case corev1.NodeExternalIP:
			out.ExternalIPs = append(out.ExternalIPs, a.Address)
		case corev1.NodeHostName, corev1.NodeInternalDNS, corev1.NodeExternalDNS:
		}
	}
	for _, c := range n.Status.Conditions {
		if c.Type != corev1.NodeReady {
			continue
		}
		out.Ready = c.Status == corev1.ConditionTrue
		if !out.Ready {
			out.NotReady = strings.TrimSuffix(oneLine(c.Reason+": "+c.Message), ":")
		}
	}
	for key, value := range pick(n.Labels, inventory.NodeLabels()...) {
		if out.Labels == nil {
			out.Labels = map[string]string{}
		}
		out.Labels[key] = cleanName(value)
	}
	out.Images = imagesOf(n.Status.Images)
	return out
}

// imagesOf lists one reference for each image, smallest first. A tag is
// preferred over a digest because it can be read; both name the same image.
func imagesOf(images []corev1.ContainerImage) []string {
	sorted := slices.Clone(images)
	slices.SortStableFunc(sorted, func(a, b corev1.ContainerImage) int {
		switch {
		case a.SizeBytes < b.SizeBytes:
			return -1
		case a.SizeBytes > b.SizeBytes:
			return 1
		default:
			return 0
		}
	})
	var out []string
	for _, img := range sorted {
		best := ""
		for _, name := range img.Names {
			if strings.Contains(name, "<none>") {
				continue
			}
			if best == "" || !strings.Contains(name, "@") {
				best = name
			}
		}
		if best != "" {
			out = append(out, best)
		}
	}
	return out
}

// podOf cuts a pod down to what a session needs.
func podOf(p *corev1.Pod) inventory.Pod {
	out := inventory.Pod{
		UID:         string(p.UID),
		Namespace:   p.Namespace,
		Name:        p.Name,
		Node:        p.Spec.NodeName,
		HostNetwork: p.Spec.HostNetwork,
		Workload:    WorkloadOf(p),
		Phase:       string(p.Status.Phase),
		ConfigHash:  p.Annotations[configHash],
		OwnEgress:   ownEgress(p),
		Created:     p.CreationTimestamp.UTC(),
	}
	for _, ip := range p.Status.PodIPs {
		if a, err := netip.ParseAddr(ip.IP); err == nil {
			out.IPs = append(out.IPs, a)
		}
	}
	if len(out.IPs) == 0 {
		if a, err := netip.ParseAddr(p.Status.PodIP); err == nil {
			out.IPs = []netip.Addr{a}
		}
	}
	for _, set := range [][]corev1.ContainerStatus{
		p.Status.InitContainerStatuses, p.Status.ContainerStatuses, p.Status.EphemeralContainerStatuses,
	} {
		for i := range set {
			if id := bareID(set[i].ContainerID); id != "" {
				out.Containers = append(out.Containers, inventory.Container{Name: set[i].Name, ID: id})
			}
		}
	}
	return out
}

// ownEgress says why a pod's connections leave through another node's ports.
// The gateway's own routes are not looked up: a gateway may be made to take
// some destinations only.
func ownEgress(p *corev1.Pod) string {
	gateway := cleanName(p.Annotations[staticGateway])
	// The annotation does nothing for pods on the host's network, says AKS's
	// "Configure Static Egress Gateway".
	if gateway == "" || p.Spec.HostNetwork {
		return ""
	}
	return "static egress gateway " + gateway
}

// bareID strips "containerd://" and the like.
func bareID(id string) string {
	if _, bare, ok := strings.Cut(id, "://"); ok {
		return bare
	}
	return id
}

// serviceOf cuts a service down to what a session needs; ok is false for one
// without an address of its own.
func serviceOf(s *corev1.Service) (inventory.Service, bool) {
	out := inventory.Service{UID: string(s.UID), Namespace: s.Namespace, Name: s.Name}
	ips := s.Spec.ClusterIPs
	if len(ips) == 0 {
		ips = []string{s.Spec.ClusterIP}
	}
	for _, ip := range ips {
		if a, err := netip.ParseAddr(ip); err == nil {
			out.ClusterIPs = append(out.ClusterIPs, a.Unmap().WithZone(""))
		}
	}
	out.Ports = servicePorts(s.Spec.Ports)
	return out, len(out.ClusterIPs) > 0
}

// trim drops everything of an object that the functions above do not read,
// while it is still in the hands of the decoder: a list of 50,000 pods must
// not be held whole.
func trim(obj any) any {
	switch o := obj.(type) {
	case *corev1.Pod:
		return trimPod(o)
	case *corev1.Node:
		o.ObjectMeta = trimMeta(&o.ObjectMeta, inventory.NodeLabels()...)
		o.Status = corev1.NodeStatus{
			Addresses: o.Status.Addresses, Conditions: o.Status.Conditions,
			NodeInfo: o.Status.NodeInfo, Images: o.Status.Images,
		}
	case *corev1.Service:
		o.ObjectMeta = trimMeta(&o.ObjectMeta)
		o.Spec = corev1.ServiceSpec{ClusterIP: o.Spec.ClusterIP, ClusterIPs: o.Spec.ClusterIPs, Ports: o.Spec.Ports}
		o.Status = corev1.ServiceStatus{}
	case *discoveryv1.EndpointSlice:
		trimSlice(o)
	}
	return obj
}

func trimPod(o *corev1.Pod) *corev1.Pod {
	o.ObjectMeta = trimMeta(&o.ObjectMeta)
	o.Spec = corev1.PodSpec{NodeName: o.Spec.NodeName, HostNetwork: o.Spec.HostNetwork}
	bare := func(in []corev1.ContainerStatus) []corev1.ContainerStatus {
		out := make([]corev1.ContainerStatus, 0, len(in))
		for i := range in {
			out = append(out, corev1.ContainerStatus{Name: in[i].Name, ContainerID: in[i].ContainerID})
		}
		return out
	}
	o.Status = corev1.PodStatus{
		Phase: o.Status.Phase, PodIP: o.Status.PodIP, PodIPs: o.Status.PodIPs,
		InitContainerStatuses:      bare(o.Status.InitContainerStatuses),
		ContainerStatuses:          bare(o.Status.ContainerStatuses),
		EphemeralContainerStatuses: bare(o.Status.EphemeralContainerStatuses),
	}
	return o
}

// trimMeta keeps the labels that all kinds share, and those given.
func trimMeta(m *metav1.ObjectMeta, labels ...string) metav1.ObjectMeta {
	out := metav1.ObjectMeta{
		Name: m.Name, Namespace: m.Namespace, UID: m.UID, ResourceVersion: m.ResourceVersion,
		CreationTimestamp: m.CreationTimestamp, OwnerReferences: m.OwnerReferences,
	}
	out.Labels = pick(m.Labels, append(labels, hashLabel, corev1.LabelOSStable, corev1.LabelArchStable)...)
	// The watch list's end is marked by an annotation on an empty object.
	out.Annotations = pick(m.Annotations, configHash, mirrorAnnot, staticGateway, metav1.InitialEventsAnnotationKey)
	return out
}

func pick(in map[string]string, keys ...string) map[string]string {
	var out map[string]string
	for _, k := range keys {
		if v, ok := in[k]; ok {
			if out == nil {
				out = map[string]string{}
			}
			out[k] = v
		}
	}
	return out
}

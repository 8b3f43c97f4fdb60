package capture

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Bounds of a filter: what a program in the kernel may become.
const (
	MaxHosts = 16
	MaxPorts = 16
)

// Proto names what a filter keeps; "" keeps every protocol.
type Proto string

// The protocols. ICMP is that of IPv4 and of IPv6.
const (
	TCP  Proto = "tcp"
	UDP  Proto = "udp"
	SCTP Proto = "sctp"
	ICMP Proto = "icmp"
)

// Filter says which packets are wanted: those that satisfy every part that is
// set. The zero value wants all, of whatever protocol.
//
// Parts look at both directions: an address may be the source's or the
// destination's, and so may a port. With hosts alone, ARP for them is kept too.
// Of a datagram in pieces only the first holds ports: the others are kept when
// all else holds, so that the whole can be put together again.
type Filter struct {
	// Hosts are ranges, any of which serves; at most MaxHosts.
	Hosts []netip.Prefix
	// Own are addresses of the one whose packets are wanted, where others share
	// its interface: any of them serves, besides Hosts. At most MaxHosts.
	Own []netip.Addr
	// Ports are TCP's, UDP's or SCTP's, any of which serves; at most MaxPorts.
	Ports []uint16
	Proto Proto
}

// ParseFilter reads a filter as flags spell it: addresses or ranges, port
// numbers, a protocol. The error says which of them does not serve.
func ParseFilter(hosts, ports []string, proto string) (Filter, error) {
	f := Filter{Proto: Proto(strings.ToLower(proto))}
	for _, h := range hosts {
		p, err := parseHost(h)
		if err != nil {
			return Filter{}, err
		}
		f.Hosts = append(f.Hosts, p)
	}
	for _, text := range ports {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil || n == 0 {
			return Filter{}, fmt.Errorf("port %q: use a number from 1 to 65535", text)
		}
		f.Ports = append(f.Ports, uint16(n))
	}
	return f, f.check()
}

func parseHost(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("host %q: use an address or a range, such as 203.0.113.7 or 10.0.0.0/8", text)
	}
	return p.Masked(), nil
}

// check reports what makes no sense or is too much.
func (f Filter) check() error {
	if !slices.Contains([]Proto{"", TCP, UDP, SCTP, ICMP}, f.Proto) {
		return fmt.Errorf("protocol %q: use tcp, udp, sctp or icmp", f.Proto)
	}
	if f.Proto == ICMP && len(f.Ports) > 0 {
		return fmt.Errorf("port %d: icmp has no ports", f.Ports[0])
	}
	if len(f.Hosts) > MaxHosts || len(f.Own) > MaxHosts {
		return fmt.Errorf("%d hosts: name at most %d, or a range", max(len(f.Hosts), len(f.Own)), MaxHosts)
	}
	if len(f.Ports) > MaxPorts {
		return fmt.Errorf("%d ports: name at most %d", len(f.Ports), MaxPorts)
	}
	return nil
}

// empty reports whether every packet is wanted.
func (f Filter) empty() bool {
	return len(f.Hosts) == 0 && len(f.Own) == 0 && len(f.Ports) == 0 && f.Proto == ""
}

// String writes the filter as tcpdump would read it; "" when it wants all.
func (f Filter) String() string {
	var parts []string
	switch f.Proto {
	case "":
	case ICMP:
		parts = append(parts, "(icmp or icmp6)")
	case TCP, UDP, SCTP:
		parts = append(parts, string(f.Proto))
	}
	var own, hosts, ports []string
	for _, a := range f.Own {
		own = append(own, "host "+a.String())
	}
	for _, p := range f.Hosts {
		if p.IsSingleIP() {
			hosts = append(hosts, "host "+p.Addr().String())
		} else {
			hosts = append(hosts, "net "+p.String())
		}
	}
	for _, p := range f.Ports {
		ports = append(ports, "port "+strconv.Itoa(int(p)))
	}
	for _, alternatives := range [][]string{own, hosts, ports} {
		switch len(alternatives) {
		case 0:
		case 1:
			parts = append(parts, alternatives[0])
		default:
			parts = append(parts, "("+strings.Join(alternatives, " or ")+")")
		}
	}
	return strings.Join(parts, " and ")
}

// Flags writes the filter as flags of the probe's sub-command.
func (f Filter) Flags() []string {
	var out []string
	for _, p := range f.Hosts {
		out = append(out, "--host", p.String())
	}
	for _, p := range f.Ports {
		out = append(out, "--port", strconv.Itoa(int(p)))
	}
	if f.Proto != "" {
		out = append(out, "--proto", string(f.Proto))
	}
	return out
}

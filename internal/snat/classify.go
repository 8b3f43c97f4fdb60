package snat

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/gaissmai/bart"
)

// Class says whether a destination consumes a source port of the balancer,
// and why not when it does not.
type Class struct {
	Eligible bool
	// WhyNot is empty for eligible destinations; else a short reason such as
	// "private" or "loopback".
	WhyNot string
	// Public reports whether the address is globally routable, which is the
	// seeds' own test and holds regardless of what a cluster adds to it.
	Public bool
}

// builtin lists the address ranges that never reach a balancer's source NAT.
// Each row carries the reason that operators see, and its source.
var builtin = []struct{ prefix, why string }{
	{"0.0.0.0/8", "this host"},                // RFC 1122 §3.2.1.3
	{"10.0.0.0/8", "private"},                 // RFC 1918
	{"172.16.0.0/12", "private"},              // RFC 1918
	{"192.168.0.0/16", "private"},             // RFC 1918
	{"100.64.0.0/10", "shared address space"}, // RFC 6598
	{"127.0.0.0/8", "loopback"},               // RFC 1122
	{"169.254.0.0/16", "link-local"},          // RFC 3927; clouds' metadata service
	{"168.63.129.16/32", "azure platform"},    // Azure "What is IP address 168.63.129.16?"
	{"224.0.0.0/4", "multicast"},              // RFC 5771
	{"240.0.0.0/4", "reserved"},               // RFC 1112 §4
	{"::/128", "this host"},                   // RFC 4291
	{"::1/128", "loopback"},                   // RFC 4291
	{"fe80::/10", "link-local"},               // RFC 4291
	{"fc00::/7", "private"},                   // RFC 4193
	{"ff00::/8", "multicast"},                 // RFC 4291
}

// Classifier answers for addresses by longest prefix match. It is immutable
// and safe for concurrent use.
type Classifier struct {
	builtin bart.Table[string]
	added   bart.Table[Range]
}

// Range is an address range that an operator or the cluster declares private.
type Range struct {
	Prefix netip.Prefix
	// Why is what operators read, for example "--private-cidr".
	Why string
	// Hidden means that the addresses stand for others that are not globally
	// routable, as in a picture whose addresses are pseudonyms.
	Hidden bool
}

// NewClassifier returns a classifier of the built-in ranges and those added.
func NewClassifier(added ...Range) *Classifier {
	c := &Classifier{}
	for _, b := range builtin {
		c.builtin.Insert(netip.MustParsePrefix(b.prefix), b.why)
	}
	for _, r := range added {
		c.added.Insert(unmapped(r.Prefix).Masked(), r)
	}
	return c
}

// unmapped turns a range of IPv4-mapped addresses into the IPv4 range: it is
// looked up by unwrapped addresses and would match none.
func unmapped(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

// Classify answers for one address. IPv4-mapped IPv6 addresses are unwrapped.
func (c *Classifier) Classify(ip netip.Addr) Class {
	ip = ip.Unmap().WithZone("")
	if !ip.IsValid() {
		return Class{WhyNot: "no address"}
	}
	builtin, hidden := c.builtin.Lookup(ip)
	if r, ok := c.added.Lookup(ip); ok {
		return Class{WhyNot: r.Why, Public: !hidden && !r.Hidden}
	}
	if hidden {
		return Class{WhyNot: builtin}
	}
	return Class{Eligible: true, Public: true}
}

// ParseRanges reads --private-cidr values; a bare address means just itself.
func ParseRanges(values []string, why string) ([]Range, error) {
	out := make([]Range, 0, len(values))
	for _, v := range values {
		v = strings.TrimSpace(v)
		p, err := netip.ParsePrefix(v)
		if err != nil {
			addr, addrErr := netip.ParseAddr(v)
			if addrErr != nil {
				return nil, fmt.Errorf("%q is not a CIDR such as 10.0.0.0/8: %w", v, err)
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		out = append(out, Range{Prefix: p.Masked(), Why: why})
	}
	return out, nil
}

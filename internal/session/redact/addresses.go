package redact

import (
	"encoding/binary"
	"net/netip"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
)

// maxRanges bounds what a recording may declare.
const maxRanges = 10_000

// The addresses for documentation (RFC 5737, RFC 3849). IPv4 has 768 of them:
// two thirds stand for public addresses, and the rest, in blocks of one reason
// each, for those that take no port. What finds no room there becomes an IPv6
// address.
var (
	public4  = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("198.51.100.0/24")}
	private4 = netip.MustParsePrefix("192.0.2.0/24")
	doc6     = netip.MustParsePrefix("2001:db8::/32")
)

// blockBits is the size of a block of IPv4 addresses of one reason: 16.
const (
	blockBits = 28
	blocks    = 1 << (blockBits - 24)
)

// reason is why addresses take no port, and whether they are public all the
// same. The zero reason is that of addresses that do.
type reason struct {
	why    string
	public bool
}

// addresses knows the pseudonyms of addresses.
type addresses struct {
	classes  *snat.Classifier
	operator []snat.Range
	ofNode   map[string][]snat.Range

	given map[netip.Addr]netip.Addr
	used  map[netip.Addr]bool
	// number numbers the reasons, from 1; block lists their IPv4 blocks.
	number map[reason]uint16
	block  map[reason][]netip.Prefix
	blocks int
	// ofNodes are the pseudonyms that the session takes for a node's by itself.
	ofNodes map[netip.Addr]bool
	// news are ranges that the session is to hear of before the addresses.
	news []session.PrivateRange
}

func newAddresses(private []snat.Range) addresses {
	return addresses{
		classes: snat.NewClassifier(private...), operator: private, ofNode: map[string][]snat.Range{},
		given: map[netip.Addr]netip.Addr{}, used: map[netip.Addr]bool{}, number: map[reason]uint16{}, block: map[reason][]netip.Prefix{},
		ofNodes: map[netip.Addr]bool{},
	}
}

// learn takes the ranges of the cluster itself, as a session does.
func (r *Redactor) learn(c *inventory.Change) {
	for _, name := range c.GoneNodes {
		delete(r.ofNode, name)
	}
	for _, n := range c.Nodes {
		var list []snat.Range
		for _, cidr := range n.PodCIDRs {
			if p, err := netip.ParsePrefix(cidr); err == nil {
				list = append(list, snat.Range{Prefix: p, Why: "pod network"})
			}
		}
		if ip, err := netip.ParseAddr(n.InternalIP); err == nil {
			list = append(list, snat.Range{Prefix: netip.PrefixFrom(ip, ip.BitLen()), Why: "node"})
		}
		if len(r.ofNode) < maxRanges {
			r.ofNode[n.Name] = list
		}
	}
	if len(c.Nodes)+len(c.GoneNodes) > 0 {
		r.classify()
	}
}

func (r *Redactor) classify() {
	var all []snat.Range
	for _, list := range r.ofNode {
		all = append(all, list...)
	}
	r.classes = snat.NewClassifier(append(all, r.operator...)...)
}

// everywhere reports whether an address is the same on every machine or in every
// cluster of its cloud, and so names nobody.
func everywhere(ip netip.Addr) bool {
	switch ip.String() {
	case "169.254.169.254", "168.63.129.16", "fd00:ec2::254":
		return true
	}
	return !ip.IsValid() || ip.IsLoopback() || ip.IsUnspecified() || ip.IsMulticast()
}

// ip returns an address's pseudonym.
func (r *Redactor) ip(ip netip.Addr) netip.Addr {
	plain := ip.Unmap().WithZone("")
	if everywhere(plain) {
		return plain
	}
	if p, ok := r.given[plain]; ok {
		return p
	}
	c := r.classes.Classify(plain)
	var why reason
	if !c.Eligible {
		why = reason{r.text(c.WhyNot), c.Public}
	}
	p := r.pseudonym(plain, why)
	if len(r.given) < maxNames {
		r.given[plain], r.used[p] = p, true
	}
	return p
}

func (r *Redactor) ips(list []netip.Addr) []netip.Addr { return each(list, r.ip) }

func (r *Redactor) pseudonym(plain netip.Addr, why reason) netip.Addr {
	h := r.hash("address", plain.String())
	at := binary.BigEndian.Uint64(h)
	if plain.Is4() {
		if p, ok := r.place4(at, why); ok {
			return p
		}
	}
	n := r.number[why]
	if n == 0 && why != (reason{}) {
		n = uint16(min(len(r.number)+1, 0xffff))
		r.number[why] = n
		r.tell(r.subnet(n), why)
	}
	b := r.subnet(n).Addr().As16()
	for try := byte(0); ; try++ {
		b[7] = try // a second chance, for a hash that was met before
		copy(b[8:], h[:8])
		if p := netip.AddrFrom16(b); !r.used[p] || try == 0xff {
			return p
		}
	}
}

// subnet is the n-th /48 of the IPv6 addresses.
func (*Redactor) subnet(n uint16) netip.Prefix {
	b := doc6.Addr().As16()
	binary.BigEndian.PutUint16(b[4:], n)
	return netip.PrefixFrom(netip.AddrFrom16(b), 48)
}

// place4 looks for a free IPv4 address, from where the hash points to.
func (r *Redactor) place4(at uint64, why reason) (netip.Addr, bool) {
	pools := public4
	if why != (reason{}) {
		pools = r.block[why]
	}
	if p, ok := r.free(pools, at); ok {
		return p, true
	}
	if why == (reason{}) || r.blocks == blocks {
		return netip.Addr{}, false
	}
	b := private4.Addr().As4()
	b[3] = byte(r.blocks << (32 - blockBits)) //nolint:gosec // below 256: there are 16 blocks of 16
	r.blocks++
	next := netip.PrefixFrom(netip.AddrFrom4(b), blockBits)
	r.block[why] = append(r.block[why], next)
	r.tell(next, why)
	return r.free([]netip.Prefix{next}, at)
}

// free looks through ranges for an address that nobody has, from the at-th on.
func (r *Redactor) free(pools []netip.Prefix, at uint64) (netip.Addr, bool) {
	size := 0
	for _, p := range pools {
		size += 1 << (32 - p.Bits())
	}
	for i := range size {
		n := int((at + uint64(i)) % uint64(size)) //nolint:gosec // a few hundred
		for _, p := range pools {
			if m := 1 << (32 - p.Bits()); n >= m {
				n -= m
				continue
			}
			b := p.Addr().As4()
			b[3] += byte(n) //nolint:gosec // within the prefix
			if ip := netip.AddrFrom4(b); !r.used[ip] {
				return ip, true
			}
			break
		}
	}
	return netip.Addr{}, false
}

// own tells again of a node's address what it stands for: the session makes it a
// range of its own, which would count for more.
func (r *Redactor) own(text string) {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return
	}
	p, c := r.ip(ip), r.classes.Classify(ip)
	if !r.ofNodes[p] && len(r.ofNodes) < maxRanges {
		r.ofNodes[p] = true
		r.tell(netip.PrefixFrom(p, p.BitLen()), reason{c.WhyNot, c.Public})
	}
}

// tell has the session hear why addresses of a range take no port.
func (r *Redactor) tell(p netip.Prefix, why reason) {
	r.news = append(r.news, session.PrivateRange{Prefix: p, Why: why.why, Hidden: !why.public})
}

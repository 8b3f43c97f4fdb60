package probe

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A connection needs a local port before it needs one of a balancer's. How many
// a namespace has is net.ipv4.ip_local_port_range without what
// net.ipv4.ip_local_reserved_ports keeps back (Documentation/networking/ip-sysctl
// of the kernel); both hold for IPv6 as well.

// errPortRange means that a setting does not say what it says on every kernel.
var errPortRange = errors.New("is no range of ports")

// countLocalPorts returns how many ports a range has that are not reserved.
func countLocalPorts(ports, reserved string) (uint32, error) {
	words := strings.Fields(ports)
	if len(words) != 2 {
		return 0, fmt.Errorf("%q %w", short(ports), errPortRange)
	}
	all, err := parsePorts(words[0], words[1])
	if err != nil {
		return 0, err
	}
	n := all.size()
	for part := range strings.SplitSeq(strings.TrimSpace(reserved), ",") {
		if part == "" {
			continue
		}
		low, high, ranged := strings.Cut(part, "-")
		if !ranged {
			high = low
		}
		kept, err := parsePorts(low, high)
		if err != nil {
			return 0, err
		}
		// The kernel names each reserved port once (proc_do_large_bitmap).
		n -= min(all.common(kept), n)
	}
	return n, nil
}

// portSpan is the ports from one to another, both included.
type portSpan struct{ low, high uint32 }

func parsePorts(low, high string) (portSpan, error) {
	a, aerr := strconv.ParseUint(low, 10, 16)
	b, berr := strconv.ParseUint(high, 10, 16)
	if aerr != nil || berr != nil || a > b {
		return portSpan{}, fmt.Errorf("%q to %q %w", short(low), short(high), errPortRange)
	}
	return portSpan{uint32(a), uint32(b)}, nil
}

func (s portSpan) size() uint32 { return s.high - s.low + 1 }

// common is how many ports two spans share.
func (s portSpan) common(o portSpan) uint32 {
	low, high := max(s.low, o.low), min(s.high, o.high)
	if low > high {
		return 0
	}
	return portSpan{low, high}.size()
}

// short cuts what an error quotes.
func short(text string) string { return text[:min(len(text), 40)] }

// portBook remembers how many local ports a namespace has.
type portBook struct {
	// read counts those of the calling thread's namespace.
	read func() (uint32, error)
	byNS map[uint64]portEntry
}

type portEntry struct {
	n    uint32
	next time.Time
}

// portsEvery is the time between two looks at the settings of a namespace at the
// least; they hardly ever change.
const portsEvery = time.Minute

func newPortBook(read func() (uint32, error)) *portBook {
	return &portBook{read: read, byNS: make(map[uint64]portEntry)}
}

// due reports whether the settings of a namespace are to be read.
func (b *portBook) due(ns uint64, now time.Time) bool {
	e, known := b.byNS[ns]
	return !known || !now.Before(e.next)
}

// note keeps what a read said; one that failed leaves what was known. The
// namespaces that were met in one snapshot have their next turns in different
// ones.
func (b *portBook) note(ns uint64, now time.Time, n uint32, err error) {
	e := b.byNS[ns]
	if err == nil {
		e.n = n
	}
	e.next = now.Add(portsEvery + time.Duration(ns%16)*time.Second)
	b.byNS[ns] = e
}

// of is how many local ports a namespace has, 0 when that is not known.
func (b *portBook) of(ns uint64) uint32 { return b.byNS[ns].n }

// retain forgets the namespaces that are gone.
func (b *portBook) retain(live func(ns uint64) bool) {
	for ns := range b.byNS {
		if !live(ns) {
			delete(b.byNS, ns)
		}
	}
}

package ground

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Truth is what the gateway's conntrack table said at one moment.
type Truth struct {
	At time.Time `json:"at"`
	// Nodes are in the order of the cluster's nodes.
	Nodes []NodeTruth `json:"nodes"`
	// Stats are the gateway's own counters since it came up.
	Stats ConntrackStats `json:"stats"`
}

// Node finds a node by name.
func (t Truth) Node(name string) (NodeTruth, bool) {
	for _, n := range t.Nodes {
		if n.Name == name {
			return n, true
		}
	}
	return NodeTruth{}, false
}

// NodeTruth is what one node holds at the gateway.
type NodeTruth struct {
	Name  string `json:"name"`
	IP    string `json:"ip"`
	Block Block  `json:"block"`
	// TCP and UDP are the distinct source ports of the node's block in use.
	TCP int `json:"tcp"`
	UDP int `json:"udp"`
	// Peak is the largest number of ports held towards a single destination,
	// which is what runs out first.
	Peak int `json:"peak"`
	// Outside counts flows whose port is not in the block, left over from
	// before the block was changed.
	Outside int `json:"outside"`
	// Passed and Refused are TCP SYNs since the ground came up: those that went
	// on beyond the gateway, and those that found no free port. A SYN that is
	// sent again counts again.
	Passed  int `json:"passed"`
	Refused int `json:"refused"`
	// Destinations are sorted by ports held, most first.
	Destinations []DestinationTruth `json:"destinations"`
}

// Destination finds a destination such as ("tcp", "20.60.1.9:443").
func (n NodeTruth) Destination(protocol, address string) (DestinationTruth, bool) {
	for _, d := range n.Destinations {
		if d.Protocol == protocol && d.Address == address {
			return d, true
		}
	}
	return DestinationTruth{}, false
}

// DestinationTruth counts the gateway's entries of one node towards one
// destination.
type DestinationTruth struct {
	Protocol string `json:"protocol"`
	Address  string `json:"address"`
	// Established, SynSent and Closing are entries by state; Closing is every
	// state from the first FIN to the end of the hold. UDP flows count as
	// Established.
	Established int `json:"established"`
	SynSent     int `json:"synSent"`
	Closing     int `json:"closing"`
	// Ports is the number of distinct source ports held.
	Ports int `json:"ports"`
}

// ConntrackStats are counters of a conntrack table, summed over its CPUs.
type ConntrackStats struct {
	Entries      int `json:"entries"`
	InsertFailed int `json:"insertFailed"`
	Drop         int `json:"drop"`
	EarlyDrop    int `json:"earlyDrop"`
}

// flow is one line of a conntrack listing.
type flow struct {
	protocol string
	state    string // empty for protocols without states
	src, dst netip.Addr
	dport    uint16
	natPort  uint16 // destination port of the replies: the port taken
	natted   bool   // the replies go to another address than src
}

// parseFlow reads one line as `conntrack -L -o extended` and
// /proc/net/nf_conntrack print it. It reports false for lines that describe no
// TCP or UDP flow.
func parseFlow(line string) (flow, bool, error) {
	fields := strings.Fields(line)
	if len(fields) < 5 || (fields[0] != "ipv4" && fields[0] != "ipv6") {
		return flow{}, false, nil
	}
	f := flow{protocol: fields[2]}
	if f.protocol != "tcp" && f.protocol != "udp" {
		return flow{}, false, nil
	}
	var reply netip.Addr
	tuples := 0 // how many src= were seen: the second tuple is the reply's
	for _, field := range fields[4:] {
		key, value, pair := strings.Cut(field, "=")
		if !pair {
			if tuples == 0 && f.state == "" && !strings.HasPrefix(field, "[") && !isNumber(field) {
				f.state = field
			}
			continue
		}
		var err error
		switch key {
		case "src":
			tuples++
			if tuples == 1 {
				f.src, err = netip.ParseAddr(value)
			}
		case "dst":
			if tuples == 1 {
				f.dst, err = netip.ParseAddr(value)
			} else {
				reply, err = netip.ParseAddr(value)
			}
		case "dport":
			var port uint64
			port, err = strconv.ParseUint(value, 10, 16)
			if tuples == 1 {
				f.dport = uint16(port)
			} else {
				f.natPort = uint16(port)
			}
		}
		if err != nil {
			return flow{}, false, fmt.Errorf("reading %q of a conntrack entry: %w", field, err)
		}
	}
	if tuples != 2 || !f.src.IsValid() || !f.dst.IsValid() || !reply.IsValid() {
		return flow{}, false, fmt.Errorf("conntrack entry without two tuples: %q", line)
	}
	f.natted = reply != f.src
	return f, true, nil
}

func isNumber(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return s != ""
}

// countFlows adds the flows of a listing up into the given nodes, whose IP and
// Block are set. Flows of other sources, and flows that were not translated,
// take no port and are left out. It returns the number of lines that were
// entries.
func countFlows(r io.Reader, nodes []NodeTruth) (int, error) {
	tallies := make(map[netip.Addr]*tally, len(nodes))
	for i := range nodes {
		ip, err := netip.ParseAddr(nodes[i].IP)
		if err != nil {
			return 0, fmt.Errorf("address of node %s: %w", nodes[i].Name, err)
		}
		tallies[ip] = newTally(&nodes[i])
	}
	entries := 0
	scanner := bufio.NewScanner(r)
	for scanner.Scan() {
		f, ok, err := parseFlow(scanner.Text())
		if err != nil {
			return entries, err
		}
		if !ok {
			continue
		}
		entries++
		if t := tallies[f.src]; t != nil && f.natted {
			t.add(f)
		}
	}
	if err := scanner.Err(); err != nil {
		return entries, fmt.Errorf("reading the conntrack listing: %w", err)
	}
	for _, t := range tallies {
		t.finish()
	}
	return entries, nil
}

type destinationKey struct {
	protocol string
	address  netip.AddrPort
}

type destinationTally struct {
	DestinationTruth
	ports map[uint16]struct{}
}

type tally struct {
	node         *NodeTruth
	tcp, udp     map[uint16]struct{}
	destinations map[destinationKey]*destinationTally
}

func newTally(node *NodeTruth) *tally {
	return &tally{
		node: node, tcp: map[uint16]struct{}{}, udp: map[uint16]struct{}{},
		destinations: map[destinationKey]*destinationTally{},
	}
}

func (t *tally) add(f flow) {
	if !t.node.Block.Contains(int(f.natPort)) {
		t.node.Outside++
	}
	if f.protocol == "udp" {
		t.udp[f.natPort] = struct{}{}
	} else {
		t.tcp[f.natPort] = struct{}{}
	}
	key := destinationKey{f.protocol, netip.AddrPortFrom(f.dst, f.dport)}
	d := t.destinations[key]
	if d == nil {
		d = &destinationTally{ports: map[uint16]struct{}{}}
		d.Protocol, d.Address = f.protocol, key.address.String()
		t.destinations[key] = d
	}
	d.ports[f.natPort] = struct{}{}
	switch f.state {
	case "ESTABLISHED", "":
		d.Established++
	case "SYN_SENT", "SYN_SENT2", "SYN_RECV":
		d.SynSent++
	default:
		d.Closing++
	}
}

func (t *tally) finish() {
	t.node.TCP, t.node.UDP = len(t.tcp), len(t.udp)
	t.node.Destinations = make([]DestinationTruth, 0, len(t.destinations))
	for _, d := range t.destinations {
		d.Ports = len(d.ports)
		t.node.Peak = max(t.node.Peak, d.Ports)
		t.node.Destinations = append(t.node.Destinations, d.DestinationTruth)
	}
	sort.Slice(t.node.Destinations, func(i, j int) bool {
		a, b := t.node.Destinations[i], t.node.Destinations[j]
		if a.Ports != b.Ports {
			return a.Ports > b.Ports
		}
		if a.Address != b.Address {
			return a.Address < b.Address
		}
		return a.Protocol < b.Protocol
	})
}

// parseStats reads what `conntrack -S` prints.
func parseStats(r io.Reader) (ConntrackStats, error) {
	var stats ConntrackStats
	scanner := bufio.NewScanner(r)
	for scanner.Scan() {
		for _, field := range strings.Fields(scanner.Text()) {
			key, value, ok := strings.Cut(field, "=")
			if !ok {
				continue
			}
			var into *int
			switch key {
			case "insert_failed":
				into = &stats.InsertFailed
			case "drop":
				into = &stats.Drop
			case "early_drop":
				into = &stats.EarlyDrop
			default:
				continue
			}
			n, err := strconv.Atoi(value)
			if err != nil {
				return stats, fmt.Errorf("reading %q of the conntrack counters: %w", field, err)
			}
			*into += n
		}
	}
	if err := scanner.Err(); err != nil {
		return stats, fmt.Errorf("reading the conntrack counters: %w", err)
	}
	return stats, nil
}

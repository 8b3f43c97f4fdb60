package examine

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/probe/facts"
	"github.com/snattop/snattop/probe/links"
	"github.com/snattop/snattop/probe/netns"
	"github.com/snattop/snattop/probe/procfs"
)

// knownBridges are what CNI plugins call their bridges: kubenet and GKE, the
// bridge plugin and flannel, Azure CNI, kube-router, Weave.
var knownBridges = []string{"cbr0", "cni0", "azure0", "kube-bridge", "weave"}

// maxNeighbours bounds what is read of a table; gc_thresh3 is 1024 by default.
const maxNeighbours = 1 << 17

// reading is the state of the node's and its pods' interfaces at one moment.
type reading struct {
	at      time.Time
	host    []links.Link
	softnet uint64
	full    uint64
	entries uint64
	table   bool
	pods    map[uint64]podReading
}

// podReading is what one pod's namespace says.
type podReading struct {
	links []links.Link
	tcp   map[string]uint64
	syn   uint64
}

func lookNetwork(ctx context.Context, place Place, _ facts.Ask, s *facts.Section) {
	n := &facts.Network{CNI: readCNI(place.HostRoot)}
	s.Network = n
	host, err := hostNetwork(place.Proc)
	if err != nil {
		s.Error = sanitize.Text(err.Error())
		return
	}
	all, err := processes(place.Proc)
	if err != nil {
		s.Error = sanitize.Text(err.Error())
		return
	}
	thread := netns.NewThread()
	defer thread.Close()
	spaces := podSpaces(place.Proc, all, host.Inode)
	first, err := readNetwork(ctx, thread, host, spaces)
	if err != nil {
		s.Error = sanitize.Text(err.Error())
		return
	}
	n.Hidden = len(spaces) - len(first.pods)
	second := first
	if err := pause(ctx, place.Window); err == nil {
		if again, err := readNetwork(ctx, thread, host, spaces); err == nil {
			second = again
			n.Millis = max(1, second.at.Sub(first.at).Milliseconds())
		}
	}
	n.SoftnetDropped = since(first.softnet, second.softnet)
	n.Uplink = uplink(ctx, thread, host, second.host)
	n.Tunnels = tunnels(second.host)
	n.Pods = podLinks(spaces, &first, &second)
	n.Bridges = bridges(n, second.host)
	n.Neighbours = neighbours(ctx, thread, host, n, &first, &second)
}

// readNetwork reads the node's namespace, which has to be there, and every pod's
// that can be entered.
func readNetwork(ctx context.Context, thread *netns.Thread, host netns.Place, spaces []space) (reading, error) {
	r := reading{at: time.Now(), pods: make(map[uint64]podReading, len(spaces))}
	err := thread.Do(ctx, host, func() (err error) {
		r.host, err = links.List()
		r.softnet = procfs.SoftnetDropped(ownText("net/softnet_stat"))
		r.entries, r.full, r.table = procfs.NeighbourTable(ownText("net/stat/arp_cache"))
		return err
	})
	if err != nil {
		return r, err
	}
	for _, sp := range spaces {
		var p podReading
		err := thread.Do(ctx, sp.at, func() (err error) {
			p.links, err = links.List()
			p.tcp = procfs.Counters(ownText("net/snmp"), "Tcp")
			p.syn = procfs.Counters(ownText("net/netstat"), "TcpExt")["TCPSynRetrans"]
			return err
		})
		if err == nil {
			r.pods[sp.at.Inode] = p
		}
		if ctx.Err() != nil {
			return r, ctx.Err()
		}
	}
	return r, nil
}

// ownText reads a file of the calling thread's namespace; "" when the kernel has
// none.
func ownText(name string) string {
	text, err := os.ReadFile("/proc/thread-self/" + name) //nolint:gosec // one of a few constants
	if err != nil {
		return ""
	}
	return string(text)
}

// since is what a counter gained; one that went back was made anew.
func since(before, after uint64) uint64 {
	if after < before {
		return 0
	}
	return after - before
}

// uplink is what the node's default route leaves by.
func uplink(ctx context.Context, thread *netns.Thread, host netns.Place, all []links.Link) facts.Wire {
	name := ""
	err := thread.Do(ctx, host, func() error {
		name = links.DefaultRoute(ownText("net/route"), ownText("net/ipv6_route"))
		return nil
	})
	for _, l := range all {
		if err == nil && l.Name == name && name != "" {
			return facts.Wire{Name: l.Name, MTU: l.MTU}
		}
	}
	return facts.Wire{}
}

// tunnels are an overlay's devices. Cilium's are left out: their own MTU is not
// that of the pods' routes.
func tunnels(all []links.Link) []facts.Wire {
	var out []facts.Wire
	for _, l := range all {
		switch l.Kind {
		case "vxlan", "geneve", "ipip", "wireguard":
			if l.Up && !strings.HasPrefix(l.Name, "cilium") {
				out = append(out, facts.Wire{Name: l.Name, MTU: l.MTU})
			}
		}
	}
	return out
}

// podLinks joins the pods' interfaces to their ends on the node.
func podLinks(spaces []space, first, second *reading) []facts.PodLink {
	byIndex, before := map[int]links.Link{}, map[int]links.Link{}
	for _, l := range second.host {
		byIndex[l.Index] = l
	}
	for _, l := range first.host {
		before[l.Index] = l
	}
	var out []facts.PodLink
	for _, sp := range spaces {
		was, ok := first.pods[sp.at.Inode]
		is, still := second.pods[sp.at.Inode]
		if !ok || !still {
			continue
		}
		tcp := false
		for _, l := range is.links {
			if l.Hardware == unix.ARPHRD_LOOPBACK || l.Hardware == unix.ARPHRD_TUNNEL || l.Hardware == unix.ARPHRD_SIT || l.Hardware == unix.ARPHRD_TUNNEL6 {
				continue
			}
			p := facts.PodLink{PodUID: sp.uid, Inner: facts.Wire{Name: l.Name, MTU: l.MTU}}
			old := l.Stats
			for _, o := range was.links {
				if o.Index == l.Index {
					old = o.Stats
				}
			}
			gain := sinceStats(old, l.Stats)
			outer, ok := byIndex[l.Peer]
			if ok && l.Kind == "veth" && outer.Kind == "veth" && outer.Peer == l.Index {
				p.Outer, p.Master = facts.Wire{Name: outer.Name, MTU: outer.MTU}, byIndex[outer.Master].Name
				if o, ok := before[outer.Index]; ok {
					more := sinceStats(o.Stats, outer.Stats)
					gain.Dropped += more.Dropped
					gain.Errors += more.Errors
				}
			}
			p.Packets, p.Dropped, p.Errors = gain.Packets, gain.Dropped, gain.Errors
			if !tcp { // of the namespace, not of one interface
				tcp = true
				p.OutSegs, p.Retrans = since(was.tcp["OutSegs"], is.tcp["OutSegs"]), since(was.tcp["RetransSegs"], is.tcp["RetransSegs"])
				p.SynRetrans = since(was.syn, is.syn)
			}
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b facts.PodLink) int {
		return cmp.Or(cmp.Compare(odd(&b), odd(&a)), cmp.Compare(b.Dropped+b.Errors, a.Dropped+a.Errors), cmp.Compare(b.Retrans, a.Retrans), strings.Compare(a.PodUID, b.PodUID))
	})
	return out
}

func sinceStats(before, after links.Stats) links.Stats {
	return links.Stats{Packets: since(before.Packets, after.Packets), Errors: since(before.Errors, after.Errors), Dropped: since(before.Dropped, after.Dropped)}
}

// odd is 1 for a pair whose ends differ.
func odd(p *facts.PodLink) int {
	if p.Outer.Name != "" && p.Inner.MTU != p.Outer.MTU {
		return 1
	}
	return 0
}

// bridges are those that the configuration names, that are called as plugins
// call theirs, or that a pod hangs on.
func bridges(n *facts.Network, all []links.Link) []facts.Bridge {
	names := slices.Clone(knownBridges)
	if n.CNI.Bridge != "" {
		names = append(names, n.CNI.Bridge)
	}
	for i := range n.Pods {
		names = append(names, n.Pods[i].Master)
	}
	var out []facts.Bridge
	for _, l := range all {
		if l.Kind != "bridge" || !slices.Contains(names, l.Name) {
			continue
		}
		b := facts.Bridge{Wire: facts.Wire{Name: l.Name, MTU: l.MTU}, Up: l.Up, State: l.State, Address: l.Address}
		for _, p := range all {
			if p.Master == l.Index {
				b.Ports++
				if !p.Up {
					b.PortsDown++
				}
			}
		}
		out = append(out, b)
	}
	return out
}

// neighbours reads what the node has learned of addresses behind the pods'
// interfaces, and how full the table is.
func neighbours(ctx context.Context, thread *netns.Thread, host netns.Place, n *facts.Network, first, second *reading) facts.Neighbours {
	ours := map[int]string{}
	for _, l := range second.host {
		bridge := slices.ContainsFunc(n.Bridges, func(b facts.Bridge) bool { return b.Wire.Name == l.Name })
		veth := slices.ContainsFunc(n.Pods, func(p facts.PodLink) bool { return p.Outer.Name == l.Name && p.Master == "" })
		if bridge || veth {
			ours[l.Index] = l.Name
		}
	}
	var out facts.Neighbours
	var list []links.Neighbour
	err := thread.Do(ctx, host, func() (err error) {
		// Only the machine's first namespace shows the setting.
		if text, err := os.ReadFile("/proc/sys/net/ipv4/neigh/default/gc_thresh3"); err == nil {
			out.Max, _ = strconv.Atoi(strings.TrimSpace(string(text))) // 0 is what unknown is
		}
		list, err = links.Neighbours(maxNeighbours)
		return err
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		return out
	}
	for _, e := range list {
		if e.IP.Is4() && e.State != "NOARP" && e.State != "PERMANENT" {
			out.Entries++
		}
		name, ok := ours[e.Link]
		if !ok || e.IP.IsMulticast() {
			continue
		}
		switch e.State {
		case "FAILED", "INCOMPLETE":
			out.Bad = append(out.Bad, facts.Neighbour{IP: e.IP.String(), Link: name, State: e.State})
		case "REACHABLE", "STALE", "DELAY", "PROBE":
			out.Learned++
		}
	}
	if second.table {
		out.Entries, out.Full = int(min(second.entries, maxNeighbours)), since(first.full, second.full)
	}
	slices.SortFunc(out.Bad, func(a, b facts.Neighbour) int {
		return cmp.Or(strings.Compare(a.State, b.State), strings.Compare(a.IP, b.IP))
	})
	return out
}

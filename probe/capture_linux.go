package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/capture"
	"github.com/snattop/snattop/probe/links"
	"github.com/snattop/snattop/probe/netns"
	"github.com/snattop/snattop/probe/plain"
)

// spot is where a capture takes place.
type spot struct {
	at     netns.Place
	link   links.Link
	within string
	notes  []string
}

// openCapture finds the interface and begins to capture there; what it returns
// tells the packets.
func openCapture(ctx context.Context, cfg CaptureConfig) (func(context.Context, capture.Limits, io.Writer) error, error) {
	f, err := newFinder(cfg)
	if err != nil {
		return nil, err
	}
	defer f.s.thread.Close()
	where, err := f.find(ctx)
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname() // a name for people; empty says nothing
	start := capture.Start{
		Probe: cfg.Version, Hostname: plain.Line(host), Kernel: kernelRelease(),
		Interface: where.link.Name, Within: where.within, Link: linkOf(where.link.Hardware),
		Snaplen: cfg.Snaplen, Notes: where.notes, UnixNanos: time.Now().UnixNano(),
	}
	if start.Link == capture.RawIP {
		start.Notes = append(start.Notes, where.link.Name+" has no Ethernet header: its IP packets are captured, nothing else")
	}
	device := capture.Device{Index: where.link.Index, Loopback: where.link.Hardware == unix.ARPHRD_LOOPBACK}
	var ring *capture.Ring
	err = f.s.thread.Do(ctx, where.at, func() (err error) {
		ring, err = capture.Open(device, f.cfg.Filter, start)
		return err
	})
	if err != nil {
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
			err = fmt.Errorf("%w: capturing needs root, or CAP_NET_RAW", err)
		}
		return nil, fmt.Errorf("capturing on %s of %s: %w", where.link.Name, where.within, err)
	}
	return ring.Run, nil
}

// linkOf tells how packets of an interface are captured. What is no Ethernet
// is captured from the network header on.
func linkOf(hardware uint16) capture.Link {
	switch hardware {
	case unix.ARPHRD_ETHER, unix.ARPHRD_LOOPBACK:
		return capture.Ethernet
	default:
		return capture.RawIP
	}
}

// finder finds the interface of a capture.
type finder struct {
	cfg CaptureConfig
	s   *sampler
}

func newFinder(cfg CaptureConfig) (*finder, error) {
	s := &sampler{
		cfg: Config{Proc: cfg.Proc, HostRoot: cfg.HostRoot}, list: newProcessList(cfg.Proc), nsIDs: make(map[uint64]uint32),
	}
	var err error
	if s.selfNS, err = netns.Inode("/proc/self/ns/net"); err != nil {
		return nil, fmt.Errorf("finding our own network namespace: %w", err)
	}
	s.hostNS = s.selfNS
	if ino, err := netns.Inode(s.door(1)); err == nil {
		s.hostNS = ino
	}
	s.thread = netns.NewThread()
	return &finder{cfg: cfg, s: s}, nil
}

// node is where the node's own namespace is.
func (f *finder) node() netns.Place {
	if f.s.hostNS == f.s.selfNS {
		return netns.Place{}
	}
	return netns.Place{Path: f.s.door(1), Inode: f.s.hostNS}
}

func (f *finder) find(ctx context.Context) (spot, error) {
	if !f.cfg.pod() {
		return f.pick(ctx, f.node(), "the node")
	}
	ns, err := f.namespace(ctx)
	switch {
	case err != nil:
		return spot{}, err
	case ns.host:
		return f.onHost(ctx)
	}
	inside, err := f.pick(ctx, netns.Place{Path: ns.path, Inode: ns.inode}, "the pod")
	if err != nil || f.cfg.Inside {
		return inside, err
	}
	return f.outerEnd(ctx, inside)
}

// pick chooses the interface in a namespace.
func (f *finder) pick(ctx context.Context, at netns.Place, within string) (spot, error) {
	out := spot{at: at, within: within}
	err := f.s.thread.Do(ctx, at, func() (err error) {
		out.link, err = pickLink(f.cfg.Interface)
		return err
	})
	if err != nil {
		return spot{}, fmt.Errorf("looking at the interfaces of %s: %w", within, err)
	}
	return out, nil
}

// onHost is the spot of a pod on the node's own network, whose packets its
// address alone tells from those of others.
func (f *finder) onHost(ctx context.Context) (spot, error) {
	out, err := f.pick(ctx, f.node(), "the node")
	if err != nil {
		return spot{}, err
	}
	note := "the pod is on the node's own network: its packets cannot be told from the node's"
	if own := f.cfg.Addresses; len(own) > 0 {
		f.cfg.Filter.Own = own[:min(len(own), capture.MaxHosts)]
		words := make([]string, 0, len(own))
		for _, a := range f.cfg.Filter.Own {
			words = append(words, a.String())
		}
		note += "; those of " + strings.Join(words, " and ") + " are captured"
	}
	out.notes = append(out.notes, note)
	return out, nil
}

// namespace finds the pod's network namespace.
func (f *finder) namespace(ctx context.Context) (*namespace, error) {
	processes, err := f.s.list.read(time.Now())
	if err != nil {
		return nil, err
	}
	spaces := f.s.namespaces(processes)
	inode := f.cfg.NetNS
	for _, p := range processes {
		if inode == 0 && (slices.Contains(f.cfg.Pods, p.owner.PodUID) || slices.Contains(f.cfg.Containers, p.owner.ContainerID)) {
			inode = p.netns
		}
	}
	for _, ns := range spaces {
		if ns.inode == inode {
			return ns, nil
		}
	}
	for _, ns := range spaces {
		if !ns.host && f.holds(ctx, ns) {
			return ns, nil
		}
	}
	return nil, errors.New("no process of the pod runs here, and no network namespace has its address")
}

// holds reports whether one of the pod's addresses lives in a namespace. One
// that cannot be entered is not the pod's, or gone.
func (f *finder) holds(ctx context.Context, ns *namespace) bool {
	if len(f.cfg.Addresses) == 0 {
		return false
	}
	var has localAddrs
	err := f.s.thread.Do(ctx, netns.Place{Path: ns.path, Inode: ns.inode}, func() (err error) {
		has, err = listAddresses()
		return err
	})
	return err == nil && slices.ContainsFunc(has, func(a netip.Addr) bool { return slices.Contains(f.cfg.Addresses, a) })
}

// outerEnd is the node's end of a pod's veth, or else the pod's own interface.
func (f *finder) outerEnd(ctx context.Context, inside spot) (spot, error) {
	if inside.link.Kind != "veth" {
		kind := inside.link.Kind
		if kind == "" {
			kind = "real"
		}
		inside.notes = append(inside.notes, fmt.Sprintf("%s of the pod is a %s interface, which has no end on the node: it is captured inside the pod", inside.link.Name, kind))
		return inside, nil
	}
	pod, err := os.Open(inside.at.Path)
	if err != nil {
		return spot{}, fmt.Errorf("opening the pod's network namespace: %w", err)
	}
	defer func() { _ = pod.Close() }()
	out := spot{at: f.node(), within: "the node"}
	found := false
	err = f.s.thread.Do(ctx, out.at, func() error {
		all, err := links.List()
		if err != nil {
			return err
		}
		id, err := links.NamespaceID(pod)
		if err != nil {
			return err
		}
		for _, l := range all {
			if l.Index == inside.link.Peer && l.Kind == "veth" && l.Peer == inside.link.Index && l.PeerNS == id && id >= 0 {
				out.link, found = l, true
			}
		}
		return nil
	})
	if err != nil {
		return spot{}, fmt.Errorf("looking for the node's end of %s: %w", inside.link.Name, err)
	}
	if !found {
		inside.notes = append(inside.notes, "the other end of "+inside.link.Name+" is not on the node itself: it is captured inside the pod")
		return inside, nil
	}
	out.notes = append(out.notes, fmt.Sprintf("%s is the node's end of the pod's %s", out.link.Name, inside.link.Name))
	return out, nil
}

package ground

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// How the table of a node is filled.
const (
	// stuffingSource opened the connections that fill the table: an address of
	// the nodes' network that nobody has.
	stuffingSource = "10.224.0.250"
	// stuffingLife is how long one of them stays by itself.
	stuffingLife = 10 * time.Minute
	stuffingPort = 8443
	// batch is how many are entered by one message.
	batch = 200
	// maxStuffing bounds a fill: every source port, to 256 destination ports.
	maxStuffing = 1 << 24
)

// FillConntrack fills the connection tracking table of a node with established
// connections, as if many had come in, until the kernel takes no more, and
// keeps it full until it is lifted. The limit, nf_conntrack_max, belongs to the
// whole machine and cannot be lowered for one namespace; but each namespace
// counts for itself, so that the other nodes are not touched.
func (g *Ground) FillConntrack(ctx context.Context, node string) (Lift, error) {
	return g.stuff(ctx, node, 0)
}

// crowdedRoom is how many connections a crowded table still takes: enough for
// what a check of the node opens.
const crowdedRoom = 4000

// CrowdConntrack fills the table of a node until the kernel takes no more, and
// then makes a little room again, so that the node can still be looked at.
func (g *Ground) CrowdConntrack(ctx context.Context, node string) (Lift, error) {
	return g.stuff(ctx, node, crowdedRoom)
}

// stuff fills the table of a node. With room it takes that many entries out
// again and leaves it at that; without, it keeps the table full.
func (g *Ground) stuff(ctx context.Context, node string, room uint32) (Lift, error) {
	n, err := g.nodeNamed(node)
	if err != nil {
		return nil, err
	}
	f := &filler{source: netip.MustParseAddr(stuffingSource), target: netip.MustParseAddr(n.IP)}
	ns := g.dirs.nodeNetns(n)
	if err := ns.do(f.open); err != nil {
		return nil, fmt.Errorf("filling the table of %s: %w", node, err)
	}
	if err := f.fill(ctx); err != nil {
		f.close()
		return nil, fmt.Errorf("filling the table of %s: %w", node, err)
	}
	keep, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	if room > 0 {
		ended <- f.makeRoom(room)
	} else {
		go func() { ended <- f.keepFull(keep) }()
	}
	var once sync.Once
	var lifted error
	return func(ctx context.Context) error {
		once.Do(func() {
			stop()
			kept := <-ended
			f.close()
			_, err := ns.run(ctx, "", "conntrack", "-D", "-s", stuffingSource)
			if lifted = errors.Join(kept, err); lifted != nil {
				lifted = fmt.Errorf("emptying the table of %s: %w", node, lifted)
			}
		})
		return lifted
	}, nil
}

// filler enters connections that nobody has into a table.
type filler struct {
	fd             int
	source, target netip.Addr
	// next counts those entered.
	next uint32
}

func (f *filler) open() error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return fmt.Errorf("opening a netlink socket: %w", err)
	}
	f.fd = fd
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		f.close()
		return fmt.Errorf("binding the netlink socket: %w", err)
	}
	return nil
}

func (f *filler) close() { _ = unix.Close(f.fd) }

// keepFull enters another whenever one has left.
func (f *filler) keepFull(ctx context.Context) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := f.fill(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

// fill enters connections until the table takes no more.
func (f *filler) fill(ctx context.Context) error {
	for f.next < maxStuffing {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("interrupted: %w", err)
		}
		var messages []byte
		for range batch {
			messages = append(messages, entryMessage(f.source, f.target, f.next, uint32(stuffingLife/time.Second))...)
			f.next++
		}
		if err := unix.Sendto(f.fd, messages, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return fmt.Errorf("entering a connection: %w", err)
		}
		full, err := f.answers()
		if err != nil {
			return err
		}
		if full {
			return nil
		}
	}
	return errors.New("the table takes more than can be entered")
}

// makeRoom takes the first entries out again.
func (f *filler) makeRoom(n uint32) error {
	for first := uint32(0); first < n; first += batch {
		var messages []byte
		for number := first; number < first+batch; number++ {
			messages = append(messages, removalMessage(f.source, f.target, number)...)
		}
		if err := unix.Sendto(f.fd, messages, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return fmt.Errorf("taking connections out: %w", err)
		}
		if _, err := f.answers(); err != nil {
			return err
		}
	}
	return nil
}

// answers reads what the kernel says of the last messages: nothing of those
// that it took.
func (f *filler) answers() (full bool, err error) {
	buffer := make([]byte, 1<<16)
	for {
		n, _, err := unix.Recvfrom(f.fd, buffer, unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return full, nil
		case errors.Is(err, unix.ENOBUFS):
			full = true // so many answers are so many refusals
			continue
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return full, fmt.Errorf("reading the kernel's answer: %w", err)
		}
		refused, err := parseRefusals(buffer[:n])
		if err != nil {
			return full, err
		}
		full = full || refused
	}
}

// parseRefusals reads a datagram of answers: whether the table was full, and
// any other error as one.
func parseRefusals(data []byte) (full bool, err error) {
	for len(data) >= netlinkHeader {
		size := int(binary.NativeEndian.Uint32(data))
		if size < netlinkHeader || size > len(data) {
			return full, errShortMessage
		}
		if binary.NativeEndian.Uint16(data[4:]) == unix.NLMSG_ERROR {
			if size < netlinkHeader+4 {
				return full, errShortMessage
			}
			switch errno := unix.Errno(-int32(binary.NativeEndian.Uint32(data[netlinkHeader:]))); errno {
			case 0, unix.EEXIST:
			case unix.ENOMEM:
				full = true
			default:
				return full, fmt.Errorf("the kernel refused a connection: %w", errno)
			}
		}
		data = data[min(align(size), len(data)):]
	}
	return full, nil
}

package examine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/probe/facts"
	"github.com/snattop/snattop/probe/links"
	"github.com/snattop/snattop/probe/netns"
)

// Each size is sent to each address twice at most, so that this is some hundred
// packets at the most, of one round trip.
const (
	pathWait  = 700 * time.Millisecond
	pathTries = 2
)

// echoSizes are those that are tried, with their IP headers: what clouds and
// overlays leave of an Ethernet frame. The node's own MTU comes first.
func echoSizes(mtu int) []int {
	out := []int{mtu}
	for _, size := range []int{8896, 1500, 1480, 1460, 1450, 1440, 1430, 1410, 1400, 1370, 1280, 576} {
		if size < mtu {
			out = append(out, size)
		}
	}
	return out
}

// maxEcho bounds a packet: loopback's MTU is larger than an IP packet can be.
const maxEcho = 9216

func lookPaths(ctx context.Context, place Place, ask facts.Ask, s *facts.Section) {
	host, err := hostNetwork(place.Proc)
	if err != nil {
		s.Error = sanitize.Text(err.Error())
		return
	}
	thread := netns.NewThread()
	defer thread.Close()
	fd, mtu := -1, 0
	err = thread.Do(ctx, host, func() error {
		all, err := links.List()
		if err != nil {
			return err
		}
		name := links.DefaultRoute(ownText("net/route"), ownText("net/ipv6_route"))
		for _, l := range all {
			if l.Name == name {
				mtu = l.MTU
			}
		}
		fd, err = openEcho()
		return err
	})
	if err != nil {
		s.Error = sanitize.Text("sending echo requests: " + err.Error())
		return
	}
	defer func() { _ = unix.Close(fd) }() // nothing is written to it after this
	if mtu == 0 {
		s.Error = "the node has no default route, so that its MTU towards other nodes is not known"
		return
	}
	s.Paths = tryPaths(ctx, fd, min(mtu, maxEcho), ask.Paths[:min(len(ask.Paths), facts.MaxPaths)])
}

// openEcho returns a socket for ICMP whose packets no router may cut, and whose
// size no cached path MTU limits.
func openEcho() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
	if err != nil {
		return -1, err
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000}),
	)
	if err != nil {
		_ = unix.Close(fd) // the first error says more
		return -1, err
	}
	return fd, nil
}

// tryPaths sends every size to every address, and again what was not answered.
func tryPaths(ctx context.Context, fd, mtu int, to []string) []facts.Path {
	sizes := echoSizes(mtu)
	out := make([]facts.Path, len(to))
	passed := make([]map[int]bool, len(to))
	id := uint16(os.Getpid()) //nolint:gosec // any number that differs from others' will do
	for try := range pathTries {
		missing := false
		for i, text := range to {
			p := &out[i]
			p.To = text
			addr, err := netip.ParseAddr(text)
			if err != nil || !addr.Is4() {
				p.Error = "only IPv4 addresses are tried"
				continue
			}
			if try == 0 {
				passed[i] = map[int]bool{}
			}
			for k, size := range sizes {
				if slices.ContainsFunc(sizes[:k+1], func(larger int) bool { return passed[i][larger] }) {
					break // what is smaller says nothing more
				}
				missing = true
				packet := echoRequest(id, uint16(i<<8|k), size) //nolint:gosec // both are small
				switch err := unix.Sendto(fd, packet, 0, &unix.SockaddrInet4{Addr: addr.As4()}); {
				case err == nil:
					p.Sent = max(p.Sent, size)
				case errors.Is(err, unix.EMSGSIZE):
					// The route's own MTU is smaller.
				default:
					p.Error = fmt.Sprintf("sending %d bytes: %v", size, err)
				}
			}
		}
		if !missing {
			break
		}
		heardEchoes(ctx, fd, id, len(to), sizes, passed)
	}
	for i := range out {
		for size := range passed[i] {
			out[i].Passed = max(out[i].Passed, size)
		}
	}
	return out
}

// heardEchoes collects answers until the wait is over.
func heardEchoes(ctx context.Context, fd int, id uint16, targets int, sizes []int, passed []map[int]bool) {
	deadline := time.Now().Add(pathWait)
	buf := make([]byte, maxEcho+64)
	for time.Now().Before(deadline) && ctx.Err() == nil {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
				continue
			}
			return
		}
		seq, size, ok := parseEcho(buf[:n], id)
		i, k := int(seq>>8), int(seq&0xff)
		if ok && i < targets && k < len(sizes) && sizes[k] == size && passed[i] != nil {
			passed[i][size] = true
			if allPassed(sizes[0], passed) {
				return
			}
		}
	}
}

// allPassed reports whether the largest packet came back from everywhere.
func allPassed(largest int, passed []map[int]bool) bool {
	for _, p := range passed {
		if p != nil && !p[largest] {
			return false
		}
	}
	return true
}

const (
	ipHeader   = 20
	icmpHeader = 8
)

// echoRequest is an ICMP message (RFC 792) that is size bytes with its IP header.
func echoRequest(id, seq uint16, size int) []byte {
	b := make([]byte, max(size-ipHeader, icmpHeader))
	b[0] = 8 // echo
	binary.BigEndian.PutUint16(b[4:], id)
	binary.BigEndian.PutUint16(b[6:], seq)
	binary.BigEndian.PutUint16(b[2:], checksum(b))
	return b
}

// checksum is that of RFC 1071.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		sum += uint32(b[len(b)-1]) << 8
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// parseEcho reads an IP packet as a raw socket gives it; ok is false for all but
// an answer to one of ours.
func parseEcho(b []byte, id uint16) (seq uint16, size int, ok bool) {
	if len(b) < ipHeader || b[0]>>4 != 4 {
		return 0, 0, false
	}
	head := int(b[0]&0x0f) * 4
	if head < ipHeader || len(b) < head+icmpHeader {
		return 0, 0, false
	}
	icmp := b[head:]
	if icmp[0] != 0 || binary.BigEndian.Uint16(icmp[4:]) != id {
		return 0, 0, false
	}
	return binary.BigEndian.Uint16(icmp[6:]), len(b), true
}

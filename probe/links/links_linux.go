package links

import (
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/netlink"
)

// List returns the interfaces of the calling thread's namespace.
func List() ([]Link, error) {
	var out []Link
	seen := map[int]bool{}
	request := netlink.Request(rtmGetLink, netlink.FlagsDump, make([]byte, ifinfoSize))
	err := netlink.AskAgain(netlink.Asker(unix.NETLINK_ROUTE), request, make([]byte, 64<<10), func(kind uint16, payload []byte) error {
		if kind != rtmNewLink {
			return nil
		}
		l, err := parse(payload)
		if err == nil && !seen[l.Index] {
			seen[l.Index] = true
			out = append(out, l)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing interfaces: %w", err)
	}
	return out, nil
}

// Neighbours returns what the calling thread's namespace has learned of
// addresses of both families, at most limit of them.
func Neighbours(limit int) ([]Neighbour, error) {
	var out []Neighbour
	seen := map[Neighbour]bool{}
	request := netlink.Request(rtmGetNeigh, netlink.FlagsDump, make([]byte, ndmsgSize))
	err := netlink.AskAgain(netlink.Asker(unix.NETLINK_ROUTE), request, make([]byte, 64<<10), func(kind uint16, payload []byte) error {
		if kind != rtmNewNeigh || len(out) >= limit {
			return nil
		}
		n, ok, err := parseNeighbour(payload)
		if ok && err == nil && !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing neighbours: %w", err)
	}
	return out, nil
}

// NamespaceID returns the number that the calling thread's namespace has for
// another one, -1 when it has none.
func NamespaceID(other *os.File) (int32, error) {
	id := int32(-1)
	fd := binary.NativeEndian.AppendUint32(nil, uint32(other.Fd())) //nolint:gosec // a file descriptor
	payload := netlink.Attr([]byte{unix.AF_UNSPEC, 0, 0, 0}, unix.NETNSA_FD, fd)
	request := netlink.Request(unix.RTM_GETNSID, unix.NLM_F_REQUEST|unix.NLM_F_ACK, payload)
	err := netlink.Dump(unix.NETLINK_ROUTE, request, make([]byte, 4<<10), func(_ uint16, payload []byte) error {
		if len(payload) < 4 {
			return netlink.ErrShort
		}
		return netlink.Attrs(payload[4:], func(kind uint16, value []byte) {
			if kind == unix.NETNSA_NSID && len(value) >= 4 {
				id = int32(binary.NativeEndian.Uint32(value)) //nolint:gosec // signed by definition
			}
		})
	})
	if err != nil {
		return -1, fmt.Errorf("asking for a namespace's number: %w", err)
	}
	return id, nil
}

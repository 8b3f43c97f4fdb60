package probe

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/netlink"
	"github.com/snattop/snattop/probe/plain"
)

// listLinks returns the interfaces of the calling thread's namespace.
func listLinks() ([]netLink, error) {
	var out []netLink
	seen := map[int]bool{}
	request := netlink.Request(rtmGetLink, unix.NLM_F_REQUEST|unix.NLM_F_DUMP, make([]byte, ifinfoSize))
	err := netlink.AskAgain(netlink.Asker(unix.NETLINK_ROUTE), request, make([]byte, 64<<10), func(kind uint16, payload []byte) error {
		if kind != rtmNewLink {
			return nil
		}
		l, err := parseLink(payload)
		if err == nil && !seen[l.index] {
			seen[l.index] = true
			out = append(out, l)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing interfaces: %w", err)
	}
	return out, nil
}

// namespaceID returns the number that the calling thread's namespace has for
// another one, -1 when it has none.
func namespaceID(other *os.File) (int32, error) {
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

// pickLink returns the interface of that name; without a name, the one that
// leads out of the calling thread's namespace.
func pickLink(name string) (netLink, error) {
	links, err := listLinks()
	if err != nil {
		return netLink{}, err
	}
	asked := name != ""
	if !asked {
		// One of the two is missing where its family is switched off.
		v4, _ := os.ReadFile("/proc/thread-self/net/route")
		v6, _ := os.ReadFile("/proc/thread-self/net/ipv6_route")
		name = defaultRoute(string(v4), string(v6))
	}
	var names, others []string
	only := netLink{}
	for _, l := range links {
		if l.name == name {
			return l, nil
		}
		names = append(names, l.name)
		if l.up && l.hardware != unix.ARPHRD_LOOPBACK {
			others = append(others, l.name)
			only = l
		}
	}
	if !asked && len(others) == 1 {
		return only, nil
	}
	const most = 12
	if len(names) > most {
		names = append(names[:most], "…")
	}
	if asked {
		return netLink{}, fmt.Errorf("there is no interface %q: there is %s", plain.Line(name), strings.Join(names, ", "))
	}
	return netLink{}, fmt.Errorf("no interface leads out: name one with --interface; there is %s", strings.Join(names, ", "))
}

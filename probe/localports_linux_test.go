package probe

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// setPorts writes the settings of the thread's namespace. The first part of what
// is reserved replaces what was, and the others are added (proc_do_large_bitmap).
func setPorts(ports string, reserved ...string) error {
	err := os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte(ports), 0)
	f, ferr := os.OpenFile("/proc/sys/net/ipv4/ip_local_reserved_ports", os.O_WRONLY, 0)
	if ferr != nil {
		return errors.Join(err, ferr)
	}
	for _, part := range append(reserved, "\n")[:max(len(reserved), 1)] {
		_, werr := f.WriteString(part)
		err = errors.Join(err, werr)
	}
	return errors.Join(err, f.Close())
}

// An owner is told with the local ports of its own namespace, and told again when
// they have changed.
func TestKernelLocalPorts(t *testing.T) {
	t.Parallel()
	for _, c := range collectors() {
		t.Run(string(c), func(t *testing.T) {
			t.Parallel()
			narrow, usual := newChild(t), newChild(t)
			insideNS(t, narrow, func() error { return setPorts("20000 20999", "20010-20019,20500,30000") })
			insideNS(t, usual, func() error { return setPorts("32768 60999") })
			w := nodeView(t, c, narrow, usual)
			if !w.s.entering {
				t.Skip("namespaces cannot be entered here")
			}
			portsOf := func(ch *child) uint32 {
				for _, o := range w.owners {
					if o.NetNS == ch.netns {
						return o.LocalPorts
					}
				}
				return 0
			}
			for _, ch := range []*child{narrow, usual} {
				ch.say("dial " + ch.listen().String())
			}
			w.look()
			if got := [2]uint32{portsOf(narrow), portsOf(usual)}; got != [2]uint32{1000 - 11, 28232} {
				t.Errorf("%d local ports", got)
			}
			for _, o := range w.look().Owners {
				if o.NetNS == narrow.netns || o.NetNS == usual.netns {
					t.Errorf("told again: %+v", o)
				}
			}
			insideNS(t, narrow, func() error { return setPorts("20000 20099") })
			w.until("the change is told", func() bool { return portsOf(narrow) == 100 && portsOf(usual) == 28232 })
		})
	}
}

// A list of reserved ports that is longer than a page is read to its end.
func TestManyReservedPorts(t *testing.T) {
	t.Parallel()
	ch := newChild(t)
	insideNS(t, ch, func() error {
		var parts []string
		for from := 20000; from < 30000; from += 1000 {
			var odd []string
			for port := from + 1; port < from+1000; port += 2 {
				odd = append(odd, fmt.Sprint(port))
			}
			parts = append(parts, strings.Join(odd, ",")+"\n")
		}
		if err := setPorts("20000 29999", parts...); err != nil {
			return err
		}
		n, err := readLocalPorts()
		if n != 5000 {
			t.Errorf("%d local ports, every second of 10,000 is reserved", n)
		}
		return err
	})
}

package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/conntrack"
	"github.com/snattop/snattop/probe/netlink"
	"github.com/snattop/snattop/probe/netns"
	"github.com/snattop/snattop/probe/wire"
)

// trackingDesk is a sampler whose connection tracking is a test's.
func trackingDesk(t *testing.T, ask netlink.Ask) *sampler {
	t.Helper()
	s := deskSampler(t, t.TempDir())
	s.thread, s.ct = netns.NewThread(), newConntrackReader()
	t.Cleanup(s.thread.Close)
	s.tracked.ask = ask
	return s
}

// tracked is one snapshot of connection tracking alone.
func tracked(t *testing.T, s *sampler, now time.Time, spaces ...*namespace) *wire.Tick {
	t.Helper()
	s.problems = problemList{}
	s.agg.Begin()
	s.readTracked(t.Context(), now, spaces)
	s.agg.sweep()
	tick := s.agg.finish(now, 0, s.procs)
	tick.Sources = s.sources(tick.Full)
	tick.Problems = s.problems.texts
	return tick
}

// answers tells entries as the kernel does.
func answers(entries *[][]byte) netlink.Ask {
	return func(_, _ []byte, fn func(uint16, []byte) error) error {
		for _, e := range *entries {
			if err := fn(conntrack.Subsystem<<8, e); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestTracked(t *testing.T) {
	t.Parallel()
	own, dns, web := at("10.0.0.1:5000"), at("20.0.0.1:53"), at("20.0.0.2:443")
	entries := [][]byte{
		ctEntry(protocolUDP, own, dns),
		ctEntry(protocolTCP, own, web),
		ctEntry(protocolUDP, at("10.9.9.9:1"), dns), // somebody else's, forwarded
		ctEntry(protocolUDP, at("127.0.0.1:1"), at("127.0.0.1:2")),
		ctEntry(1, own, dns),
	}
	s, now := trackingDesk(t, answers(&entries)), time.Unix(1000, 0)
	s.addrs.byNS[7] = localAddrs{own.Addr()}
	tick := tracked(t, s, now, hostSpace())
	if len(tick.Rows) != 1 || tick.Rows[0].Protocol != protocolUDP || tick.Rows[0].IP != dns.Addr() || tick.Rows[0].Established != 1 {
		t.Errorf("rows %+v", tick.Rows)
	}
	want := []wire.Source{{IP: own.Addr(), TCP: 1, UDP: 1, Local: true}, {IP: netip.MustParseAddr("10.9.9.9"), UDP: 1}}
	if !slices.Equal(tick.Sources, want) || len(tick.Problems) != 0 {
		t.Errorf("sources %+v, problems %q", tick.Sources, tick.Problems)
	}
	// Not due: nothing is known to have changed.
	old := entries
	entries = nil
	s.tracked.next = now.Add(time.Second)
	if tick = tracked(t, s, now, hostSpace()); len(tick.Rows) != 0 || tick.Sources != nil {
		t.Errorf("between two reads: %+v", tick)
	}
	now = now.Add(time.Minute)
	tick = tracked(t, s, now, hostSpace())
	if len(tick.Rows) != 1 || tick.Rows[0].Closes != 1 || !slices.Equal(tick.Sources, []wire.Source{{IP: own.Addr(), Local: true}}) {
		t.Errorf("the end of all: %+v", tick)
	}
	// After a hand-over everything is told again.
	entries = old
	tracked(t, s, now.Add(time.Minute), hostSpace())
	s.agg.restart()
	s.tracked.next = now.Add(time.Hour)
	if tick = tracked(t, s, now.Add(2*time.Minute), hostSpace()); !tick.Full || !slices.Equal(tick.Sources, want) {
		t.Errorf("full again: %+v", tick)
	}
}

// What fails once is tried again, and what cannot work is not; both are told.
func TestTrackedProblems(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err     error
		problem string
		asked   int
	}{
		"forbidden":    {unix.EPERM, "operation not permitted", 1},
		"no module":    {unix.EPROTONOSUPPORT, "protocol not supported", 1},
		"no ctnetlink": {unix.EINVAL, "invalid argument", 1},
		"overrun":      {unix.ENOBUFS, "no buffer space", 3},
		"cut short":    {netlink.ErrShort, "cut short", 3},
		"it changed":   {netlink.ErrInterrupted, "", 3},
		"it vanished":  {netns.ErrGone, "", 3},
	} {
		asked := 0
		s := trackingDesk(t, func(_, _ []byte, _ func(uint16, []byte) error) error {
			asked++
			return fmt.Errorf("asking: %w", tc.err)
		})
		now := time.Unix(1000, 0)
		for range 3 {
			now = now.Add(time.Hour)
			told := strings.Join(tracked(t, s, now, hostSpace()).Problems, "\n")
			if tc.problem == "" && told != "" || !strings.Contains(told, tc.problem) {
				t.Errorf("%s: problems %q", name, told)
			}
		}
		if asked != tc.asked {
			t.Errorf("%s: asked %d times", name, asked)
		}
	}
}

// node is a namespace with connection tracking that stands for the host, and a
// pod behind it: 10.77.0.1 and 10.77.0.2.
func node(t *testing.T) (host, pod *child) {
	t.Helper()
	host, pod = newChild(t), newChild(t)
	in := func(c *child, argv ...string) {
		t.Helper()
		argv = append([]string{"--net=" + c.path("ns/net")}, argv...)
		if out, err := exec.CommandContext(t.Context(), "nsenter", argv...).CombinedOutput(); err != nil {
			t.Skipf("this machine does not make a node: nsenter %q: %v\n%s", argv, err, out)
		}
	}
	in(host, "ip", "link", "add", "veth0", "type", "veth", "peer", "name", "eth0", "netns", strconv.Itoa(pod.pid()))
	in(host, "ip", "addr", "add", "10.77.0.1/24", "dev", "veth0")
	in(host, "ip", "link", "set", "veth0", "up")
	in(pod, "ip", "addr", "add", "10.77.0.2/24", "dev", "eth0")
	in(pod, "ip", "link", "set", "eth0", "up")
	// A rule that asks for the state of a connection switches tracking on.
	in(host, "iptables", "-w", "-A", "INPUT", "-m", "conntrack", "--ctstate", "INVALID", "-j", "DROP")
	return host, pod
}

// nodeProc is a /proc in which PID 1 is the node's.
func nodeProc(t *testing.T, host *child, others ...*child) string {
	t.Helper()
	dir := t.TempDir()
	link := func(name string, pid int) {
		if err := os.Symlink(filepath.Join("/proc", strconv.Itoa(pid)), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("1", host.pid())
	for _, c := range append(others, host) {
		link(strconv.Itoa(c.pid()), c.pid())
	}
	return dir
}

// insideNS runs fn in the namespace of a child.
func insideNS(t *testing.T, c *child, fn func() error) {
	t.Helper()
	th := netns.NewThread()
	defer th.Close()
	if err := th.Do(t.Context(), netns.Place{Path: c.path("ns/net")}, fn); err != nil {
		t.Fatal(err)
	}
}

// UDP flows of a pod come out of the tracking table of a real kernel, and its
// numbers are those that the kernel shows elsewhere.
func TestKernelTracking(t *testing.T) {
	t.Parallel()
	host, pod := node(t)
	w := newView(t, Config{Collector: CollectorDiag, Proc: nodeProc(t, host, pod), HostRoot: t.TempDir()})
	var tables []wire.Conntrack
	look := func() *wire.Tick {
		tick := w.look()
		if tick.Conntrack != nil {
			tables = tick.Conntrack
		}
		return tick
	}
	if tick := look(); tick.Sources != nil || len(tick.Problems) != 0 {
		t.Errorf("at first: sources %+v, problems %q", tick.Sources, tick.Problems)
	}
	for port := range 3 {
		pod.say(fmt.Sprintf("udp 10.77.0.1:%d", 9000+port))
	}
	tick := look()
	flows := 0
	for _, r := range w.v.rows {
		// Nobody answers: the gateway has no such ports.
		if r.key.proto == protocolUDP && r.now == (gauges{established: 1, synSent: 1}) && r.key.owner == pod.netns {
			flows++
		}
	}
	if flows != 3 {
		t.Errorf("%d flows of the pod in %+v (problems %q)", flows, tick.Rows, tick.Problems)
	}
	podAddr := netip.MustParseAddr("10.77.0.2")
	if want := []wire.Source{{IP: podAddr, UDP: 3, Local: true}}; !slices.Equal(tick.Sources, want) {
		t.Errorf("sources %+v", tick.Sources)
	}

	// Entries whose sockets live elsewhere.
	const elsewhere = 40
	insideNS(t, host, func() error { return addEntries(protocolTCP, "10.88.0.9", elsewhere) })
	tick = look()
	want := []wire.Source{{IP: netip.MustParseAddr("10.88.0.9"), TCP: elsewhere}, {IP: podAddr, UDP: 3, Local: true}}
	if !slices.Equal(tick.Sources, want) {
		t.Errorf("sources %+v", tick.Sources)
	}
	if tick = look(); tick.Sources != nil {
		t.Errorf("told again: %+v", tick.Sources)
	}

	var table wire.Conntrack
	for _, row := range tables {
		if row.HostNetwork {
			table = row
		}
	}
	insideNS(t, host, func() error {
		count, maximum := number(t, "/proc/sys/net/netfilter/nf_conntrack_count"), number(t, "/proc/sys/net/netfilter/nf_conntrack_max")
		if table.Count != count || table.Max != maximum || count != elsewhere+3 || table.NetNS != host.netns {
			t.Errorf("%+v, the kernel says %d of %d", table, count, maximum)
		}
		got := [3]uint64{table.InsertFailed, table.Drop, table.EarlyDrop}
		if want := statColumns(t, "insert_failed", "drop", "early_drop"); got != want {
			t.Errorf("failed, dropped and dropped early: %d, the kernel says %d", got, want)
		}
		return nil
	})
}

// A question that nobody answers is told apart from one that has its answer, also
// when it goes to a private address: DNS mostly does. Both are flows, and neither
// opens or closes by it.
func TestKernelUnanswered(t *testing.T) {
	t.Parallel()
	host, pod := node(t)
	dns, deaf := at("10.77.0.1:53"), at("10.77.0.1:5353")
	var server int
	insideNS(t, host, func() (err error) {
		if server, err = bound(t, dns); err != nil {
			return err
		}
		_, err = bound(t, deaf)
		return err
	})
	w := newView(t, Config{Collector: CollectorDiag, Proc: nodeProc(t, host, pod), HostRoot: t.TempDir()})
	w.look()
	for _, to := range []netip.AddrPort{dns, deaf} {
		pod.say("udp " + to.String())
	}
	check := func(what string, to netip.AddrPort, want gauges) {
		t.Helper()
		for key, id := range w.v.live {
			if key.owner != pod.netns || key.proto != protocolUDP || key.dest != to {
				continue
			}
			if now := w.v.rows[id].now; now != want || w.sums[key] != (events{opens: 1}) {
				t.Errorf("%s: %s has %+v after %+v, want %+v", what, to, now, w.sums[key], want)
			}
			return
		}
		t.Errorf("%s: no row to %s (problems %q)", what, to, w.last.Problems)
	}
	w.until("both are tracked", func() bool { // the neighbour is looked up first
		flows := 0
		for key := range w.v.live {
			if key.owner == pod.netns && key.proto == protocolUDP {
				flows++
			}
		}
		return flows == 2
	})
	check("asked", dns, gauges{established: 1, synSent: 1})
	check("asked", deaf, gauges{established: 1, synSent: 1})

	var question [16]byte
	_, from, err := unix.Recvfrom(server, question[:], 0)
	if err == nil {
		err = unix.Sendto(server, question[:], 0, from)
	}
	if err != nil {
		t.Fatal(err)
	}
	tick := w.look()
	check("answered", dns, gauges{established: 1})
	check("still not", deaf, gauges{established: 1, synSent: 1})
	if len(tick.Rows) != 1 {
		t.Errorf("told %+v, of which one has changed", tick.Rows)
	}
}

// Whatever collects the sockets, the table of the node is told, with its bound.
func TestKernelTableOfEveryCollector(t *testing.T) {
	t.Parallel()
	for _, c := range collectors() {
		t.Run(string(c), func(t *testing.T) {
			t.Parallel()
			host, pod := node(t)
			insideNS(t, host, func() error { return addEntries(protocolUDP, "10.88.0.9", 1) })
			w := newView(t, Config{Collector: c, Proc: nodeProc(t, host, pod), HostRoot: t.TempDir()})
			tick := w.look()
			insideNS(t, host, func() error {
				want := wire.Conntrack{NetNS: host.netns, HostNetwork: true, Count: 1, Max: number(t, "/proc/sys/net/netfilter/nf_conntrack_max")}
				stat := statColumns(t, "insert_failed", "drop", "early_drop")
				want.InsertFailed, want.Drop, want.EarlyDrop = stat[0], stat[1], stat[2]
				if !slices.Contains(tick.Conntrack, want) {
					t.Errorf("%+v, the kernel says %+v (problems %q)", tick.Conntrack, want, tick.Problems)
				}
				return nil
			})
		})
	}
}

// bound is a UDP socket of the thread's namespace. Nothing is waited for without a bound.
func bound(t *testing.T, at netip.AddrPort) (fd int, err error) {
	t.Helper()
	family, sa := sockaddr(at, false)
	if fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, err
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd, errors.Join(unix.Bind(fd, sa), unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 30}))
}

// addEntries puts entries into the tracking table of the thread's namespace.
func addEntries(protocol uint8, from string, n int) error {
	buf := make([]byte, 64<<10)
	for i := range n {
		src := netip.AddrPortFrom(netip.MustParseAddr(from), uint16(1000+i))
		entry := ctTuples(protocol, src, at("20.0.0.1:443"))
		entry = ctStatusOf(entry, 0x18e)                                        // confirmed, assured, seen reply, NAT done
		entry = netlink.Attr(entry, 7, binary.BigEndian.AppendUint32(nil, 600)) // CTA_TIMEOUT
		const request, ack, create = 0x1, 0x4, 0x400
		err := netlink.Dump(unix.NETLINK_NETFILTER, netlink.Request(conntrack.Subsystem<<8, request|ack|create, entry), buf, func(uint16, []byte) error { return nil })
		if err != nil {
			return err
		}
	}
	return nil
}

func number(t *testing.T, path string) uint64 {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Skip(err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// statColumns adds up columns of the table's statistics over all processors.
func statColumns(t *testing.T, names ...string) (out [3]uint64) {
	t.Helper()
	text, err := os.ReadFile("/proc/thread-self/net/stat/nf_conntrack")
	if err != nil {
		t.Skip(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	head := strings.Fields(lines[0])
	for _, line := range lines[1:] {
		fields := strings.Fields(line)
		for i, name := range names {
			n, err := strconv.ParseUint(fields[slices.Index(head, name)], 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			out[i] += n
		}
	}
	return out
}

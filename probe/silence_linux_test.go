package probe

import (
	"errors"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/bpf"
	"github.com/snattop/snattop/probe/wire"
)

// The offsets of struct tcp_info are those of the kernel's own header.
func TestTCPInfoOffsets(t *testing.T) {
	t.Parallel()
	var i unix.TCPInfo
	for at, want := range map[int]uintptr{
		tcpInfoLastDataSent: unsafe.Offsetof(i.Last_data_sent), tcpInfoLastDataRecv: unsafe.Offsetof(i.Last_data_recv),
		tcpInfoLastAckRecv: unsafe.Offsetof(i.Last_ack_recv), tcpInfoSegsOut: unsafe.Offsetof(i.Segs_out), tcpInfoSegsIn: unsafe.Offsetof(i.Segs_in),
	} {
		if at != int(want) {
			t.Errorf("offset %d should be %d", at, want)
		}
	}
}

// hasty is what the tests have in place of a minute.
const hasty = 10 * time.Millisecond

// hurried makes a view count silence in a hurry.
func hurried(w *view) *view {
	w.t.Helper()
	w.s.silence.minute, w.s.agg.minute = hasty, hasty
	if e, ok := w.s.counts.(*ebpfCounter); ok {
		c, err := bpf.Open(bpf.Config{Rows: 1000, Silence: hasty})
		if err := errors.Join(err, e.close()); err != nil {
			w.t.Fatal(err)
		}
		e.c = c
	}
	return w
}

// seeSilence are the collectors that know how silent connections are.
func seeSilence() []Collector {
	return slices.DeleteFunc(collectors(), func(c Collector) bool { return c == CollectorProcfs })
}

// longestSilence is the last bucket.
const longestSilence = wire.SilentBuckets - 1

// pair is one connection with both its ends, which end with the test.
func (o *opened) pair(t *testing.T, addr string) (client, accepted int, at netip.AddrPort) {
	t.Helper()
	fd, at, err := listen(netip.MustParseAddr(addr), 8)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	o.dial(t, 1, at, false, 0)
	client = o.fds[len(o.fds)-1]
	for {
		if accepted, _, err = unix.Accept4(fd, unix.SOCK_CLOEXEC); err == nil {
			o.fds = append(o.fds, accepted)
			return client, accepted, at
		}
		if !errors.Is(err, unix.EINTR) {
			t.Fatal(err)
		}
	}
}

// The kernel tells over netlink how silent a connection is, and whatever packet
// passes ends it: data of either side, and the keep-alives of either side.
func TestKernelSilence(t *testing.T) {
	t.Parallel()
	say := func(fd int) error {
		_, err := unix.Write(fd, []byte{1})
		return err
	}
	wakes := map[string]func(client, accepted int) error{
		"data that is sent":              func(client, _ int) error { return say(client) },
		"data that comes":                func(_, accepted int) error { return say(accepted) },
		"a keep-alive of ours":           func(client, _ int) error { return keepAlive(client) },
		"a keep-alive of the other side": func(_, accepted int) error { return keepAlive(accepted) },
	}
	for name, wake := range wakes {
		for _, c := range seeSilence() {
			t.Run(string(c)+", "+name, func(t *testing.T) {
				t.Parallel()
				w := hurried(newView(t, sight(t, c)))
				client, accepted, at := newOpened(t).pair(t, loopback())
				silent := func() bool {
					return w.rowTo(at).now == gauges{established: 1, silent: [wire.SilentBuckets]uint32{longestSilence: 1}}
				}
				w.until("silent for the longest", silent)
				if err := wake(client, accepted); err != nil {
					t.Fatal(err)
				}
				w.until("not silent any more", func() bool { return !silent() && w.rowTo(at).now.established == 1 })
				w.until("silent again", silent)
				if err := unix.Shutdown(client, unix.SHUT_WR); err != nil {
					t.Fatal(err)
				}
				w.until("closing is not silent", func() bool { return w.rowTo(at).now == gauges{closing: 1} })
			})
		}
	}
}

// What was silent at the start is told so by the first look.
func TestKernelSilenceAtFirst(t *testing.T) {
	t.Parallel()
	client, _, at := newOpened(t).pair(t, loopback())
	for began := time.Now(); ; runtime.Gosched() {
		info, err := unix.GetsockoptTCPInfo(client, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil || time.Since(began) > soon {
			t.Fatalf("never silent: %+v, %v", info, err)
		}
		if time.Duration(info.Last_data_sent)*time.Millisecond > 70*hasty {
			break
		}
	}
	for _, c := range collectors() {
		t.Run(string(c), func(t *testing.T) {
			t.Parallel()
			w := hurried(newView(t, sight(t, c)))
			w.look()
			want := gauges{established: 1}
			if c != CollectorProcfs { // which cannot tell
				want.silent[longestSilence] = 1
			}
			if got := w.rowTo(at).now; got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}

// keepAlive lets a socket ask the other side for an answer when nothing has come
// for a second, the least that the kernel knows (tcp(7)).
func keepAlive(fd int) error {
	for option, level := range map[int]int{unix.TCP_KEEPIDLE: unix.IPPROTO_TCP, unix.TCP_KEEPINTVL: unix.IPPROTO_TCP, unix.SO_KEEPALIVE: unix.SOL_SOCKET} {
		if err := unix.SetsockoptInt(fd, level, option, 1); err != nil {
			return err
		}
	}
	return nil
}

// Silence is told of every namespace, also of those that a second thread reads.
func TestKernelSilenceOfNamespaces(t *testing.T) {
	t.Parallel()
	children := []*child{newChild(t), newChild(t), newChild(t)}
	w := hurried(nodeView(t, CollectorDiag, children...))
	to := make([]netip.AddrPort, len(children))
	for i, c := range children {
		to[i] = c.listen()
		c.say("dial " + to[i].String())
	}
	w.until("all are silent", func() bool {
		for _, at := range to {
			if w.rowTo(at).now.silent[longestSilence] != 1 {
				return false
			}
		}
		return true
	})
}

// The long answer is asked for every ten seconds; between two, the row keeps what
// it said and is not told again.
func TestDiagAsksForSilenceSeldom(t *testing.T) {
	t.Parallel()
	w := newView(t, sight(t, CollectorDiag))
	d, ok := w.s.collect.(*diagCollector)
	if !ok {
		t.Fatalf("%T collects", w.s.collect)
	}
	k := &fakeKernel{table: []Socket{sock(3, StateEstablished, "10.0.0.1:50000", "20.0.0.1:443"), sock(4, StateEstablished, "10.0.0.1:50001", "20.0.0.1:443")}}
	d.ask = k.ask
	idle := []time.Duration{5 * time.Minute, 59 * time.Second}
	var rows [][]wire.Row
	for i := range 21 {
		for j := range k.table {
			k.table[j].Silence.idle = idle[j] + time.Duration(i)*time.Second
		}
		k.asked = nil
		w.now = w.now.Add(time.Second - time.Minute) // look adds the minute
		rows = append(rows, w.look().Rows)
		for _, q := range k.asked {
			if want := i%10 == 0 && q.states == diagStatesOfFlows; q.silence != want {
				t.Errorf("after %d seconds: asked for silence %t, states %x", i, q.silence, q.states)
			}
		}
		want := gauges{established: 2, silent: [wire.SilentBuckets]uint32{2: 1}}
		if i >= 10 {
			want.silent[0] = 1
		}
		if got := w.rowTo(at("20.0.0.1:443")).now; got != want {
			t.Errorf("after %d seconds: %+v, want %+v", i, got, want)
		}
		if told := len(rows[i]) > 0; told != (i == 0 || i == 10) {
			t.Errorf("after %d seconds: told %+v", i, rows[i])
		}
	}
}

// What it costs to ask the kernel for silence, of 4,000 sockets.
func BenchmarkDiag(b *testing.B) {
	fd, at, err := listen(netip.MustParseAddr(loopback()), 4096)
	if err != nil {
		b.Fatal(err)
	}
	held := &opened{fds: []int{fd}}
	defer held.abort()
	const n = 2000
	for range n {
		client, err := dial(at, false, 0)
		if err != nil {
			b.Fatal(err)
		}
		held.fds = append(held.fds, client)
	}
	for name, asks := range map[string]bool{"without silence": false, "with silence": true} {
		b.Run(name, func(b *testing.B) {
			d := newDiagCollector()
			d.silence = asks
			began := processorTime(b)
			for b.Loop() {
				met := 0
				if err := d.collect(nil, func(*Socket) { met++ }); err != nil || met < 2*n {
					b.Skipf("%d sockets of %d: %v", met, 2*n, err)
				}
			}
			b.ReportMetric(float64((processorTime(b)-began).Nanoseconds())/float64(b.N)/(2*n), "cpu-ns/socket")
		})
	}
}

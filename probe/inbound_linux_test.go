package probe

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// wholeTable is the diag collector without a filter: every socket is told, and
// wildcard listeners for one read more than they live.
type wholeTable struct {
	*fakeKernel
	last map[uint16]bool
}

func (*wholeTable) name() Collector { return CollectorDiag }
func (*wholeTable) enters() bool    { return false }

func (w *wholeTable) collect(_ *namespace, emit func(*Socket)) error {
	heard := make(map[uint16]bool)
	tell := func(listeners bool) error {
		for _, s := range w.table {
			if (s.State == StateListen) != listeners {
				continue
			}
			if listeners && s.Local.Addr().IsUnspecified() {
				heard[s.Local.Port()] = true
			}
			if w.told++; w.told == w.failAt {
				return errFake
			}
			emit(&s)
		}
		return nil
	}
	if err := tell(true); err != nil {
		return err
	}
	for _, port := range slices.Sorted(maps.Keys(w.last)) {
		emit(&Socket{State: StateListen, Local: netip.AddrPortFrom(netip.IPv4Unspecified(), port)})
	}
	if err := tell(false); err != nil {
		return err
	}
	w.last = heard
	return nil
}

// reader takes snapshots of one namespace out of a collector.
type reader struct {
	s *sampler
	v *receiver
}

func (r *reader) look(ctx interface{ Fatal(...any) }, now time.Time, fails bool) map[flowKey]gauges {
	r.s.agg.Begin()
	heard := make(listeners)
	err := r.s.collect.collect(hostSpace(), func(sock *Socket) {
		if sock.State == StateListen {
			heard.add(sock)
			return
		}
		r.s.count(hostSpace(), sock, heard)
	})
	if (err != nil) != fails {
		ctx.Fatal("read:", err)
	}
	if err != nil {
		r.s.agg.Failed(1)
	}
	r.s.agg.sweep()
	happened, err := r.v.apply(r.s.agg.finish(now, time.Second, r.s.procs))
	if err != nil {
		ctx.Fatal(err)
	}
	out := make(map[flowKey]gauges)
	for _, row := range r.v.rows {
		out[row.key] = row.now
	}
	for k, e := range happened { // as gauges (opens, closes, fails) of a protocol that there is not
		k.proto = 255
		out[k] = gauges{established: e.opens, closing: e.closes, synSent: e.fails}
	}
	return out
}

// world is a namespace in which things happen at random.
type world struct {
	table []Socket
	next  uint64
}

func (w *world) pick(t *rapid.T, listener bool) int {
	var of []int
	for i, s := range w.table {
		if (s.State == StateListen) == listener {
			of = append(of, i)
		}
	}
	if len(of) == 0 {
		return -1
	}
	return rapid.SampledFrom(of).Draw(t, "which")
}

func (w *world) happen(t *rapid.T) {
	port := rapid.SampledFrom([]uint16{80, 81, 443, 40000}).Draw(t, "port")
	addrs := []string{"0.0.0.0", "::", "10.0.0.1", "fd00::1"}
	add := func(state State, addr string, remote netip.AddrPort) {
		w.next++
		w.table = append(w.table, Socket{
			Key: w.next, Inode: w.next, Protocol: protocolTCP, State: state,
			Local: netip.AddrPortFrom(netip.MustParseAddr(addr), port), Remote: remote,
		})
	}
	switch rapid.IntRange(0, 5).Draw(t, "what") {
	case 0:
		add(StateListen, rapid.SampledFrom(addrs).Draw(t, "addr"), netip.AddrPort{})
		w.table[len(w.table)-1].Remote = netip.MustParseAddrPort("0.0.0.0:0")
	case 1:
		if i := w.pick(t, true); i >= 0 {
			w.table = slices.Delete(w.table, i, i+1)
		}
	case 2, 3: // in or out: only a listener makes the difference
		state := rapid.SampledFrom([]State{StateEstablished, StateSynSent, StateCloseWait, StateTimeWait}).Draw(t, "state")
		remote := fmt.Sprintf("20.0.0.%d:%d", rapid.IntRange(1, 3).Draw(t, "remote"), 443)
		add(state, rapid.SampledFrom(addrs[2:3]).Draw(t, "addr"), netip.MustParseAddrPort(remote))
	case 4:
		if i := w.pick(t, false); i >= 0 {
			w.table[i].State = rapid.SampledFrom([]State{StateEstablished, StateLastAck, StateTimeWait}).Draw(t, "state")
		}
	case 5:
		if i := w.pick(t, false); i >= 0 {
			w.table = slices.Delete(w.table, i, i+1)
		}
	}
}

// What the kernel leaves out changes nothing of what is told, whatever the order
// in which listeners and connections come and go, and reads fail.
func TestFilterChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := &world{}
		filtering, whole := &fakeKernel{}, &wholeTable{fakeKernel: &fakeKernel{}}
		diag := newDiagCollector()
		diag.ask = filtering.ask
		diag.way = rapid.IntRange(0, 3).Draw(rt, "way")
		var readers [2]*reader
		for i, c := range []collector{diag, whole} {
			s := deskSampler(t, "/nowhere")
			s.collect = c
			readers[i] = &reader{s, newReceiver()}
		}
		diag.outbound = readers[0].s.agg.wentOut
		now := time.Unix(1000, 0)
		for range rapid.IntRange(2, 12).Draw(rt, "reads") {
			for range rapid.IntRange(0, 6).Draw(rt, "events") {
				w.happen(rt)
			}
			filtering.table, whole.table = w.table, w.table
			// Both fail before anything was told, or not at all.
			fails := len(w.table) > 0 && w.table[0].State == StateListen && rapid.IntRange(0, 4).Draw(rt, "fail") == 0
			filtering.failAt, filtering.told, whole.failAt, whole.told = 0, 0, 0, 0
			if fails {
				filtering.failAt, whole.failAt = 1, 1
			}
			now = now.Add(time.Second)
			got, want := readers[0].look(rt, now, fails), readers[1].look(rt, now, fails)
			if !maps.Equal(got, want) {
				rt.Fatalf("with the filter %v\nwithout         %v\nof %+v", got, want, w.table)
			}
		}
	})
}

func at(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func sock(key uint64, state State, local, remote string) Socket {
	return Socket{Key: key, Inode: key, Protocol: protocolTCP, State: state, Local: at(local), Remote: at(remote)}
}

// collected is what one read of a fake kernel emits.
func collected(t *testing.T, d *diagCollector) (keys []uint64) {
	t.Helper()
	if err := d.collect(hostSpace(), func(s *Socket) { keys = append(keys, s.Key) }); err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestInboundStaysInTheKernel(t *testing.T) {
	t.Parallel()
	k := &fakeKernel{table: []Socket{
		sock(1, StateListen, "[::]:8080", "[::]:0"),
		sock(2, StateListen, "10.0.0.1:9090", "0.0.0.0:0"),
		sock(3, StateEstablished, "10.0.0.1:8080", "20.0.0.1:40000"),
		sock(4, StateTimeWait, "[fd00::1]:8080", "[fd00::2]:40000"),
		sock(5, StateEstablished, "10.0.0.1:9090", "20.0.0.1:40000"), // few, and judged here
		sock(6, StateEstablished, "10.0.0.1:50000", "20.0.0.1:443"),
	}}
	d := newDiagCollector()
	wentOut := map[uint64]bool{6: true}
	d.ask, d.outbound = k.ask, func(key uint64) bool { return wentOut[key] }
	if got := collected(t, d); !slices.Equal(got, []uint64{1, 2, 5, 6}) {
		t.Errorf("first read: %v", got)
	}
	// A listener that is new is read with all that is on its port…
	k.table = append(k.table, sock(7, StateListen, "0.0.0.0:50000", "0.0.0.0:0"), sock(8, StateEstablished, "10.0.0.1:50000", "20.0.0.2:443"))
	for range 2 { // …for as long as something of it went out.
		if got := collected(t, d); !slices.Equal(got, []uint64{1, 2, 7, 5, 6, 8}) {
			t.Errorf("a new listener: %v", got)
		}
	}
	delete(wentOut, 6)
	k.table = slices.Delete(k.table, 5, 6)
	if got := collected(t, d); !slices.Equal(got, []uint64{1, 2, 7, 5, 8}) {
		t.Errorf("the last that went out has ended: %v", got)
	}
	if got := collected(t, d); !slices.Equal(got, []uint64{1, 2, 7, 5}) {
		t.Errorf("nothing goes out: %v", got)
	}
	// Gone, heard once more (without a key), and forgotten.
	k.table = k.table[1:]
	if got := collected(t, d); !slices.Equal(got, []uint64{2, 7, 0, 3, 4, 5}) {
		t.Errorf("the listener has gone: %v", got)
	}
	if got := collected(t, d); !slices.Equal(got, []uint64{2, 7, 3, 4, 5}) {
		t.Errorf("and is forgotten: %v", got)
	}
	d.retain(map[uint64]bool{7: true})
	if len(d.ports) != 1 {
		t.Errorf("%d namespaces are remembered", len(d.ports))
	}
	if d.retain(nil); len(d.ports) != 0 {
		t.Error("a namespace that has gone is remembered")
	}
}

// Nobody who does not remember directions may leave anything out.
func TestNoFilterWithoutMemory(t *testing.T) {
	t.Parallel()
	k := &fakeKernel{table: []Socket{
		sock(1, StateListen, "[::]:8080", "[::]:0"), sock(2, StateEstablished, "10.0.0.1:8080", "20.0.0.1:40000"),
	}}
	d := newDiagCollector()
	d.ask = k.ask
	if got := collected(t, d); !slices.Equal(got, []uint64{1, 2}) {
		t.Errorf("%v", got)
	}
}

// More ports than a filter may have are judged here, always the same ones.
func TestFilterIsBounded(t *testing.T) {
	t.Parallel()
	k := &fakeKernel{}
	var want []uint64
	for i := range 2 * maxFilterPorts {
		local := fmt.Sprintf("0.0.0.0:%d", 1000+10*i)
		k.table = append(k.table, sock(uint64(1000+i), StateListen, local, "0.0.0.0:0"), sock(uint64(i), StateEstablished, local, "20.0.0.1:1"))
		want = append(want, uint64(1000+i))
	}
	for i := maxFilterPorts; i < 2*maxFilterPorts; i++ {
		want = append(want, uint64(i))
	}
	d := newDiagCollector()
	d.ask, d.outbound = k.ask, func(uint64) bool { return false }
	for range 2 {
		if got := collected(t, d); !slices.Equal(got, want) {
			t.Errorf("%v", got)
		}
	}
}

// What a kernel refuses is asked for in an older way, and never again.
func TestDiagFallsBack(t *testing.T) {
	t.Parallel()
	table := []Socket{
		sock(1, StateListen, "0.0.0.0:80", "0.0.0.0:0"), sock(2, StateEstablished, "10.0.0.1:80", "20.0.0.1:1"),
		sock(3, StateEstablished, "10.0.0.1:50000", "20.0.0.1:443"), sock(4, StateEstablished, "[fd00::1]:50000", "[fd00::2]:443"),
	}
	const both, noIPv6 = tcpDiagGetSock, unix.ENOENT
	for name, tc := range map[string]struct {
		refuses func(q diagQuestion) unix.Errno
		want    []uint64
		way     int
	}{
		"nothing": {nil, []uint64{1, 3, 4}, 0},
		"byte-code": {func(q diagQuestion) unix.Errno {
			if q.filter != nil {
				return unix.EINVAL
			}
			return 0
		}, []uint64{1, 2, 3, 4}, 1},
		"both at once": {func(q diagQuestion) unix.Errno {
			if q.kind == both {
				return unix.EOPNOTSUPP
			}
			return 0
		}, []uint64{1, 3, 4}, 2},
		"both, and IPv6": {func(q diagQuestion) unix.Errno {
			if q.kind == both {
				return unix.EINVAL
			}
			if q.family == familyINET6 {
				return noIPv6
			}
			return 0
		}, []uint64{1, 3}, 2},
		"both, and byte-code": {func(q diagQuestion) unix.Errno {
			if q.kind == both || q.filter != nil {
				return unix.EINVAL
			}
			return 0
		}, []uint64{1, 2, 3, 4}, 3},
	} {
		k := &fakeKernel{table: table, refuses: tc.refuses}
		d := newDiagCollector()
		d.ask, d.outbound = k.ask, func(uint64) bool { return false }
		for range 2 {
			if got := collected(t, d); !slices.Equal(got, tc.want) || d.way != tc.way {
				t.Errorf("%s is refused: %v, way %d", name, got, d.way)
			}
		}
	}
	k := &fakeKernel{table: table, refuses: func(diagQuestion) unix.Errno { return unix.ENOENT }}
	d := newDiagCollector()
	d.ask = k.ask
	if err := d.collect(hostSpace(), func(*Socket) {}); !errors.Is(err, unix.ENOENT) || d.way != 0 {
		t.Errorf("everything is refused: %v, way %d", err, d.way)
	}
	k.refuses = func(diagQuestion) unix.Errno { return unix.EPERM }
	if err := d.collect(hostSpace(), func(*Socket) {}); !errors.Is(err, unix.EPERM) || len(k.asked) != 0 {
		t.Errorf("forbidden is not unknown: %v after %v", err, k.asked)
	}
}

// A read that fails leaves what is known of a namespace's ports.
func TestFailedReadForgetsNoPorts(t *testing.T) {
	t.Parallel()
	k := &fakeKernel{table: []Socket{
		sock(1, StateListen, "0.0.0.0:80", "0.0.0.0:0"), sock(2, StateEstablished, "10.0.0.1:80", "20.0.0.1:1"),
		sock(3, StateEstablished, "10.0.0.1:50000", "20.0.0.1:443"),
	}}
	d := newDiagCollector()
	d.ask, d.outbound = k.ask, func(uint64) bool { return false }
	collected(t, d)
	for failAt := range 2 { // among the listeners, among the flows
		k.failAt, k.told = failAt+1, 0
		if err := d.collect(hostSpace(), func(*Socket) {}); !errors.Is(err, errFake) {
			t.Fatal(err)
		}
	}
	k.failAt = 0
	k.table = k.table[1:]
	if got := collected(t, d); !slices.Equal(got, []uint64{0, 2, 3}) {
		t.Errorf("%v", got)
	}
	// When the first read fails, the next may know connections.
	d = newDiagCollector()
	d.ask, d.outbound = k.ask, func(uint64) bool { return false }
	k.table = append(k.table, sock(1, StateListen, "0.0.0.0:80", "0.0.0.0:0"))
	k.failAt, k.told = 2, 0
	_ = d.collect(hostSpace(), func(*Socket) {})
	k.failAt = 0
	for _, want := range [][]uint64{{1, 2, 3}, {1, 3}} {
		if got := collected(t, d); !slices.Equal(got, want) {
			t.Errorf("after a first read that failed: %v, want %v", got, want)
		}
	}
}

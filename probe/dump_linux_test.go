package probe

import (
	"slices"
	"testing"

	"github.com/snattop/snattop/probe/netlink"
)

// Sockets met twice in a dump that was read again count once.
func TestInterruptedDumpCountsOnce(t *testing.T) {
	t.Parallel()
	k := &fakeKernel{table: []Socket{
		sock(1, StateListen, "[fd00::1]:80", "[::]:0"), sock(2, StateEstablished, "10.0.0.1:50000", "20.0.0.1:443"),
	}}
	d := newDiagCollector()
	tries := 0
	d.ask = func(request, buf []byte, fn func(uint16, []byte) error) error {
		if err := k.ask(request, buf, fn); err != nil {
			return err
		}
		if tries++; tries%2 == 1 {
			return netlink.ErrInterrupted
		}
		return nil
	}
	s := deskSampler(t, "/nowhere")
	s.collect = d
	r := &reader{s, newReceiver()}
	got := r.look(t, s.scans.next, false)
	if len(got) != 1 || tries != 4 {
		t.Errorf("%v after %d dumps", got, tries)
	}
	for _, g := range got {
		if g != (gauges{established: 1}) {
			t.Errorf("%+v", g)
		}
	}
}

// The real kernel: a filter leaves out what the rule says, no more and no less.
func TestFilterOfTheKernel(t *testing.T) {
	t.Parallel()
	wild, narrow := mustListen(t, "::", 64), mustListen(t, loopback(), 64)
	conns := newOpened(t)
	conns.dial(t, 3, narrow, false, 0)
	conns.dial(t, 4, at("127.0.0.1"+wild.String()[len("[::]"):]), false, 0)
	conns.dial(t, 2, at("[::1]"+wild.String()[len("[::]"):]), false, 0)

	d := newDiagCollector()
	dump := func(states uint32, ports []uint16) (out []Socket) {
		err := d.dump(diagQuery{states: states, filter: portFilter(ports)}, func(s *Socket) error {
			out = append(out, *s)
			return nil
		})
		if err != nil {
			t.Skipf("inet_diag does not work here: %v", err)
		}
		return out
	}
	heard := make(listeners)
	for _, l := range dump(diagStatesOfListeners, nil) {
		if l.State != StateListen {
			t.Errorf("%+v among the listeners", l)
		}
		if l.Local.Addr().IsUnspecified() {
			heard.add(&l)
		}
	}
	if !heard.accepts(at("10.9.8.7" + wild.String()[len("[::]"):])) {
		t.Fatalf("the listener on %s is not heard", wild)
	}
	// Of this test alone: others run beside it.
	mine := func(all []Socket) (out []string) {
		for _, s := range all {
			if s.State != StateEstablished {
				continue // left over on the same port
			}
			for _, p := range []uint16{s.Local.Port(), s.Remote.Port()} {
				if p == wild.Port() || p == narrow.Port() {
					out = append(out, s.Local.String()+" "+s.Remote.String())
					break
				}
			}
		}
		slices.Sort(out)
		return out
	}
	ports := []uint16{1, wild.Port(), 65535}
	all := dump(diagStatesOfFlows, nil)
	if d.way != 0 {
		t.Errorf("this kernel refuses way %d", d.way)
	}
	got := mine(dump(diagStatesOfFlows, ports))
	kept := slices.DeleteFunc(slices.Clone(all), func(s Socket) bool {
		rule := listeners{wild.Port(): heard[wild.Port()]}
		return rule.accepts(s.Local)
	})
	if want := mine(kept); !slices.Equal(got, want) || len(got) != 2*3+4+2 {
		t.Errorf("with a filter %q\nby the rule %q", got, want)
	}
	if whole := mine(all); len(whole) != 2*3+2*(4+2) {
		t.Errorf("without a filter %q", whole)
	}
	// The older way tells the same.
	for way := range diagWays {
		d.way = way
		want := got
		if diagWays[way].plain {
			want = mine(all)
		}
		if other := mine(dump(diagStatesOfFlows, ports)); !slices.Equal(other, want) {
			t.Errorf("way %d: %q", way, other)
		}
	}
}

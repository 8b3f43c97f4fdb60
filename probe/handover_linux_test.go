package probe

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/probe/count"
	"github.com/snattop/snattop/probe/wire"
)

// fakeCounter tells what a test puts into it, and fails when it is told to.
type fakeCounter struct {
	rows     []count.Row
	lost     uint64
	problems []string
	err      error
	seedErr  error
	closed   int
}

func (*fakeCounter) name() Collector { return CollectorEBPF }

func (f *fakeCounter) seed(context.Context, time.Time, *sampler, []*namespace) (uint64, error) {
	return 0, f.seedErr
}

func (f *fakeCounter) read() (*count.Reading, error) {
	return &count.Reading{Rows: f.rows, Lost: f.lost, Problems: f.problems}, f.err
}

func (f *fakeCounter) close() error {
	f.closed++
	return nil
}

// fakeList lists sockets of our own namespace, or fails.
type fakeList struct {
	label   Collector
	sockets []Socket
	err     error
}

func (f *fakeList) name() Collector { return f.label }
func (*fakeList) enters() bool      { return false }

func (f *fakeList) collect(_ *namespace, emit func(*Socket)) error {
	for i := range f.sockets {
		emit(&f.sockets[i])
	}
	return f.err
}

// climber is a sampler whose ladder is made of fakes. Its own namespace is all
// that it sees.
func climber(t *testing.T, asked Collector) *sampler {
	t.Helper()
	got, _, err := newSampler(mustComplete(t, Config{Scope: ScopeNode, Collector: CollectorProcfs, Proc: fewProcesses(t), HostRoot: t.TempDir()}))
	if err != nil {
		t.Fatal(err)
	}
	s := got.(*sampler)
	t.Cleanup(s.close)
	s.collect, s.counts, s.ladder, s.cfg.Collector = nil, nil, nil, asked
	return s
}

func (s *sampler) take(c any) func() error {
	return func() error {
		switch c := c.(type) {
		case *fakeCounter:
			s.counts = c
		case *fakeList:
			s.collect = c
		case error:
			return c
		}
		return nil
	}
}

var errBroken = errors.New("the map is gone")

func toward(i byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{20, 0, 0, i}), 443)
}

func openTo(s *sampler, pid uint32, dest netip.AddrPort, n uint32) count.Row {
	return count.Row{Key: count.Key{NetNS: s.selfNS, PID: pid, Remote: dest}, Command: "app", Gauges: count.Gauges{Established: n}}
}

// A counter that fails is followed by the next collector in the same tick, which
// is told in full and says who failed and why.
func TestHandOver(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*fakeCounter){
		"reading": func(f *fakeCounter) { f.err = errBroken },
		"seeding": func(f *fakeCounter) { f.seedErr = errBroken },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := climber(t, CollectorAuto)
			first := &fakeCounter{}
			second := &fakeCounter{}
			second.rows = []count.Row{openTo(s, 0, toward(1), 4)}
			second.rows[0].Events.Opens = 9 // before its time
			first.rows = []count.Row{openTo(s, 0, toward(1), 3), openTo(s, 0, toward(2), 1)}
			s.counts = first
			s.ladder = []rung{{CollectorDiag, s.take(errors.New("not permitted"))}, {CollectorTCPTracer, s.take(second)}}
			now := time.Unix(1_790_000_000, 0)
			tick, err := s.sample(t.Context(), now, 0)
			if err != nil || !tick.Full || len(tick.Rows) != 2 || tick.Collector != "" || len(tick.Owners) != 1 {
				t.Fatalf("%+v, %v", tick, err)
			}
			owner := tick.Owners[0]
			fail(first)
			tick, err = s.sample(t.Context(), now.Add(time.Second), time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if !tick.Full || tick.ElapsedNanos != 0 || tick.Collector != string(second.name()) || first.closed != 1 {
				t.Errorf("%+v; closed %d times", tick, first.closed)
			}
			if len(tick.Rows) != 1 || tick.Rows[0].Established != 4 || tick.Rows[0].Opens != 0 || tick.Rows[0].IP != toward(1).Addr() {
				t.Errorf("rows %+v", tick.Rows)
			}
			if len(tick.Owners) != 1 || tick.Owners[0].ID != owner.ID || tick.Rows[0].Owner != owner.ID {
				t.Errorf("owners %+v, was %+v", tick.Owners, owner)
			}
			if told := tick.Problems[0]; !strings.Contains(told, "ebpf failed: the map is gone") || strings.Contains(told, "\n") {
				t.Errorf("problems %q", tick.Problems)
			}
			second.rows[0].Established, second.rows[0].Events.Opens = 5, 1
			tick, err = s.sample(t.Context(), now.Add(2*time.Second), time.Second)
			if err != nil || tick.Full || tick.Collector != "" || strings.Contains(strings.Join(tick.Problems, "\n"), "failed") || len(tick.Rows) != 1 || tick.Rows[0].Opens != 1 {
				t.Errorf("the tick after: %+v, %v", tick, err)
			}
		})
	}
}

// A list that fails everywhere is no collector any more; a second that fails as
// well is passed in the same tick.
func TestHandOverOfLists(t *testing.T) {
	t.Parallel()
	s := climber(t, CollectorAuto)
	self := tcp(1, StateEstablished, 9)
	good := &fakeList{label: CollectorProcfs, sockets: []Socket{self}}
	s.collect = &fakeList{label: CollectorDiag, err: errBroken}
	s.ladder = []rung{{CollectorDiag, s.take(&fakeList{label: CollectorTCPTracer, err: errBroken})}, {CollectorProcfs, s.take(good)}}
	tick, err := s.sample(t.Context(), time.Unix(1_790_000_000, 0), 0)
	if err != nil {
		t.Fatal(err)
	}
	if !tick.Full || tick.Collector != string(CollectorProcfs) || len(tick.Rows) != 1 || len(tick.Problems) < 2 {
		t.Errorf("%+v", tick)
	}
	for i, who := range []string{"diag", "tcptracer"} {
		if !strings.HasPrefix(tick.Problems[i], who+" failed") {
			t.Errorf("problem %d is %q", i, tick.Problems[i])
		}
	}
}

// When nothing is left, or one was asked for, the stream ends with one line that
// says why.
func TestHandOverToNobody(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		asked Collector
		rungs []error
		wants []string
	}{
		"asked for":     {CollectorEBPF, nil, []string{"ebpf failed: the map is gone", "asked for"}},
		"none is left":  {CollectorAuto, nil, []string{"ebpf failed: the map is gone", "no collector"}},
		"none can work": {CollectorAuto, []error{errors.New("not permitted"), errors.New("no /proc")}, []string{"ebpf failed: the map is gone", "not permitted", "no /proc"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := climber(t, tc.asked)
			s.counts = &fakeCounter{err: errBroken}
			for _, err := range tc.rungs {
				s.ladder = append(s.ladder, rung{CollectorDiag, s.take(err)})
			}
			out := &fakeOutput{}
			l := loop{cfg: s.cfg, s: s, out: out, now: time.Now}
			err := l.look(t.Context())
			if !errors.Is(err, errBroken) || len(out.ticks) != 0 || len(out.byes) != 1 || !out.byes[0].Failed {
				t.Fatalf("%v, byes %+v", err, out.byes)
			}
			why := out.byes[0].Reason
			for _, want := range tc.wants {
				if !strings.Contains(why, want) {
					t.Errorf("%q does not say %q", why, want)
				}
			}
			if strings.Contains(why, "\n") {
				t.Errorf("more than a line: %q", why)
			}
		})
	}
}

// The end of the whole is no failure of a collector.
func TestNoHandOverAtTheEnd(t *testing.T) {
	t.Parallel()
	s := climber(t, CollectorAuto)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	first := &fakeCounter{err: context.Canceled}
	s.counts = first
	s.ladder = []rung{{CollectorProcfs, s.take(&fakeList{label: CollectorProcfs})}}
	if _, err := s.sample(ctx, time.Unix(1, 0), 0); !errors.Is(err, context.Canceled) || s.counts != counter(first) {
		t.Errorf("%v, counted by %v", err, s.counts)
	}
}

// What a counter lost and what it complains of reaches the tick.
func TestTallyTellsLosses(t *testing.T) {
	t.Parallel()
	s := climber(t, CollectorAuto)
	s.counts = &fakeCounter{lost: 7, problems: []string{"the map is full", "the map is full"}}
	tick, err := s.sample(t.Context(), time.Unix(1, 0), 0)
	if err != nil || tick.Loss != (wire.Loss{Events: 7}) || strings.Count(strings.Join(tick.Problems, "\n"), "the map is full") != 1 {
		t.Errorf("%+v, %v", tick, err)
	}
}

package recording

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var made = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// script is a source that tells events.
type script struct {
	events  []session.Event
	focuses []session.Focus
	err     error
}

func (s *script) Focus(f session.Focus) { s.focuses = append(s.focuses, f) }

func (s *script) Run(_ context.Context, sink session.Sink) error {
	for _, e := range s.events {
		sink.Put(e)
	}
	return s.err
}

// list is a sink that keeps what it is told.
type list struct{ events []session.Event }

func (l *list) Put(e session.Event) { l.events = append(l.events, e) }

func (l *list) problems() (out []string) {
	for _, e := range l.events {
		if e.Problem != nil {
			out = append(out, *e.Problem)
		}
	}
	return out
}

// sample holds one event of each kind, and a minute of ticks.
func sample() []session.Event {
	problem := "the API server does not answer"
	ip := netip.MustParseAddr
	events := []session.Event{
		{Cluster: &session.ClusterInfo{Context: "prod", ServerVersion: "v1.36.3", Source: "recording", Provider: snat.ProviderAzureLB}},
		{Objects: &inventory.Change{
			Nodes: []inventory.Node{{Name: "n1", InternalIP: "10.0.0.4", ProviderID: "azure:///x", OS: "linux", Arch: "amd64", Ready: true, PodCIDRs: []string{"10.244.0.0/24"}}},
			Pods: []inventory.Pod{{
				UID: "u1", Namespace: "shop", Name: "checkout-1", Node: "n1", Workload: inventory.Workload{Kind: "Deployment", Name: "checkout"},
				IPs: []netip.Addr{ip("10.244.0.9")}, Phase: "Running", Containers: []inventory.Container{{Name: "app", ID: strings.Repeat("a", 64)}},
			}},
			Services: []inventory.Service{{UID: "s1", Namespace: "default", Name: "kubernetes", ClusterIPs: []netip.Addr{ip("10.0.0.1")}}},
		}},
		{Node: "n1", State: &session.NodeState{State: session.StateStreaming, Rung: "node pod", Scoped: []string{"a/b"}}},
		{Node: "n1", Hello: &wire.Hello{Probe: "1", Collector: "diag", IntervalMillis: 1000, Features: []wire.Feature{{Name: "diag", Answer: wire.Yes}}}},
		{Node: "n1", PodUID: "u1", Tick: &wire.Tick{
			Seq: 1, Full: true, Owners: []wire.Owner{{ID: 1, NetNS: 7, PodUID: "u1", IPs: []netip.Addr{ip("10.244.0.9")}}},
			Rows:      []wire.Row{{ID: 1, Owner: 1, Protocol: 6, IP: ip("20.60.1.9"), Port: 443, Established: 120, Detailed: true, Processes: []wire.Process{{PID: 42, Command: "python leak.py", Established: 120}}}},
			Conntrack: []wire.Conntrack{{HostNetwork: true, Count: 4, Max: 100}}, Loss: wire.Loss{Events: 1}, Problems: []string{"p"},
			Sources: []wire.Source{{IP: ip("10.244.0.9"), TCP: 120, UDP: 1, Local: true}},
		}},
		{Node: "n1", PodUID: "u1", Tick: &wire.Tick{Seq: 2, Full: true, Collector: "procfs", Problems: []string{"netlink: no buffer space"}}},
		{Node: "n1", PodUID: "u1", Tick: &wire.Tick{Seq: 3, ElapsedNanos: 1e9, Cost: wire.Cost{CPUNanos: 2e6}, Rows: []wire.Row{{
			ID: 1, Established: 120, Closes: 3, Fails: 9, Resets: 1, Refused: 2, TimedOut: 3, NoPort: 4, SynRetrans: 5, Retrans: 6, ResetsIn: 7, ResetsOut: 8,
			Lives: []wire.Life{{Bucket: 3, Count: 2}, {Bucket: 23, Count: 1}},
		}}}},
		{Problem: &problem},
	}
	for i := range 60 {
		events = append(events, session.Event{Node: "n1", PodUID: "u1", Tick: &wire.Tick{Seq: uint64(i) + 2, ElapsedNanos: 1e9, Rows: []wire.Row{{ID: 1, Established: 120 + uint32(i), Opens: 1}}}})
	}
	events = append(events, session.Event{Node: "n1", PodUID: "u1", Bye: &wire.Bye{Reason: "leash"}})
	for i := range events {
		events[i].Time = made.Add(time.Duration(i) * time.Second)
	}
	return events
}

// record writes events, as Tee does, and returns the file's bytes.
func record(t testing.TB, events []session.Event) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, "snattop test", made)
	if err != nil {
		t.Fatal(err)
	}
	if err := Tee(&script{events: events}, w).Run(context.Background(), &list{}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func save(t *testing.T, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recording.snattop")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// play plays bytes at once. It returns what Run returned.
func play(b []byte, sink session.Sink) error {
	p := &Player{name: "x", open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }, wait: sleep}
	return p.Run(context.Background(), sink)
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	src := &script{events: sample(), err: errors.New("the source's own end")}
	path := filepath.Join(t.TempDir(), "r")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWriter(file, "snattop test", made)
	if err != nil {
		t.Fatal(err)
	}
	var seen, played list
	tee := Tee(src, w)
	tee.Focus(session.Focus{Node: "n1", Owners: []uint32{3}})
	if err := tee.Run(t.Context(), &seen); !errors.Is(err, src.err) {
		t.Errorf("the source's error is lost: %v", err)
	}
	if err := errors.Join(w.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	if len(src.focuses) != 1 || src.focuses[0].Node != "n1" {
		t.Errorf("the focus did not reach the source: %+v", src.focuses)
	}
	p, err := Open(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	p.Focus(session.Focus{All: true})
	if err := p.Run(t.Context(), &played); err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]session.Event{"seen while recording": seen.events, "played": played.events} {
		if !reflect.DeepEqual(got, sample()) {
			t.Errorf("%s: %d events differ from the %d told", name, len(got), len(sample()))
		}
	}
	// A file is played as often as one likes.
	var again list
	if err := p.Run(t.Context(), &again); err != nil || len(again.events) != len(played.events) {
		t.Errorf("the second time: %d events, %v", len(again.events), err)
	}
}

func TestSourceIsNamedRecording(t *testing.T) {
	t.Parallel()
	events := sample()[:1]
	events[0].Cluster.Source = "live"
	var l list
	if err := play(record(t, events), &l); err != nil || l.events[0].Cluster.Source != "recording" || l.events[0].Cluster.Context != "prod" {
		t.Errorf("%v, %+v", err, l.events)
	}
}

// A laptop's lid closes at any byte; what is whole is played, and the rest is
// said to be missing.
func TestCutAnywhere(t *testing.T) {
	t.Parallel()
	whole, events := record(t, sample()), sample()
	most := 0
	for n := 0; n < len(whole); n += 97 {
		var l list
		err := play(whole[:n], &l)
		if err != nil {
			if !errors.Is(err, ErrFormat) || len(l.events) > 0 || strings.Contains(err.Error(), "\n") {
				t.Fatalf("cut at %d of %d: %v after %d events", n, len(whole), err, len(l.events))
			}
			continue
		}
		problems := l.problems()
		if len(problems) == 0 || !strings.Contains(problems[len(problems)-1], "ends early") {
			t.Fatalf("cut at %d of %d: played %d events and said %q", n, len(whole), len(l.events), problems)
		}
		last := l.events[len(l.events)-1]
		got := l.events[:len(l.events)-1]
		if !reflect.DeepEqual(got, events[:len(got)]) && len(got) > 0 {
			t.Fatalf("cut at %d: the %d events are others than those told", n, len(got))
		}
		if len(got) > 0 && !last.Time.Equal(got[len(got)-1].Time) {
			t.Errorf("cut at %d: the problem is told at %s", n, last.Time)
		}
		most = max(most, len(got))
	}
	if most < len(events)*3/4 {
		t.Errorf("at most %d of %d events survived a cut: the compressor is not flushed", most, len(events))
	}
	var l list
	if err := play(whole, &l); err != nil || len(l.problems()) != 1 { // the sample's own
		t.Errorf("the whole file: %v, %q", err, l.problems())
	}
}

func TestSpeed(t *testing.T) {
	t.Parallel()
	events := []session.Event{
		{Time: made, Node: "n1"}, {Time: made.Add(2 * time.Second), Node: "n1"}, {Time: made.Add(2 * time.Second), Node: "n2"},
		{Time: made.Add(time.Second), Node: "n1"}, {Time: made.Add(4 * time.Second), Node: "n1"}, {Time: made.Add(5 * time.Hour), Node: "n1"},
	}
	path := save(t, record(t, events))
	for speed, want := range map[float64][]time.Duration{
		0:   nil,
		1:   {2 * time.Second, 2 * time.Second, time.Minute},
		4:   {500 * time.Millisecond, 500 * time.Millisecond, 15 * time.Second},
		0.5: {4 * time.Second, 4 * time.Second, 2 * time.Minute},
	} {
		p, err := Open(path, speed)
		if err != nil {
			t.Fatal(err)
		}
		var waits []time.Duration
		var l list
		p.wait = func(_ context.Context, d time.Duration) error {
			waits = append(waits, d)
			return nil
		}
		if err := p.Run(t.Context(), &l); err != nil || len(l.events) != len(events) {
			t.Errorf("speed %v: %d events, %v", speed, len(l.events), err)
		}
		if !reflect.DeepEqual(waits, want) {
			t.Errorf("speed %v: waited %v, want %v", speed, waits, want)
		}
	}
}

func TestPlayingCanBeEnded(t *testing.T) {
	t.Parallel()
	path := save(t, record(t, sample()))
	p, err := Open(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var l list
	wait := p.wait
	p.wait = func(ctx context.Context, d time.Duration) error {
		if len(l.events) == 3 {
			cancel()
			return wait(ctx, time.Hour)
		}
		return nil
	}
	if err := p.Run(ctx, &l); !errors.Is(err, context.Canceled) || len(l.events) != 3 {
		t.Errorf("while waiting: %v after %d events", err, len(l.events))
	}
	l = list{}
	p.speed = 0
	if err := p.Run(ctx, &l); !errors.Is(err, context.Canceled) || len(l.events) != 0 {
		t.Errorf("without waiting: %v after %d events", err, len(l.events))
	}
	p.wait = wait
	if err := p.wait(t.Context(), time.Nanosecond); err != nil {
		t.Errorf("a wait that is over: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(t.Context(), &l); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that has gone: %v", err)
	}
	if err := os.WriteFile(path, []byte("now something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(t.Context(), &l); !errors.Is(err, ErrFormat) {
		t.Errorf("a file that was replaced: %v", err)
	}
}

// disk takes so many bytes and is full then.
type disk struct{ free int }

var errFull = errors.New("no space left on device")

func (d *disk) Write(b []byte) (int, error) {
	if len(b) > d.free {
		n := d.free
		d.free = 0
		return n, errFull
	}
	d.free -= len(b)
	return len(b), nil
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	w, err := NewWriter(&disk{free: 300}, "snattop test", made)
	if err != nil {
		t.Fatal(err)
	}
	var l list
	if err := Tee(&script{events: sample()}, w).Run(t.Context(), &l); err != nil {
		t.Errorf("the source ended with the recording: %v", err)
	}
	if len(l.events) != len(sample())+1 {
		t.Errorf("%d events went on, want %d and one problem", len(l.events), len(sample()))
	}
	problems := l.problems()
	told := 0
	for _, p := range problems {
		if strings.Contains(p, "recording has stopped") && strings.Contains(p, "no space left") {
			told++
		}
	}
	if told != 1 {
		t.Errorf("told %d times: %q", told, problems)
	}
	if err := w.Close(); !errors.Is(err, errFull) {
		t.Errorf("Close() = %v", err)
	}
	if err := w.Put(session.Event{Time: made}); !errors.Is(err, errFull) {
		t.Errorf("Put after the failure = %v", err)
	}
}

func TestEndIsWritten(t *testing.T) {
	t.Parallel()
	w, err := NewWriter(&disk{free: 0}, "snattop test", made)
	if err != nil {
		t.Fatal(err)
	}
	// Nothing was flushed yet, so nothing has failed yet.
	if err := w.Put(session.Event{Time: made, Node: "n1"}); err != nil {
		t.Errorf("Put() = %v", err)
	}
	if err := w.Close(); !errors.Is(err, errFull) {
		t.Errorf("Close() = %v: a recording that is not on the disk passes for one", err)
	}
}

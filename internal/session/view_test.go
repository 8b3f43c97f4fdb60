package session_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// stage is a source that a test plays by hand.
type stage struct {
	sink    chan session.Sink
	end     chan error
	mu      sync.Mutex
	focuses []session.Focus
}

func newStage() *stage { return &stage{sink: make(chan session.Sink, 1), end: make(chan error, 1)} }

func (s *stage) Focus(f session.Focus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.focuses = append(s.focuses, f)
}

func (s *stage) Run(ctx context.Context, sink session.Sink) error {
	s.sink <- sink
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-s.end:
		return err
	}
}

// take returns what has been asked for since the last take.
func (s *stage) take() []session.Focus {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.focuses
	s.focuses = nil
	return out
}

// run starts a session on a stage, and ends it with the test.
func run(t *testing.T, f *feed) (*stage, <-chan error) {
	t.Helper()
	src := newStage()
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { done <- f.Run(ctx, src) })
	<-src.sink
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return src, done
}

func wantFocus(t *testing.T, got []session.Focus, want ...session.Focus) {
	t.Helper()
	equal := func(a, b session.Focus) bool {
		return a.All == b.All && a.Node == b.Node && slices.Equal(a.Owners, b.Owners)
	}
	if !slices.EqualFunc(got, want, equal) {
		t.Errorf("asked for %+v, want %+v", got, want)
	}
}

func TestFocusIsTranslated(t *testing.T) {
	t.Parallel()
	f := aks()
	owners := []wire.Owner{podOwner(4, "u1"), podOwner(6, "u2")}
	f.full("n1", wire.Tick{Owners: owners, Rows: []wire.Row{to(1, 4, wire.Row{Established: 3}), to(2, 6, wire.Row{Established: 1})}})
	src, _ := run(t, f)
	wantFocus(t, src.take())

	worst := f.node(t, "n1").Owners[0]
	f.FocusOn("n1", worst.Key)
	wantFocus(t, src.take(), session.Focus{Node: "n1", Owners: []uint32{4}})
	f.FocusOn("n1", worst.Key)
	f.idle("n1", time.Second)
	wantFocus(t, src.take())

	// Detail shows for who is asked for, and is cleaned.
	f.after(time.Second).tick("n1", wire.Tick{Rows: []wire.Row{
		{ID: 1, Established: 3, Detailed: true, Processes: []wire.Process{{PID: 42, Command: "python\tleak.py", ContainerID: appID, Established: 3, SynSent: 1}}},
		{ID: 2, Established: 1, Detailed: true},
	}})
	n := f.node(t, "n1")
	d, other := n.Owners[0].Dests()[0], n.Owners[1].Dests()[0]
	want := session.Process{PID: 42, Command: "python leak.py", Container: appID[:12], Established: 3, SynSent: 1}
	if !d.Detailed || len(d.Processes) != 1 || d.Processes[0] != want || other.Detailed {
		t.Errorf("%+v, %+v", d, other)
	}

	// A new probe numbers anew; until it has told, nothing is known.
	f.after(time.Second).full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{to(1, 1, wire.Row{Established: 3})}})
	wantFocus(t, src.take(), session.Focus{Node: "n1", Owners: []uint32{1}})
	if d = f.only(t, "n1").Dests()[0]; d.Detailed || len(d.Processes) != 0 {
		t.Errorf("detail of before the gap: %+v", d)
	}
	f.after(time.Second).tick("n1", wire.Tick{GoneRows: []uint32{1}, GoneOwners: []uint32{1}})
	wantFocus(t, src.take(), session.Focus{Node: "n1"})
	f.FocusOn("", "")
	wantFocus(t, src.take(), session.Focus{})
	f.FocusAll()
	f.FocusAll()
	wantFocus(t, src.take(), session.Focus{All: true})
	f.FocusOn("nowhere", "pod/x")
	wantFocus(t, src.take(), session.Focus{Node: "nowhere"})
	f.FocusOn("n1", worst.Key)
	f.objects(inventory.Change{GoneNodes: []string{"n1"}})
	f.objects(inventory.Change{Nodes: []inventory.Node{azureNode("n1")}})
	src.take()
	f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(9, "u1")}, Rows: []wire.Row{to(1, 9, wire.Row{Established: 3})}})
	wantFocus(t, src.take(), session.Focus{Node: "n1", Owners: []uint32{9}})
}

// What was wanted before the source began is asked for when it begins.
func TestFocusBeforeRun(t *testing.T) {
	t.Parallel()
	f := newFeed(session.Options{})
	f.FocusAll()
	src, _ := run(t, f)
	wantFocus(t, src.take(), session.Focus{All: true})
	f.full("n1", wire.Tick{
		Owners: []wire.Owner{podOwner(1, "u1"), podOwner(2, "u2")},
		Rows:   []wire.Row{to(1, 1, wire.Row{Detailed: true}), to(2, 2, wire.Row{Established: 1, Detailed: true, Processes: []wire.Process{{PID: 1}}})},
	})
	for _, o := range f.node(t, "n1").Owners {
		if !o.Dests()[0].Detailed {
			t.Errorf("%s is without detail", o.Title())
		}
	}
}

// slow is a source that keeps whoever asks it for something, and with it the
// session, as a large picture does that is being made.
type slow struct {
	*stage
	asked, release chan struct{}
}

func (h slow) Focus(f session.Focus) {
	if f.Node == "kept" {
		h.asked <- struct{}{}
		<-h.release
	}
	h.stage.Focus(f)
}

// The terminal UI wishes from the goroutine that takes keys.
func TestFocusDoesNotWait(t *testing.T) {
	t.Parallel()
	f := aks()
	src := slow{newStage(), make(chan struct{}), make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = f.Run(ctx, src) })
	<-src.sink
	wg.Go(func() { f.FocusOn("kept", "pod/x") })
	<-src.asked
	f.FocusOn("n1", "pod/y") // would wait for ever
	f.FocusOn("n2", "pod/z")
	close(src.release)
	f.Snapshot()
	wantFocus(t, src.take(), session.Focus{Node: "kept"}, session.Focus{Node: "n2"})
}

// A recording may have ended by the time that somebody drills down.
func TestDetailAfterTheEnd(t *testing.T) {
	t.Parallel()
	f := aks()
	src, done := run(t, f)
	f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{to(1, 1, wire.Row{Established: 1, Detailed: true, Processes: []wire.Process{{PID: 7}}})}})
	o := f.only(t, "n1")
	src.end <- nil
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	f.Snapshot()
	f.FocusOn("n1", o.Key)
	if d := f.only(t, "n1").Dests()[0]; !d.Detailed || len(d.Processes) != 1 {
		t.Errorf("%+v", d)
	}
	f.FocusOn("", "")
	if d := f.only(t, "n1").Dests()[0]; d.Detailed {
		t.Errorf("%+v", d)
	}
	wantFocus(t, src.take())
}

func TestChangedCoalescesAndCloses(t *testing.T) {
	t.Parallel()
	f := aks()
	<-f.Changed()
	src, done := run(t, f)
	for range 100 {
		f.idle("n1", time.Second)
	}
	<-f.Changed()
	select {
	case <-f.Changed():
		t.Error("a burst of events was told more than once")
	default:
	}
	v := f.Snapshot().Version
	if again := f.Snapshot(); again.Version != v {
		t.Errorf("version %d became %d without an event", v, again.Version)
	}
	f.idle("n1", time.Second)
	if now := f.Snapshot().Version; now <= v {
		t.Errorf("version %d after %d", now, v)
	}
	src.end <- errors.New("it\x1b[31m broke\nhere")
	if err := <-done; err == nil {
		t.Error("Run swallowed the error")
	}
	for range f.Changed() {
		continue // at most what was pending, then the end
	}
	pic := f.Snapshot()
	if !pic.Done || pic.Problem != "it broke here" {
		t.Errorf("done %t, problem %q", pic.Done, pic.Problem)
	}
	f.idle("n1", time.Hour)
	if after := f.Snapshot(); after != pic {
		t.Error("an event after the end changed the picture")
	}
}

func TestCancelIsNoProblem(t *testing.T) {
	t.Parallel()
	f := newFeed(session.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Run(ctx, newStage()); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if pic := f.Snapshot(); pic.Problem != "" || !pic.Done {
		t.Errorf("%+v", pic)
	}
}

func TestProblemComesAndGoes(t *testing.T) {
	t.Parallel()
	f := aks()
	for _, text := range []string{"the API server does not answer", ""} {
		f.put(session.Event{Problem: &text})
		if got := f.Snapshot().Problem; got != text {
			t.Errorf("%q, want %q", got, text)
		}
	}
}

func TestEmptySession(t *testing.T) {
	t.Parallel()
	f := newFeed(session.Options{})
	pic := f.Snapshot()
	if pic == nil || len(pic.Nodes) != 0 || pic.Done {
		t.Fatalf("%+v", pic)
	}
	if pic.Node("n1") != nil {
		t.Error("a node out of nothing")
	}
}

// A picture that somebody holds stays what it was, while many read and the
// source goes on; the race detector watches.
func TestPicturesAreImmutable(t *testing.T) {
	t.Parallel()
	f := aks(podOf("u1", "checkout-1"))
	f.FocusAll()
	first := wire.Tick{
		Owners:    []wire.Owner{podOwner(1, "u1"), {ID: 2, HostNetwork: true, Unit: "sshd.service"}},
		Rows:      []wire.Row{to(1, 1, wire.Row{Established: 9, Detailed: true, Processes: []wire.Process{{PID: 4, Command: "a"}}}), to(2, 2, wire.Row{Established: 1})},
		Conntrack: []wire.Conntrack{{HostNetwork: true, Count: 3, Max: 9}},
		Problems:  []string{"p"},
	}
	f.full("n1", first)
	held := f.Snapshot()
	before, err := json.Marshal(held)
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := json.Marshal(f.Snapshot()); err != nil {
					t.Error(err)
					return
				}
				f.FocusOn("n1", "pod/u1")
				f.FocusAll()
			}
		})
	}
	for i := range uint32(200) {
		f.after(time.Second).tick("n1", wire.Tick{
			Owners: []wire.Owner{podOwner(1, "u1")},
			Rows: []wire.Row{
				{ID: 1, Established: i, Opens: i, Closes: 3, Detailed: true, Processes: []wire.Process{{PID: i}}},
				to(i+10, 1, wire.Row{Port: uint16(i + 1000), Established: 1}),
			},
			GoneRows: []uint32{i + 8}, Conntrack: []wire.Conntrack{{HostNetwork: true, Count: uint64(i)}},
		})
		if i%50 == 49 {
			f.objects(inventory.Change{Pods: []inventory.Pod{podOf("u1", "renamed")}})
			f.after(time.Second).full("n1", first)
		}
	}
	close(stop)
	wg.Wait()
	after, err := json.Marshal(held)
	if err != nil {
		t.Fatal(err)
	}
	if string(before) != string(after) {
		t.Errorf("a picture changed:\n%s\n%s", before, after)
	}
}

// What is told belongs to who told it: a session writes nothing into it.
func TestEventsAreNotWritten(t *testing.T) {
	t.Parallel()
	f := aks()
	f.FocusAll()
	tick := wire.Tick{Full: true, Problems: []string{"a\nb"},
		Owners: []wire.Owner{{ID: 1, HostNetwork: true, Unit: "a\nb", ContainerIDs: []string{"c\nd"}}},
		Rows:   []wire.Row{to(1, 1, wire.Row{Established: 1, Detailed: true, Processes: []wire.Process{{Command: "a\nb"}}})},
	}
	change := inventory.Change{Pods: []inventory.Pod{{UID: "u", Name: "a\nb", Containers: []inventory.Container{{Name: "a\nb", ID: "x"}}}}}
	st := session.NodeState{State: "streaming", Scoped: []string{"a\nb"}}
	before := dump(t, tick, change, st)
	f.put(session.Event{Node: "n1", Tick: &tick})
	f.put(session.Event{Objects: &change})
	f.put(session.Event{Node: "n1", State: &st})
	f.Snapshot()
	if after := dump(t, tick, change, st); after != before {
		t.Errorf("an event changed:\n%s\n%s", before, after)
	}
}

func dump(t *testing.T, v ...any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

package recording

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

var leadBegan = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func leadRow(id, owner uint32, last byte) wire.Row {
	return wire.Row{ID: id, Owner: owner, Protocol: 6, IP: netip.AddrFrom4([4]byte{20, 60, 1, last}), Port: 443}
}

// story is what a source tells in so many seconds: a node with two owners,
// rows that come, go and close, a probe that starts anew, a pod that is seen
// alone, a node that leaves, and a job whose burst ends the story.
func story(seconds int) []session.Event {
	var out []session.Event
	now := leadBegan
	put := func(e session.Event) {
		e.Time = now
		out = append(out, e)
	}
	node := func(n string, e session.Event) {
		e.Node = n
		put(e)
	}
	start := func(n string) {
		node(n, session.Event{State: &session.NodeState{State: session.StateStreaming, Rung: "node pod"}})
		node(n, session.Event{Hello: &wire.Hello{Probe: "1", Collector: "ebpf", IntervalMillis: 1000}})
		first, second := leadRow(1, 1, 9), leadRow(2, 2, 8)
		first.Established, second.Established, second.Closes = 40, 3, 5
		node(n, session.Event{Tick: &wire.Tick{
			Seq: 1, Full: true, Owners: []wire.Owner{{ID: 1, NetNS: 7, PodUID: "u1"}, {ID: 2, NetNS: 8, PodUID: "u2"}}, Rows: []wire.Row{first, second},
			Conntrack: []wire.Conntrack{{HostNetwork: true, Count: 44, Max: 1000}},
		}})
	}
	problem := "watching pods: the API server does not answer"
	put(session.Event{Cluster: &session.ClusterInfo{Context: "prod", Source: "live", Provider: snat.ProviderAzureLB}})
	put(session.Event{Objects: &inventory.Change{
		Nodes: []inventory.Node{{Name: "n1", InternalIP: "10.0.0.4"}, {Name: "n2"}, {Name: "n3"}},
		Pods: []inventory.Pod{
			{UID: "u1", Namespace: "shop", Name: "web", Node: "n1"}, {UID: "u2", Namespace: "batch", Name: "job", Node: "n1", Workload: inventory.Workload{Kind: "Job", Name: "j"}},
			{UID: "u3", Namespace: "shop", Name: "gone", Node: "n1"},
		},
		Services: []inventory.Service{{UID: "s1", Namespace: "shop", Name: "api"}},
	}})
	start("n1")
	start("n3")
	node("n2", session.Event{State: &session.NodeState{State: session.StateDenied, Error: "no"}})
	node("n2", session.Event{PodUID: "u9", Hello: &wire.Hello{Probe: "1", Collector: "procfs", IntervalMillis: 1000, Scope: "pod"}})
	alone := leadRow(1, 1, 7)
	alone.Established = 2
	node("n2", session.Event{PodUID: "u9", Tick: &wire.Tick{Seq: 1, Full: true, Owners: []wire.Owner{{ID: 1, NetNS: 3}}, Rows: []wire.Row{alone}}})
	for i := 1; i < seconds; i++ {
		now = leadBegan.Add(time.Duration(i) * time.Second)
		t := wire.Tick{Seq: uint64(i) + 1, ElapsedNanos: 1e9}
		switch {
		case i == 50, i == 220: // a collector fails, and the next looks anew
			first := leadRow(1, 1, 9)
			first.Established = 41
			t = wire.Tick{Seq: t.Seq, Full: true, Collector: "diag", Problems: []string{"the map is full"}, Owners: []wire.Owner{{ID: 1, NetNS: 7, PodUID: "u1"}, {ID: 2, NetNS: 8, PodUID: "u2"}},
				Rows: []wire.Row{first, leadRow(2, 2, 8)}, Conntrack: []wire.Conntrack{{HostNetwork: true, Count: 45, Max: 1000}}}
		case i == 100:
			put(session.Event{Problem: &problem})
			put(session.Event{Objects: &inventory.Change{GoneNodes: []string{"n3"}, GonePods: []string{"u3"}, Pods: []inventory.Pod{{UID: "u4", Namespace: "shop", Name: "new", Node: "n1"}}}})
		case i == 150:
			put(session.Event{Problem: new(string)})
		case i == 200:
			// The probe starts anew, with other numbers for the same.
			node("n1", session.Event{Bye: &wire.Bye{Reason: "deadline", Failed: true}})
			start("n1")
			continue
		case i%20 == 5: // a row comes, and a row's gauges change
			fresh := leadRow(uint32(i), 1, byte(i/20+10))
			fresh.Established, fresh.Opens = 1, 1
			t.Rows = []wire.Row{fresh, {ID: 1, Established: 40 + uint32(i%7), Opens: 2, Closes: 1, Resets: 1, Lives: []wire.Life{{Bucket: 4, Count: 1}}}}
		case i%20 == 9: // and goes
			t.Rows = []wire.Row{{ID: uint32(i - 4), Closes: 1}}
		case i%20 == 10:
			t.GoneRows = []uint32{uint32(i - 5)}
		case i > seconds-20:
			t.Rows = []wire.Row{{ID: 2, Established: 3 + 10*uint32(i-seconds+20), Opens: 10, Detailed: true, Processes: []wire.Process{{PID: 4, Command: "job", Established: 9}}}}
		}
		node("n1", session.Event{Tick: &t})
	}
	return out
}

// told is a source that tells a story, and calls when before the event of a
// number.
type toldStory struct {
	events []session.Event
	at     int
	when   func()
}

func (toldStory) Focus(session.Focus) {}

func (s toldStory) Run(_ context.Context, sink session.Sink) error {
	for i, e := range s.events {
		if i == s.at {
			s.when()
		}
		sink.Put(e)
	}
	return nil
}

// shown is what must be the same in a picture and in its replay.
func shown(pic *session.Snapshot) map[string]any {
	out := map[string]any{"problem": pic.Problem, "context": pic.Cluster.Context, "provider": pic.Cluster.Provider, "time": pic.Time}
	for _, n := range pic.Nodes {
		out[n.Name] = fmt.Sprint(n.State, n.Error, n.Rung, n.Collector, n.InternalIP, n.Verdict, n.Ports, n.Open, n.Trying, n.Cooling, n.EstablishedPublic, n.Conntrack, n.Handovers)
		for _, o := range n.Owners {
			name := n.Name + " " + string(o.Key)
			out[name] = fmt.Sprint(o.Title(), o.Workload, o.Ports, o.Open, o.Trying, o.Cooling)
			out[name+" rates"] = fmt.Sprintf("%.2f %.2f", o.OpensPerSecond, o.ClosesPerSecond)
			for _, d := range o.Dests() {
				out[name+" "+d.Dest.String()] = fmt.Sprint(d.Established, d.Closing, d.SynSent, d.TimeWait, d.Cooling, d.Eligible, d.Processes, d.Detailed)
			}
		}
	}
	return out
}

// However long the quiet lasted, a recording that begins with the burst is
// replayed as if it had always run.
func TestLeadIsReplayed(t *testing.T) {
	t.Parallel()
	for _, seconds := range []int{25, 60, 190, 230, 600, 3600} {
		for _, late := range []int{0, 1, 10} {
			t.Run(fmt.Sprintf("%d s, %d after", seconds, late), func(t *testing.T) {
				t.Parallel()
				events := story(seconds)
				var b bytes.Buffer
				var w *Writer
				var held *Lead
				held = NewLead(toldStory{events: events, at: len(events) - late - 1, when: func() {
					var err error
					if w, err = NewWriter(&b, "test", events[len(events)-late-1].Time); err != nil {
						t.Error(err)
					}
					if err := held.Begin(w, nil); err != nil {
						t.Error(err)
					}
				}})
				now := session.New(session.Options{})
				now.FocusAll()
				if err := now.Run(t.Context(), held); err != nil {
					t.Fatal(err)
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				file := filepath.Join(t.TempDir(), "r")
				if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
				p, err := Open(file, 0)
				if err != nil {
					t.Fatal(err)
				}
				then := session.New(session.Options{})
				then.FocusAll()
				if err := then.Run(t.Context(), p); err != nil {
					t.Fatal(err)
				}
				got, want := shown(then.Snapshot()), shown(now.Snapshot())
				for key := range want {
					if !reflect.DeepEqual(got[key], want[key]) {
						t.Errorf("%s:\ngot  %v\nwant %v", key, got[key], want[key])
					}
				}
				for key := range got {
					if want[key] == nil {
						t.Errorf("%s is there in the replay only: %v", key, got[key])
					}
				}
				if seconds == 3600 && b.Len() > 1<<20 {
					t.Errorf("the file has %d bytes: more than the last minutes", b.Len())
				}
			})
		}
	}
}

// What is kept while nothing happens is bounded, in time and in rows.
func TestLeadIsBounded(t *testing.T) {
	t.Parallel()
	l := NewLead(nil)
	at := leadBegan
	put := func(e session.Event) {
		e.Time = at
		if _, err := l.put(e); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3600 {
		at = at.Add(time.Second)
		put(session.Event{Node: "n1", Tick: &wire.Tick{Full: i == 0}})
	}
	if n := len(l.recent); n != int(LeadTime/time.Second)+1 || l.rows != n {
		t.Errorf("%d events of %d rows are kept", n, l.rows)
	}
	rows := make([]wire.Row, 10_000)
	for i := range rows {
		rows[i] = leadRow(uint32(i+1), 1, 1)
	}
	for range 100 {
		put(session.Event{Node: "n1", Tick: &wire.Tick{Rows: rows}})
	}
	if l.rows > leadRows || len(l.recent) < 20 {
		t.Errorf("%d events of %d rows are kept", len(l.recent), l.rows)
	}
	// One that is larger than the bound is kept until the next.
	put(session.Event{Node: "n1", Tick: &wire.Tick{Rows: make([]wire.Row, leadRows+1)}})
	if len(l.recent) != 1 {
		t.Errorf("%d events are kept", len(l.recent))
	}
}

// A hostile probe cannot make a fold grow without end.
func TestFoldIsBounded(t *testing.T) {
	t.Parallel()
	f := newFolded()
	tick := wire.Tick{Full: true}
	for i := range foldRows + 100 {
		tick.Rows = append(tick.Rows, leadRow(uint32(i), 1, 1))
	}
	for i := range foldOwners + 100 {
		tick.Owners = append(tick.Owners, wire.Owner{ID: uint32(i)})
	}
	f.add(&session.Event{Node: "n1", Tick: &tick})
	for i := range foldStreams + 100 {
		f.add(&session.Event{Node: "n1", PodUID: fmt.Sprint(i), Tick: &wire.Tick{}})
	}
	for range 10 * foldMarks {
		f.add(&session.Event{Node: "n1", Hello: &wire.Hello{}})
		f.add(&session.Event{Node: "n1", Tick: &wire.Tick{Full: true, Collector: "diag"}})
	}
	f.add(&session.Event{Node: "n1", Tick: &tick})
	s := f.streams[streamKey{"n1", ""}]
	if len(s.marks) != foldMarks {
		t.Errorf("%d marks", len(s.marks))
	}
	s.marks = nil
	if len(s.rows) != foldRows || len(s.owners) != foldOwners || len(f.streams) != foldStreams {
		t.Errorf("%d rows, %d owners, %d streams", len(s.rows), len(s.owners), len(f.streams))
	}
	// A stream whose beginning was not seen is not told as if it were whole.
	if events := f.events(); len(events) != 1 || !events[0].Tick.Full || events[0].PodUID != "" {
		t.Errorf("%d events", len(events))
	}
	pods := make([]inventory.Pod, 2*foldChunk+1)
	for i := range pods {
		pods[i].UID = fmt.Sprint(i)
	}
	f = newFolded()
	f.add(&session.Event{Objects: &inventory.Change{Pods: pods}})
	n := 0
	for _, e := range f.events() {
		if len(e.Objects.Pods) > foldChunk {
			t.Errorf("%d pods in one event", len(e.Objects.Pods))
		}
		n += len(e.Objects.Pods)
	}
	if n != len(pods) {
		t.Errorf("%d pods, want %d", n, len(pods))
	}
}

// A source may go on to use what it has told.
func TestLeadKeepsItsOwn(t *testing.T) {
	t.Parallel()
	l := NewLead(nil)
	ch := inventory.Change{Nodes: []inventory.Node{{Name: "b"}, {Name: "a"}}}
	if _, err := l.put(session.Event{Time: leadBegan, Objects: &ch}); err != nil {
		t.Fatal(err)
	}
	ch.Nodes[0], ch.Nodes[1] = ch.Nodes[1], ch.Nodes[0]
	if got := l.recent[0].Objects.Nodes[0].Name; got != "b" {
		t.Errorf("what was kept has changed: %s", got)
	}
}

var errFullDisk = errors.New("no space left on device")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFullDisk }

// A disk that is full is told once, and the measurement goes on.
func TestLeadOnAFullDisk(t *testing.T) {
	t.Parallel()
	events := story(30)
	var held *Lead
	var w *Writer
	held = NewLead(toldStory{events: events, at: 10, when: func() {
		var err error
		if w, err = NewWriter(fullDisk{}, "test", leadBegan); err != nil {
			t.Error(err)
		}
		if err := held.Begin(w, nil); err != nil && !errors.Is(err, errFullDisk) {
			t.Error(err)
		}
		held.mu.Lock()
		held.w = w // what was written before is on its way to the disk yet
		held.mu.Unlock()
	}})
	var got sunk
	if err := held.Run(t.Context(), &got); err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, e := range got {
		if e.Problem != nil && strings.Contains(*e.Problem, "recording has stopped") {
			told++
		}
	}
	if told != 1 || len(got) != len(events)+1 {
		t.Errorf("told %d times; %d events of %d went on", told, len(got), len(events))
	}
	if err := w.Close(); !errors.Is(err, errFullDisk) {
		t.Errorf("Close() = %v", err)
	}
}

type sunk []session.Event

func (s *sunk) Put(e session.Event) { *s = append(*s, e) }

// Settings that a source tells hold from the first event on, however long ago
// they were told.
func TestLeadKeepsSettings(t *testing.T) {
	t.Parallel()
	held := NewLead(nil)
	put := func(e session.Event) {
		t.Helper()
		if _, err := held.put(e); err != nil {
			t.Fatal(err)
		}
	}
	put(session.Event{Settings: &session.Settings{SNATPorts: 77}})
	put(session.Event{Time: leadBegan, Cluster: &session.ClusterInfo{Context: "prod"}})
	put(session.Event{Time: leadBegan, Objects: &inventory.Change{Nodes: []inventory.Node{{Name: "n1"}}}})
	put(session.Event{Time: leadBegan.Add(time.Hour), Cluster: &session.ClusterInfo{Context: "prod"}})
	var b bytes.Buffer
	w, err := NewWriter(&b, "test", leadBegan)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(held.Tell(w), w.Close()); err != nil {
		t.Fatal(err)
	}
	r, err := newReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	if e, err := r.next(); err != nil || e.Settings == nil || e.Settings.SNATPorts != 77 {
		t.Errorf("it begins with %+v: %v", e, err)
	}
}

package recording

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// town is what a small cluster tells in so many seconds: a leak, churn, a node
// that goes away for a while, pods that come and go.
func town(seconds int, seed uint64) []session.Event {
	r := rand.New(rand.NewPCG(seed, 1))
	now := made.Add(-time.Second)
	var out []session.Event
	put := func(e session.Event) {
		e.Time = now
		out = append(out, e)
	}
	put(session.Event{Settings: &session.Settings{}})
	out[0].Time = time.Time{}
	put(session.Event{Cluster: &session.ClusterInfo{Context: "town", Source: "live", Provider: snat.ProviderAzureLB}})
	c := inventory.Change{}
	for n := range 3 {
		c.Nodes = append(c.Nodes, inventory.Node{Name: fmt.Sprint("n", n), InternalIP: fmt.Sprint("10.0.0.", n), ProviderID: "azure:///x"})
		for p := range 4 {
			c.Pods = append(c.Pods, inventory.Pod{UID: fmt.Sprint("u", n, p), Namespace: "shop", Name: fmt.Sprint("pod-", n, p), Node: fmt.Sprint("n", n), Phase: "Running"})
		}
	}
	put(session.Event{Objects: &c})
	full := func(node int) {
		t := &wire.Tick{Full: true}
		for p := range uint32(4) {
			t.Owners = append(t.Owners, wire.Owner{ID: p + 1, NetNS: uint64(p) + 9, PodUID: fmt.Sprint("u", node, p)})
			for d := range uint32(3) {
				t.Rows = append(t.Rows, wire.Row{ID: p*3 + d + 1, Owner: p + 1, Protocol: 6, IP: netip.AddrFrom4([4]byte{20, 60, 1, byte(d)}), Port: 443, Established: 5 + d, Closes: p})
			}
		}
		put(session.Event{Node: fmt.Sprint("n", node), Tick: t})
	}
	for n := range 3 {
		put(session.Event{Node: fmt.Sprint("n", n), State: &session.NodeState{State: session.StateStreaming}})
		put(session.Event{Node: fmt.Sprint("n", n), Hello: &wire.Hello{Collector: "ebpf", IntervalMillis: 1000}})
		full(n)
	}
	open := [3]uint32{5, 5, 5}
	for i := range seconds {
		for n := range 3 {
			now = made.Add(time.Duration(i)*time.Second + time.Duration(n*200+r.IntN(150))*time.Millisecond)
			if n == 2 && i%90 > 60 { // its stream is broken
				if i%90 == 61 {
					put(session.Event{Node: "n2", State: &session.NodeState{State: session.StateUnreachable, Error: "the stream ended"}})
				}
				if i%90 == 89 {
					put(session.Event{Node: "n2", State: &session.NodeState{State: session.StateStreaming}})
					full(2)
				}
				continue
			}
			if open[n] += uint32(r.IntN(5)); open[n] > 300 {
				open[n] = 5
			}
			t := &wire.Tick{ElapsedNanos: int64(time.Second), Rows: []wire.Row{{ID: 1, Established: open[n], Opens: 4, Closes: uint32(r.IntN(3)), SynSent: uint32(r.IntN(2))}}}
			for range r.IntN(4) {
				t.Rows = append(t.Rows, wire.Row{
					ID: 2 + uint32(r.IntN(11)), Established: uint32(r.IntN(40)), Opens: uint32(r.IntN(9)), Closes: uint32(r.IntN(9)), Resets: uint32(r.IntN(2)),
					Fails: uint32(r.IntN(2)), Lives: []wire.Life{{Bucket: uint8(r.IntN(24)), Count: 1}}, Silent: []uint32{1},
				})
			}
			put(session.Event{Node: fmt.Sprint("n", n), Tick: t})
		}
		if i%40 == 7 {
			put(session.Event{Objects: &inventory.Change{GonePods: []string{"u01"}, Pods: []inventory.Pod{{UID: fmt.Sprint("x", i), Namespace: "shop", Name: "new", Node: "n0"}}}})
		}
	}
	return out
}

// moments are what whoever has played a recording up to each of some times,
// in order, has seen then.
func moments(t testing.TB, b []byte, opts session.Options, times []time.Time) map[time.Time]*session.Snapshot {
	t.Helper()
	rd, err := newReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer rd.close()
	s, out := session.New(opts), map[time.Time]*session.Snapshot{}
	for {
		e, err := rd.next()
		for len(times) > 0 && (err != nil || e.Time.After(times[0])) {
			s.FocusAll()
			out[times[0]] = s.Snapshot()
			times = times[1:]
		}
		if err != nil {
			return out
		}
		s.Put(replayed(e))
	}
}

// played runs a deck paused, and what is to be done with it.
func played(t *testing.T, b []byte, opts DeckOptions, do func(d *Deck, s *session.Session)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		opts.Name = "town"
		d, err := NewDeck(bytes.NewReader(b), int64(len(b)), opts)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		s := session.New(opts.Session)
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx, d) }()
		synctest.Wait()
		do(d, s)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run() = %v", err)
		}
	})
}

// Whatever was shown before, a moment is shown as whoever had played up to it
// would see it: with the file's own checkpoints, without its index, with
// options that make those checkpoints useless, and when it was cut off.
func TestSeek(t *testing.T) {
	t.Parallel()
	whole := record(t, town(400, 7))
	damaged := bytes.Clone(whole)
	copy(damaged[len(damaged)-4:], "XXXX")
	for name, c := range map[string]struct {
		file []byte
		opts session.Options
	}{
		"indexed":       {file: whole},
		"not indexed":   {file: damaged},
		"other options": {file: whole, opts: session.Options{SNATPorts: 128, Timers: snat.Timers{FIN: 20 * time.Second}}},
		"cut":           {file: whole[:len(whole)*2/3]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if n := len(chunksOf(bytes.NewReader(c.file), int64(len(c.file)))); n < 5 {
				t.Fatalf("%d chunks prove little", n)
			}
			played(t, c.file, DeckOptions{Speed: 1, Session: c.opts}, func(d *Deck, s *session.Session) {
				d.Pause(true)
				r := rand.New(rand.NewPCG(3, 4))
				times := []time.Time{d.begin, d.end}
				for range 40 {
					times = append(times, d.begin.Add(time.Duration(r.Int64N(int64(d.end.Sub(d.begin))))))
				}
				want := moments(t, c.file, c.opts, slices.SortedFunc(slices.Values(times), time.Time.Compare))
				for i, at := range times {
					d.SeekTo(at)
					synctest.Wait()
					if got := d.Playback(); !got.At.Equal(at) || got.Seeking {
						t.Fatalf("asked for %s: %+v", at, got)
					}
					s.FocusAll()
					if what := differs(want[at], s.Snapshot()); what != "" {
						t.Fatalf("seek %d, to %s: %s", i, at.Sub(d.begin), what)
					}
				}
			})
		})
	}
}

// differs says where two pictures differ by more than the order in which
// numbers are added up.
func differs(a, b *session.Snapshot) string {
	x, y := *a, *b
	x.Version, y.Version = 0, 0
	if strings.Contains(y.Problem, "ends early") {
		y.Problem = x.Problem
	}
	return unlike("picture", reflect.ValueOf(x), reflect.ValueOf(y))
}

func unlike(path string, a, b reflect.Value) string {
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			if a.IsNil() != b.IsNil() {
				return path + ": only one of them is there"
			}
			return ""
		}
		return unlike(path, a.Elem(), b.Elem())
	case reflect.Struct:
		if at, ok := a.Interface().(time.Time); ok && at.Equal(b.Interface().(time.Time)) {
			return ""
		}
		for i := range a.NumField() {
			if a.Type().Field(i).IsExported() {
				if what := unlike(path+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i)); what != "" {
					return what
				}
			}
		}
		return ""
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() {
			return fmt.Sprintf("%s: %d and %d of them", path, a.Len(), b.Len())
		}
		for i := range a.Len() {
			if what := unlike(fmt.Sprintf("%s[%d]", path, i), a.Index(i), b.Index(i)); what != "" {
				return what
			}
		}
		return ""
	case reflect.Float64:
		if math.Abs(a.Float()-b.Float()) <= 1e-9*max(1, math.Abs(a.Float())) {
			return ""
		}
	case reflect.Int64:
		if d := a.Int() - b.Int(); a.Type() == reflect.TypeFor[time.Duration]() && max(d, -d) < int64(time.Microsecond) {
			return ""
		}
	default:
	}
	if reflect.DeepEqual(a.Interface(), b.Interface()) {
		return ""
	}
	return fmt.Sprintf("%s: %v and %v", path, a, b)
}

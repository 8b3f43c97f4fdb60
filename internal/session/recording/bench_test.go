package recording

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// The hour that seeking is measured in.
const (
	hourNodes, hourPods, hourDests = 3, 30, 50
	hourSeconds                    = 3600
	// seekGoal is what the slowest seek may take.
	seekGoal = 200 * time.Millisecond
)

// hour writes the recording of an hour: one destination in ten is busy, and the
// others change once a minute.
func hour(b *testing.B, w *Writer) {
	b.Helper()
	put := func(e session.Event) {
		if err := w.Put(e); err != nil {
			b.Fatal(err)
		}
	}
	put(session.Event{Settings: &session.Settings{}})
	put(session.Event{Time: made, Cluster: &session.ClusterInfo{Context: "town", Source: "live", Provider: snat.ProviderAzureLB}})
	c := inventory.Change{}
	for n := range hourNodes {
		node := fmt.Sprint("node", n)
		c.Nodes = append(c.Nodes, inventory.Node{Name: node, InternalIP: fmt.Sprint("10.224.0.", n+4), ProviderID: "azure:///x"})
		for p := range hourPods {
			uid := fmt.Sprintf("%08d-0000-4000-8000-%012d", n, p)
			c.Pods = append(c.Pods, inventory.Pod{UID: uid, Namespace: "shop", Name: fmt.Sprintf("service-%d-7d9f8b6c5-%05d", p, n), Node: node, Phase: "Running"})
		}
	}
	put(session.Event{Time: made, Objects: &c})
	for n := range hourNodes {
		node := fmt.Sprint("node", n)
		put(session.Event{Time: made, Node: node, State: &session.NodeState{State: session.StateStreaming}})
		put(session.Event{Time: made, Node: node, Hello: &wire.Hello{Collector: "ebpf", IntervalMillis: 1000}})
		t := &wire.Tick{Full: true}
		for p := range uint32(hourPods) {
			t.Owners = append(t.Owners, wire.Owner{ID: p + 1, NetNS: uint64(p) + 4_026_530_000, PodUID: c.Pods[n*hourPods+int(p)].UID})
			for d := range uint32(hourDests) {
				t.Rows = append(t.Rows, wire.Row{ID: p*hourDests + d + 1, Owner: p + 1, Protocol: 6, IP: netip.AddrFrom4([4]byte{20, 60, byte(p), byte(d)}), Port: 443, Established: 1 + (p+d)%30})
			}
		}
		put(session.Event{Time: made, Node: node, Tick: t})
	}
	for i := 1; i <= hourSeconds; i++ {
		for n := range hourNodes {
			t := &wire.Tick{Seq: uint64(i), ElapsedNanos: int64(time.Second)}
			for id := uint32(1); id <= hourPods*hourDests; id++ {
				v := (id*2654435761 + uint32(i*(n+7))*40503) >> 8
				switch {
				case id%10 == 0 && v%4 > 0:
					t.Rows = append(t.Rows, wire.Row{ID: id, Established: v % 40, Opens: v % 5, Closes: v % 4, Lives: []wire.Life{{Bucket: uint8(v % 20), Count: 1}}})
				case id%60 == uint32(i%60):
					t.Rows = append(t.Rows, wire.Row{ID: id, Established: 5 + v%2, Opens: v % 2})
				}
			}
			put(session.Event{Time: made.Add(time.Duration(i)*time.Second + time.Duration(n)*300*time.Millisecond), Node: fmt.Sprint("node", n), Tick: t})
		}
	}
}

// BenchmarkSeek measures how long it takes to show every minute of an hour,
// each one from somewhere else, with nothing played before.
func BenchmarkSeek(b *testing.B) {
	var file bytes.Buffer
	w, err := NewWriter(&file, "bench", made)
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	hour(b, w)
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	wrote := time.Since(began)
	began = time.Now()
	d, err := NewDeck(bytes.NewReader(file.Bytes()), int64(file.Len()), DeckOptions{Name: "hour", Speed: 1})
	if err != nil {
		b.Fatal(err)
	}
	opened := time.Since(began)
	d.seek = nil
	var worst, sum time.Duration
	n := 0
	for b.Loop() {
		for i := range 60 {
			// 17 and 60 have no divisor in common: every minute, never the next.
			minute := i * 17 % 60
			for _, at := range []time.Time{d.begin.Add(time.Duration(minute) * time.Minute), d.begin.Add(time.Duration(minute)*time.Minute + 59*time.Second)} {
				s := session.New(session.Options{})
				p := &player{deck: d, sink: s, session: s}
				began := time.Now()
				if err := p.goTo(context.Background(), at); err != nil {
					b.Fatal(err)
				}
				if pic := s.Snapshot(); pic.Time.After(at) || at.Sub(pic.Time) > time.Second {
					b.Fatalf("asked for %s, shown %s", at, pic.Time)
				}
				took := time.Since(began)
				p.close()
				worst, sum, n = max(worst, took), sum+took, n+1
			}
		}
	}
	b.ReportMetric(float64(worst.Microseconds())/1000, "ms/worst-seek")
	b.ReportMetric(float64(seekGoal.Milliseconds()), "ms/goal")
	b.ReportMetric(float64(sum.Microseconds())/1000/float64(n), "ms/mean-seek")
	b.ReportMetric(float64(file.Len())/(1<<20), "MiB/hour")
	b.ReportMetric(float64(len(d.chunks)), "chunks")
	b.ReportMetric(float64(wrote.Microseconds())/1000/hourSeconds, "ms/recorded-second")
	b.ReportMetric(float64(opened.Microseconds())/1000, "ms/open")
}

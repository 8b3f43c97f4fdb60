package session_test

import (
	"net/netip"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// The size of a large cluster that is looked at whole.
const (
	benchNodes = 100
	benchPods  = 200
	benchDests = 50
)

// metropolis is a session of a large cluster after its first ticks.
func metropolis() *feed {
	f := newFeed(session.Options{})
	var c inventory.Change
	for n := range benchNodes {
		node := "node-" + strconv.Itoa(n)
		c.Nodes = append(c.Nodes, azureNode(node))
		for p := range benchPods {
			uid := node + "/" + strconv.Itoa(p)
			c.Pods = append(c.Pods, inventory.Pod{UID: uid, Namespace: "shop", Name: "pod-" + uid, Node: node})
		}
	}
	f.objects(c)
	for n := range benchNodes {
		node := "node-" + strconv.Itoa(n)
		f.streaming(node)
		var t wire.Tick
		for p := range uint32(benchPods) {
			t.Owners = append(t.Owners, podOwner(p+1, node+"/"+strconv.Itoa(int(p))))
			for d := range uint32(benchDests) {
				t.Rows = append(t.Rows, wire.Row{
					ID: p*benchDests + d + 1, Owner: p + 1, Protocol: tcp, Port: 443, Established: 1 + (p+d)%9, Closes: d % 3,
					IP: netip.AddrFrom4([4]byte{20, 60, byte(p), byte(d)}),
				})
			}
		}
		f.full(node, t)
	}
	return f
}

// churn is a second of a busy node: one row in ten has moved.
func churn(i int) wire.Tick {
	var t wire.Tick
	for r := uint32(i%10) + 1; r <= benchPods*benchDests; r += 10 {
		t.Rows = append(t.Rows, wire.Row{ID: r, Established: uint32(i % 17), Opens: 2, Closes: 2})
	}
	return t
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkMetropolis is a second in the life of a session: every node ticks,
// then somebody looks.
func BenchmarkMetropolis(b *testing.B) {
	before := heap()
	f := metropolis()
	state := heap()
	f.Snapshot()
	picture := heap()
	var put, look time.Duration
	i := 0
	for b.Loop() {
		i++
		f.after(time.Second)
		t := churn(i)
		at := time.Now()
		for n := range benchNodes {
			f.tick("node-"+strconv.Itoa(n), t)
		}
		put += time.Since(at)
		at = time.Now()
		f.Snapshot()
		look += time.Since(at)
	}
	b.ReportMetric(float64(state-before)/(1<<20), "MiB-state")
	b.ReportMetric(float64(picture-state)/(1<<20), "MiB-picture")
	b.ReportMetric(float64(put.Milliseconds())/float64(i), "ms/second-of-ticks")
	b.ReportMetric(float64(look.Milliseconds())/float64(i), "ms/snapshot")
}

// BenchmarkOneNodeTicks is what a tick of one node of many costs.
func BenchmarkOneNodeTicks(b *testing.B) {
	f := metropolis()
	f.Snapshot()
	t := churn(1)
	for b.Loop() {
		f.tick("node-7", t)
		f.Snapshot()
	}
}

//go:build unix

package pty

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/recording"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// long is a name as long as Kubernetes lets one be.
func long(of string) string {
	const most, label = 253, 63
	name := of
	for len(name) < most {
		name += "." + strings.Repeat("x", label-1)
	}
	return name[:most-len("-end")] + "-end"
}

// crowded writes a recording of a node with the longest names, on which one pod
// has connections to so many destinations; a negative number is that there is no
// node at all.
func crowded(t *testing.T, dests int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "crowd.snattop")
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w, f, err := recording.Create(path, "test", at)
	if err != nil {
		t.Fatal(err)
	}
	put := func(e session.Event) {
		t.Helper()
		e.Time = at
		if err := w.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	put(session.Event{Cluster: &session.ClusterInfo{Context: long("context"), Source: "live", Provider: snat.ProviderAzureLB}})
	if dests >= 0 {
		node := long("node")
		put(session.Event{Objects: &inventory.Change{
			Nodes: []inventory.Node{{Name: node, InternalIP: "10.0.0.4", OS: "linux", Ready: true}},
			Pods:  []inventory.Pod{{UID: "u1", Namespace: "shop", Name: long("pod"), Node: node, Phase: "Running"}},
		}})
		put(session.Event{Node: node, State: &session.NodeState{State: session.StateStreaming}})
		put(session.Event{Node: node, Hello: &wire.Hello{Collector: "ebpf", IntervalMillis: 1000}})
		tick := wire.Tick{Full: true}
		if dests > 0 {
			tick.Owners = []wire.Owner{{ID: 1, NetNS: 4_026_530_001, PodUID: "u1"}}
		}
		for i := range uint32(dests) {
			ip := netip.AddrFrom4([4]byte{20, byte(i >> 16), byte(i >> 8), byte(i)})
			tick.Rows = append(tick.Rows, wire.Row{ID: i + 1, Owner: 1, Protocol: 6, IP: ip, Port: 443, Established: 1 + i%7})
		}
		for range 3 {
			put(session.Event{Node: node, Tick: &tick})
			tick = wire.Tick{ElapsedNanos: int64(time.Second)}
			at = at.Add(time.Second)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// The whole way through a crowd: every key is answered, and every screen is whole,
// however long the names are.
func TestCrowd(t *testing.T) {
	t.Parallel()
	p := run(t, setting{}, "replay", "--speed", "0", crowded(t, 100_000))
	whole := func(step string, height int, words ...string) {
		t.Helper()
		p.until(step+" whole, with "+strings.Join(words, ", "), func(s string) bool {
			for _, w := range words {
				if !strings.Contains(s, w) {
					return false
				}
			}
			return wholePage(s, step, height)
		})
	}
	whole("❶", 40, "▌node.xxx", "x-end", "10.0.0.4", "~7")
	p.keys("v" + enter)
	whole("❷", 40, "▌shop/pod.xxx", "x-end")
	p.keys(enter)
	whole("❸", 40, "▌20.0.0.6:443", "of 100,000") // the fullest
	p.keys("G")
	whole("❸", 40, "–100,000 of 100,000")
	p.keys("g<<")
	whole("❸", 40, "DESTINATION▲", "▌20.0.0.0:443")
	p.keys("r")
	whole("❸", 40, "DESTINATION▼", "▌20.1.134.159:443")
	p.keys("/20.1.134.15" + enter)
	whole("❸", 40, "/20.1.134.15 · 11 of 100,000")
	p.keys(escape)
	whole("❸", 40, "1–21 of 100,000")
	p.keys("x")
	whole("❸", 40, "How do you know")
	p.keys(escape)
	p.hides("How do you know")
	p.keys("t")
	whole("❸", 40, "by process", "399,995")
	p.keys(escape)
	whole("❸", 40, "1–21 of 100,000", "▌20.1.134.159:443")
	for _, s := range [][2]int{{80, 24}, {60, 15}, {200, 60}} {
		p.resize(s[0], s[1])
		p.until("page at its size", func(screen string) bool { return p.emulatorIs(s[0], s[1]) && wholePage(screen, "❸", s[1]) })
	}
	p.keys("4")
	whole("❹", 60, "shop/pod.xxx")
	p.keys("b")
	p.shows("5 compares with it.")
	p.keys("5")
	whole("❺", 60, "SUBJECT", "▌node.xxx", " of 100,002")
	p.keys("G")
	whole("❺", 60, "–100,002 of 100,002")
	p.keys("b")
	whole("❺", 60, "SUBJECT", "▌node.xxx", " of 100,002")
	p.keys(escape)
	whole("❹", 60, "shop/pod.xxx")
	p.keys("q")
	p.exits(0)
	p.restored()
}

// Where there is nothing, every page says so.
func TestNobody(t *testing.T) {
	t.Parallel()
	p := run(t, setting{width: 80, height: 24}, "replay", "--speed", "0", crowded(t, 0))
	p.shows("❶", "▌node.xxx")
	p.keys(enter)
	p.shows("❷", "no pods with outbound connections")
	p.keys(enter)
	p.shows("There is no pod to open.")
	p.keys("jkgG></nobody" + enter)
	p.shows("/nobody", "0 of 0")
	p.keys(escape)
	p.hides("/nobody")
	p.keys("t")
	p.shows("by workload", "no outbound connections")
	p.keys("Cx1")
	p.shows("❶")
	p.keys("q")
	p.exits(0)
	p.restored()
}

func TestNoNodes(t *testing.T) {
	t.Parallel()
	p := run(t, setting{width: 80, height: 24}, "replay", "--speed", "0", crowded(t, -1))
	p.shows("❶", "no nodes yet")
	p.keys("2")
	p.shows("There is no node to open.")
	p.keys("d")
	p.shows("There is no node to speak of.")
	p.keys("jkgG>rx")
	p.shows("How do you know? There is no node to speak of.")
	p.keys(escape)
	p.hides("How do you know")
	p.keys("t")
	p.shows("by pod")
	p.keys("q")
	p.exits(0)
	p.restored()
}

package demo

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/recording"
	"github.com/snattop/snattop/probe/wire"
)

func TestClean(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	raw, out := filepath.Join(dir, "raw"), filepath.Join(dir, "out")
	w, f, err := recording.Create(raw, "snattop", at)
	if err != nil {
		t.Fatal(err)
	}
	row := wire.Row{ID: 1, Owner: 1, Protocol: 6, IP: netip.MustParseAddr("20.60.1.9"), Port: 443, Detailed: true, Processes: []wire.Process{
		{Command: "/var/lib/ground/bin/kubelet --config=/var/lib/ground/x"}, {Command: "/srv/checkout"},
	}}
	for _, e := range []session.Event{
		{Time: at, Cluster: &session.ClusterInfo{Context: "mine", Source: "live"}},
		{Time: at, Node: "node1", Hello: &wire.Hello{Kernel: "6.18.1-secret", Hostname: "box", Collector: "ebpf"}},
		{Time: at, Node: "node1", Tick: &wire.Tick{Full: true, Rows: []wire.Row{row}}},
	} {
		if err := w.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Clean(raw, out, []string{"", "6.18.1-secret", "box", "/var/lib/ground", "mine"}); err != nil {
		t.Fatal(err)
	}
	p, err := recording.Open(out, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got events
	if err := p.Run(t.Context(), &got); err != nil {
		t.Fatal(err)
	}
	if list := got[2].Tick.Rows[0].Processes; list[0].Command != "kubelet" || list[1].Command != "/srv/checkout" || got[1].Hello.Kernel != kernel {
		t.Errorf("%+v", got)
	}
	// What is not taken out is told, and nothing is written.
	again := filepath.Join(dir, "again")
	if err := Clean(raw, again, []string{"/srv/checkout"}); err == nil || !strings.Contains(err.Error(), "/srv/checkout") {
		t.Errorf("Clean() = %v", err)
	}
	if _, err := os.Stat(again); !os.IsNotExist(err) {
		t.Errorf("a file was written: %v", err)
	}
}

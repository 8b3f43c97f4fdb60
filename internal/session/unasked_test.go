package session_test

import (
	"testing"
	"time"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// Who asks for the last picture only gets the past with it, as whoever looked
// all the time does.
func TestPastOfAPictureThatNobodyAskedFor(t *testing.T) {
	t.Parallel()
	for _, looks := range []bool{false, true} {
		f := newFeed(session.Options{})
		f.put(session.Event{Cluster: &session.ClusterInfo{Context: "prod", Source: "recording"}})
		f.objects(inventory.Change{Nodes: []inventory.Node{azureNode("n1")}, Pods: []inventory.Pod{podOf("u1", "checkout-1")}})
		f.streaming("n1")
		f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1")}, Rows: []wire.Row{to(1, 1, wire.Row{Established: 10})}})
		for i := range uint32(30) {
			f.after(time.Second).tick("n1", wire.Tick{Rows: []wire.Row{{ID: 1, Established: 11 + i, Opens: 1}}})
			if looks {
				f.Snapshot()
			}
		}
		n := f.node(t, "n1")
		want := int(30*time.Second/session.TrendStep) + 1
		for what, trend := range map[string][]int{"node": n.OpenTrend, "owner": n.Owners[0].OpenTrend, "estimate": n.Trend} {
			if len(trend) != want || trend[0] != 10 || trend[want-1] != 40 {
				t.Errorf("looks %v: the %s's trend is %v, want %d values from 10 to 40", looks, what, trend, want)
			}
		}
	}
}

// A cloud tells means: in the minute of a change they lie between.
func TestBudgetThatChangesInSteps(t *testing.T) {
	t.Parallel()
	f := aks(podOf("u1", "checkout-1"))
	f.full("n1", wire.Tick{})
	tell := func(ports int) *session.BudgetChange {
		f.after(time.Minute).put(session.Event{Cloud: &cloud.Reading{Nodes: []cloud.NodeReading{{Name: "n1", TCP: cloud.Usage{Allocated: &ports}}}}})
		return f.node(t, "n1").BudgetWas
	}
	tell(1024)
	if c := tell(614); c == nil || c.From.Ports != 1024 || c.To.Ports != 614 {
		t.Fatalf("%+v", c)
	}
	at := f.now
	if c := tell(512); c.From.Ports != 1024 || c.To.Ports != 512 || !c.At.Equal(at) {
		t.Errorf("one change in two steps: %+v, want from 1024 to 512 at %s", c, at)
	}
	if c := tell(1024); c.From.Ports != 512 || c.To.Ports != 1024 {
		t.Errorf("there and back is another change: %+v", c)
	}
	f.after(time.Hour)
	if c := tell(2048); c.From.Ports != 1024 {
		t.Errorf("an hour later it is another change: %+v", c)
	}
}

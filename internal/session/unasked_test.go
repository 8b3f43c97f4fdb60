package session_test

import (
	"testing"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// Who asks for the last picture only gets the past with it, as whoever looked
// all the time does.
func TestPastOfAPictureThatNobodyAskedFor(t *testing.T) {
	t.Parallel()
	for _, looks := range []bool{false, true} {
		f := newFeed(session.Options{Remember: true})
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

package session_test

import (
	"testing"
	"time"

	"github.com/snattop/snattop/internal/session/rollup"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// TestAskedAgainIsTheNodesOwn holds that a node's ports, worked out anew from
// what its destinations ask for, are those that the session gives it.
func TestAskedAgainIsTheNodesOwn(t *testing.T) {
	t.Parallel()
	for name, endpoints := range map[string][]inventory.Endpoints{
		"one endpoint":       {slice("s1", "20.50.2.1")},
		"several":            {slice("s1", "20.50.2.1", "20.50.2.2")},
		"a private one, too": {slice("s1", "20.50.2.1", "10.9.9.9")},
		"none":               nil,
	} {
		f := aks()
		f.objects(inventory.Change{Services: []inventory.Service{kubernetesService()}, Endpoints: endpoints})
		f.full("n1", wire.Tick{Owners: []wire.Owner{podOwner(1, "u1"), podOwner(2, "u2")}, Rows: []wire.Row{
			to(1, 1, wire.Row{IP: ip("10.0.0.1"), Established: 7, SynSent: 1}),
			to(2, 2, wire.Row{IP: ip("20.50.2.1"), Port: 6443, Established: 5}),
			to(3, 2, wire.Row{Established: 9, SynSent: 2, Silent: []uint32{0, 0, 1, 2}}),
			to(4, 1, wire.Row{Established: 3, TimeWait: 4}),
		}})
		f.idle("n1", 5*time.Minute) // what ended before anybody looked holds nothing any more
		f.tick("n1", wire.Tick{Rows: []wire.Row{to(3, 2, wire.Row{Established: 5, Closes: 4})}})
		n := f.node(t, "n1")
		// Narrowed down to what it is anyway, nothing is taken over.
		rows := rollup.Sum(f.Snapshot(), rollup.Node, rollup.Scope{Within: []rollup.Member{{By: rollup.Node, Key: "n1"}}}).Rows
		if len(rows) != 1 || rows[0].Ports != n.Ports || n.Ports.Estimate == 0 {
			t.Errorf("%s: asked again %+v, the node's own %+v", name, rows[0].Ports, n.Ports)
		}
	}
}

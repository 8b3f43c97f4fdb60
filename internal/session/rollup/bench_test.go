package rollup_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/rollup"
	"github.com/snattop/snattop/internal/snat"
)

// crowd is 20 nodes of 100 pods of 50 destinations, of which a tenth is shared:
// 100,000 rows of connections.
func crowd() *session.Snapshot {
	s := &session.Snapshot{}
	for i := range 20 {
		var owners []*session.Owner
		for j := range 100 {
			var dests []*session.Dest
			for k := range 50 {
				id := i*5000 + j*50 + k
				if k < 5 {
					id = k
				}
				ip := netip.AddrFrom4([4]byte{20, byte(id >> 16), byte(id >> 8), byte(id)})
				dests = append(dests, &session.Dest{
					Dest: snat.Dest{Protocol: snat.TCP, IP: ip, Port: 443}, Class: snat.Class{Public: true, Eligible: true},
					Established: 3, Cooling: 1,
				})
			}
			owners = append(owners, owner(fmt.Sprint("team-", j%10), fmt.Sprint("app-", j), fmt.Sprint("app-", j%25), 1024, dests...))
		}
		s.Nodes = append(s.Nodes, node(fmt.Sprint("node-", i), table(1024), owners...))
	}
	return s
}

func BenchmarkSum(b *testing.B) {
	s := crowd()
	for _, by := range rollup.All() {
		b.Run(by.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rollup.Sum(s, by, rollup.Scope{})
			}
		})
	}
}

package probe

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/snattop/snattop/probe/count"
	"github.com/snattop/snattop/probe/wire"
)

// What a counter tells and what a list shows add up in one aggregator: the
// gauges are the sums of the holders, each event is told once, and after a
// restart everything is told anew.
func TestTallyNextToAdd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, procs := NewAggregator(0), newProcTable()
		v, restarted := newReceiver(), true
		now := time.Unix(1_790_000_000, 0)
		for i := range rapid.IntRange(1, 12).Draw(t, "ticks") {
			now = now.Add(time.Second)
			a.Begin()
			want, opens := map[byte]gauges{}, map[byte]uint32{}
			for range rapid.IntRange(0, 6).Draw(t, "rows") {
				dest := byte(rapid.IntRange(1, 3).Draw(t, "dest"))
				n := func(of string) uint32 { return uint32(rapid.IntRange(0, 4).Draw(t, of)) }
				told := count.Row{Gauges: count.Gauges{Established: n("established"), Closing: n("closing"), SynSent: n("attempting")}}
				for i, left := 0, told.Established; i < wire.SilentBuckets; i++ {
					told.Silent[i] = uint32(rapid.IntRange(0, int(left)).Draw(t, "silent"))
					left -= told.Silent[i]
				}
				told.Events.Opens = n("opens")
				to := toward(dest)
				a.tally(rowKey{a.owners.id(ownerKey{ns: 1}, false), protocolTCP, to.Addr(), to.Port()}, &told, 0, now)
				g := want[dest]
				g.established += told.Established
				g.closing += told.Closing
				g.synSent += told.SynSent
				for i, n := range told.Silent {
					g.silent[i] += n
				}
				want[dest] = g
				if !restarted {
					opens[dest] += told.Events.Opens
				}
			}
			if rapid.Bool().Draw(t, "listed") { // what connection tracking shows
				s := tcp(1, StateEstablished, 9)
				s.Protocol = protocolUDP
				a.add(&s, 1, a.owners.id(ownerKey{ns: 1}, false), false)
			}
			a.sweep()
			tick := a.finish(now, time.Second, procs)
			if tick.Full != restarted {
				t.Fatalf("tick %d: full %t", i, tick.Full)
			}
			if restarted {
				v = newReceiver()
				v.seq = tick.Seq - 1
				tick.Full = v.seq == 0
			}
			did, err := v.apply(tick)
			if err != nil {
				t.Fatal(err)
			}
			for dest := byte(1); dest <= 3; dest++ {
				key := flowKey{owner: 1, proto: protocolTCP, dest: toward(dest)}
				var got gauges
				if id, ok := v.live[key]; ok {
					got = v.rows[id].now
				}
				if got != want[dest] || did[key].opens != opens[dest] {
					t.Fatalf("tick %d, destination %d: %+v with %d opens, want %+v with %d", i, dest, got, did[key].opens, want[dest], opens[dest])
				}
			}
			if restarted = rapid.IntRange(0, 4).Draw(t, "restart") == 0; restarted {
				a.restart()
			}
		}
	})
}

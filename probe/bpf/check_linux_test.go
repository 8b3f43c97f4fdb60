package bpf

import (
	"sync/atomic"
	"testing"

	"github.com/snattop/snattop/probe/count"
)

// one returns the only open connection that is followed, apart from those given.
func one(t *testing.T, c *Counter, but ...uint64) (id uint64, conn countConn) {
	t.Helper()
	all := followed(t, c)
	for _, b := range but {
		delete(all, b)
	}
	if len(all) != 1 {
		t.Fatalf("%d connections are followed", len(all))
	}
	for id, conn = range all {
	}
	return id, conn
}

// Nobody can make the kernel hide a change of state, so that what was remembered
// before one is put back by hand.
func TestCheck(t *testing.T) {
	w := newWatch(t, fresh(t, Config{Rows: 64, Conns: 64}))
	s := serve(t, loopback(), 64)
	kept, keptOther := s.pair(false)
	keptKey, keptConn := one(t, w.c)
	client, accepted := s.pair(false)
	key, conn := one(t, w.c, keptKey)
	must(t, abort(client), abort(accepted))
	w.want("both", s.at, count.Gauges{Established: 1}, count.Events{Opens: 2, Closes: 1, Resets: 1, ResetsOut: 1})
	row := &w.c.table.rows[conn.Row]
	ended := count.Events{Opens: 2, Closes: 2, Resets: 2, ResetsOut: 1}

	t.Log("one that has ended unseen")
	remember(t, w.c, key, conn)
	atomic.AddUint32(&row.Established, 1)
	must(t, w.c.Check())
	w.read()
	if g, _ := w.to(s.at); g != (count.Gauges{Established: 2}) {
		t.Errorf("the first check was believed: %+v", g)
	}
	must(t, w.c.Check())
	w.want("ended", s.at, count.Gauges{Established: 1}, ended)

	t.Log("one that was established unseen")
	keptConn.Phase = 1
	remember(t, w.c, keptKey, keptConn)
	atomic.AddUint32(&row.SynSent, 1)
	atomic.AddUint32(&row.Established, ^uint32(0))
	for range 5 {
		must(t, w.c.Check())
	}
	ended.Opens++
	w.want("established", s.at, count.Gauges{Established: 1}, ended)
	if n, err := w.c.value(countVarMended); err != nil || n != 2 {
		t.Errorf("%d mended, %v", n, err)
	}
	must(t, abort(kept), abort(keptOther))
	ended.Closes, ended.Resets, ended.ResetsOut = 3, 3, 2
	w.want("the last", s.at, count.Gauges{}, ended)
}

// What a check costs for each open connection. A thousandth of the time goes to
// checks at the most, however many there are (package probe).
func BenchmarkCheck(b *testing.B) {
	c := fresh(b, Config{Rows: 64, Conns: 4096})
	const n = 2000
	s := serve(b, loopback(), 64)
	clients := make([]int, n)
	for i := range clients {
		clients[i], _ = s.pair(false)
	}
	for b.Loop() {
		must(b, c.Check())
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/connection")
	for _, fd := range clients {
		must(b, abort(fd))
	}
}

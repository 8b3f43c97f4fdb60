package bpf

import (
	"sync/atomic"
	"testing"

	"github.com/snattop/snattop/probe/count"
)

// Phases as the programs number them (conns.h).
const (
	attempting = 1 + iota
	opened
	closing
)

// An end that went by unseen is counted when the kernel gives the socket's memory
// to another connection, begun or accepted, and never as that one's.
func TestUnseenEnd(t *testing.T) {
	ended := count.Events{Opens: 2, Closes: 1, Resets: 1, ResetsIn: 1}
	attempt, reset, finished, passive := ended, ended, ended, ended
	attempt.Fails++
	reset.Closes, reset.Resets = 2, 2
	finished.Closes, finished.TimeWaits = 2, 1
	passive.Closes = 2
	for _, tc := range []struct {
		name  string
		conn  countConn
		gauge func(*countRow) *uint32
		want  count.Events
	}{
		{"an attempt", countConn{Phase: attempting}, func(r *countRow) *uint32 { return &r.SynSent }, attempt},
		{"open", countConn{Phase: opened}, func(r *countRow) *uint32 { return &r.Established }, reset},
		{"closed from here", countConn{Phase: closing}, func(r *countRow) *uint32 { return &r.Closing }, finished},
		{"closed from there", countConn{Phase: closing, Passive: 1}, func(r *countRow) *uint32 { return &r.Closing }, passive},
	} {
		for _, next := range []struct {
			name string
			// mapped makes clients that lie in other memory than what they connect
			// to: only accepted sockets can come to lie where the client was.
			mapped bool
		}{{"begun", false}, {"accepted", true}} {
			t.Run(tc.name+", then "+next.name, func(t *testing.T) {
				w := newWatch(t, fresh(t, Config{Rows: 64, Conns: 4096}))
				s, other := serve(t, loopback(), 64), serve(t, loopback(), 64)
				s.pair(false) // keeps the row
				kept, _ := one(t, w.c)
				client, accepted := s.pair(false)
				key, conn := one(t, w.c, kept)
				must(t, abort(accepted), abort(client))
				w.want("one is left", s.at, count.Gauges{Established: 1}, ended)
				conn.Phase, conn.Passive = tc.conn.Phase, tc.conn.Passive
				remember(t, w.c, key, conn)
				atomic.AddUint32(tc.gauge(&w.c.table.rows[conn.Row]), 1)

				taken(t, w.c, key, conn.Row, other, next.mapped)
				w.want("ended", s.at, count.Gauges{Established: 1}, tc.want)
				if lost := w.last.Lost; lost != 0 {
					t.Errorf("%d connections were lost", lost)
				}
			})
		}
	}
}

// taken makes connections to a server until one of their sockets lies at an
// address: memory that was freed is mostly the next that the kernel gives away.
func taken(t *testing.T, c *Counter, key uint64, row uint32, by *server, mapped bool) {
	t.Helper()
	const enough = 2000
	for range enough {
		client, accepted := by.pair(mapped)
		t.Cleanup(func() { must(t, abort(client), abort(accepted)) })
		if conn, ok := followed(t, c)[key]; !ok || conn.Row != row {
			return
		}
	}
	t.Fatalf("none of %d connections lies where one has ended", enough)
}

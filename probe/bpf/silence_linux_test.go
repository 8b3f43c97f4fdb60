package bpf

import (
	"net/netip"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/count"
	"github.com/snattop/snattop/probe/wire"
)

// hasty is what the tests have in place of a minute: one tick at the least,
// whatever the kernel's are (CONFIG_HZ is 100 to 1000).
const hasty = 10 * time.Millisecond

// longest is the last bucket of silence.
const longest = wire.SilentBuckets - 1

// silentAfter waits until a destination's silence is as wanted, with a check
// before each look.
func (w *watch) silentAfter(what string, dest netip.AddrPort, act func(), ok func(count.Gauges) bool) count.Gauges {
	w.t.Helper()
	for began := time.Now(); ; runtime.Gosched() {
		if act != nil {
			act()
		}
		must(w.t, w.c.Check())
		w.read()
		g, _ := w.to(dest)
		sum := uint32(0)
		for _, n := range g.Silent {
			sum += n
		}
		if sum > g.Established {
			w.t.Fatalf("%s: %d of %d are silent", what, sum, g.Established)
		}
		if ok(g) {
			return g
		}
		if time.Since(began) > soon {
			w.t.Fatalf("%s never: %+v", what, g)
		}
	}
}

// quietest returns the highest bucket with a connection, -1 when there is none.
func quietest(g count.Gauges) int {
	for i := longest; i >= 0; i-- {
		if g.Silent[i] > 0 {
			return i
		}
	}
	return -1
}

// say sends one byte.
func say(t testing.TB, fd int) {
	t.Helper()
	_, err := unix.Write(fd, []byte{1})
	must(t, err)
}

// A connection through which nothing passes goes from bucket to bucket, to the
// last and no farther; beside it, one that speaks is not silent. Of both there
// is one, however often it is looked at.
func TestSilence(t *testing.T) {
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			w := newWatch(t, fresh(t, Config{Rows: 64, Silence: hasty}))
			s := serve(t, f.listen(), 8)
			quiet, _ := s.pair(f.mapped)
			last := -1
			w.silentAfter("the quiet one is silent for the longest", s.at, nil, func(g count.Gauges) bool {
				now := quietest(g)
				if now < last {
					t.Fatalf("it went from bucket %d back to %d, and nobody spoke", last, now)
				}
				last = now
				return now == longest
			})
			talker, _ := s.pair(f.mapped)
			w.silentAfter("one speaks and one does not", s.at, func() { say(t, talker) }, func(g count.Gauges) bool {
				return g == count.Gauges{Established: 2, Silent: [wire.SilentBuckets]uint32{longest: 1}}
			})
			must(t, abort(talker), abort(quiet))
			w.want("both gone", s.at, count.Gauges{}, count.Events{Opens: 2, Closes: 2, Resets: 2, ResetsOut: 2})
		})
	}
}

// Whatever packet passes ends the silence: data of either side, and what answers
// a keep-alive of either side.
func TestSilenceEnds(t *testing.T) {
	for name, wake := range map[string]func(t *testing.T, client, accepted int){
		"data that is sent": func(t *testing.T, client, _ int) { say(t, client) },
		"data that comes":   func(t *testing.T, _, accepted int) { say(t, accepted) },
		"a keep-alive of ours": func(t *testing.T, client, _ int) {
			keepAlive(t, client)
		},
		"a keep-alive of the other side": func(t *testing.T, _, accepted int) {
			keepAlive(t, accepted)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWatch(t, fresh(t, Config{Rows: 64, Silence: hasty}))
			s := serve(t, loopback(), 8)
			client, accepted := s.pair(false)
			w.silentAfter("silent for the longest", s.at, nil, func(g count.Gauges) bool { return quietest(g) == longest })
			wake(t, client, accepted)
			w.silentAfter("not silent any more", s.at, nil, func(g count.Gauges) bool { return quietest(g) < longest-1 })
			w.silentAfter("silent again", s.at, nil, func(g count.Gauges) bool { return quietest(g) >= longest-1 })
			must(t, abort(client))
		})
	}
}

// keepAlive lets a socket ask the other side for an answer when nothing has come
// for a second, the least that the kernel knows (tcp(7)).
func keepAlive(t *testing.T, fd int) {
	t.Helper()
	must(t, unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1))
}

// The silence of a connection that was there before the programs is known from
// the first check.
func TestSilenceBeforeTheStart(t *testing.T) {
	s := serve(t, loopback(), 8)
	client, _ := s.pair(false)
	for began := time.Now(); ; runtime.Gosched() {
		info, err := unix.GetsockoptTCPInfo(client, unix.IPPROTO_TCP, unix.TCP_INFO)
		must(t, err)
		if time.Duration(info.Last_data_sent)*time.Millisecond > 70*hasty {
			break
		}
		if time.Since(began) > soon {
			t.Fatalf("never silent: %+v", info)
		}
	}
	c := open(t, Config{Silence: hasty})
	seeded(t, c, netns(t))
	must(t, c.Check())
	w := newWatch(t, c)
	w.want("found", s.at, count.Gauges{Established: 1, Silent: [wire.SilentBuckets]uint32{longest: 1}}, count.Events{})
	must(t, abort(client))
}

// Between two checks, connections end. What is told of their silence is never
// more than there are, and the longest silence is told first.
func TestSilenceBetweenChecks(t *testing.T) {
	w := newWatch(t, fresh(t, Config{Rows: 64, Silence: hasty}))
	s := serve(t, loopback(), 8)
	var old, young [2]int
	for i := range old {
		old[i], _ = s.pair(false)
	}
	w.silentAfter("two are silent for the longest", s.at, nil, func(g count.Gauges) bool { return g.Silent[longest] == 2 })
	for i := range young {
		young[i], _ = s.pair(false)
	}
	g := w.silentAfter("four are silent, two of them for less", s.at, nil, func(g count.Gauges) bool {
		if g.Silent[3]+g.Silent[4]+g.Silent[5] > 0 || g.Silent[longest] > 2 {
			say(t, young[0]) // that moment was missed
			say(t, young[1])
		}
		return g.Silent[longest] == 2 && g.Silent[2] == 2
	})
	at := s.at
	must(t, abort(old[0]))
	g.Established, g.Silent[2] = 3, 1
	ended := count.Events{Opens: 4, Closes: 1, Resets: 1, ResetsOut: 1}
	w.want("three are left", at, g, ended)
	must(t, unix.Shutdown(young[0], unix.SHUT_WR))
	g.Established, g.Closing, g.Silent[2] = 2, 1, 0
	w.want("two are left", at, g, ended)
	must(t, abort(young[1]))
	g.Established, g.Silent[longest] = 1, 1
	ended.Closes, ended.Resets, ended.ResetsOut = 2, 2, 2
	w.want("one is left", at, g, ended)
	w.silentAfter("what is closing is not silent", at, nil, func(g count.Gauges) bool {
		return g == count.Gauges{Established: 1, Closing: 1, Silent: [wire.SilentBuckets]uint32{longest: 1}}
	})
	must(t, abort(old[1]), abort(young[0]))
}

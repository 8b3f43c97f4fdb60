package bpf

import (
	"errors"
	"net/netip"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/count"
)

// family is a way for TCP to reach a listener.
type family struct {
	name   string
	listen func() netip.Addr
	mapped bool
}

func families() []family {
	return []family{
		{"IPv4", loopback, false},
		{"IPv6", netip.IPv6Loopback, false},
		{"IPv4 through an IPv6 socket", loopback, true},
	}
}

// Every way that a connection can take is counted as what it is, and nothing
// else is.
func TestTransitions(t *testing.T) {
	w := newWatch(t, fresh(t, Config{Rows: 4096, Conns: 4096}))
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			for name, test := range map[string]func(*testing.T, *watch, *server, bool){
				"closed by us":              closedByUs,
				"half closed":               halfClosed,
				"closed by the other":       closedByTheOther,
				"closed by both":            closedByBoth,
				"reset by us":               resetByUs,
				"reset by us half closed":   resetHalfClosed,
				"reset with data unread":    resetUnread,
				"reset by the other":        resetByTheOther,
				"reset while closing":       resetWhileClosing,
				"refused":                   refused,
				"one socket connects twice": twice,
				"the listener closes":       listenerCloses,
			} {
				t.Run(name, func(t *testing.T) {
					w.t = t
					test(t, w, serve(t, f.listen(), 64), f.mapped)
				})
			}
			t.Run("given up", func(t *testing.T) {
				w.t = t
				givenUp(t, w, serve(t, f.listen(), 0), f.mapped)
			})
		})
	}
	// Only connects were counted: accepted connections lead to the ports of
	// those that connected.
	if e := w.total(); e.TimedOut+e.NoPort+e.SynRetrans != 0 {
		t.Errorf("in all: %+v", e)
	}
	if w.last.Lost != 0 || len(w.last.Problems) > 0 {
		t.Errorf("lost %d: %q", w.last.Lost, w.last.Problems)
	}
}

func closedByUs(t *testing.T, w *watch, s *server, mapped bool) {
	client, accepted := s.pair(mapped)
	w.want("open", s.at, count.Gauges{Established: 1}, count.Events{Opens: 1})
	keys := w.keys(s.at)
	if len(keys) != 1 || int(keys[0].PID) != os.Getpid() || keys[0].NetNS != netns(t) || w.commands[keys[0]] != command(t) {
		t.Errorf("opened by %+v (%s)", keys, w.commands[keys[0]])
	}
	must(t, end(client))
	w.want("closed", s.at, count.Gauges{}, count.Events{Opens: 1, Closes: 1, TimeWaits: 1})
	must(t, end(accepted))
	w.want("closed by both", s.at, count.Gauges{}, count.Events{Opens: 1, Closes: 1, TimeWaits: 1})
}

func halfClosed(t *testing.T, w *watch, s *server, mapped bool) {
	client, accepted := s.pair(mapped)
	must(t, unix.Shutdown(client, unix.SHUT_WR))
	w.want("half closed", s.at, count.Gauges{Closing: 1}, count.Events{Opens: 1})
	must(t, end(accepted))
	w.want("closed", s.at, count.Gauges{}, count.Events{Opens: 1, Closes: 1, TimeWaits: 1})
	must(t, end(client))
}

func closedByTheOther(t *testing.T, w *watch, s *server, mapped bool) {
	client, accepted := s.pair(mapped)
	must(t, end(accepted))
	w.want("half closed", s.at, count.Gauges{Closing: 1}, count.Events{Opens: 1})
	must(t, end(client))
	w.want("closed", s.at, count.Gauges{}, count.Events{Opens: 1, Closes: 1})
}

// closedByBoth does not say who was first: both send a FIN before they have
// seen the other's.
func closedByBoth(t *testing.T, w *watch, s *server, mapped bool) {
	client, accepted := s.pair(mapped)
	must(t, unix.Shutdown(client, unix.SHUT_WR), unix.Shutdown(accepted, unix.SHUT_WR))
	w.want("closed", s.at, count.Gauges{}, count.Events{Opens: 1, Closes: 1, TimeWaits: 1})
	must(t, end(client), end(accepted))
}

func resetByUs(t *testing.T, w *watch, s *server, mapped bool) {
	client, accepted := s.pair(mapped)
	must(t, abort(client))
	w.want("reset", s.at, count.Gauges{}, count.Events{Opens: 1, Closes: 1, Resets: 1, ResetsOut: 1})
	must(t, end(accepted))
}

func resetHalfClosed(t *testing.T, w *watch, s *server, mapped bool) {
	client, accepted := s.pair(mapped)
	must(t, unix.Shutdown(client, unix.SHUT_WR))
	w.want("half closed", s.at, count.Gauges{Closing: 1}, count.Events{Opens: 1})
	must(t, abort(client))
	w.want("reset", s.at, count.Gauges{}, count.Events{Opens: 1, Closes: 1, Resets: 1, ResetsOut: 1})
	must(t, end(accepted))
}

func resetUnread(t *testing.T, w *watch, s *server, mapped bool) {
	client, accepted := s.pair(mapped)
	_, err := unix.Write(accepted, []byte("unheard"))
	must(t, err, readable(client), end(client))
	w.want("reset", s.at, count.Gauges{}, count.Events{Opens: 1, Closes: 1, Resets: 1, ResetsOut: 1})
	must(t, end(accepted))
}

// readable waits until there is something to read.
func readable(fd int) error {
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(soon.Milliseconds()))
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func resetByTheOther(t *testing.T, w *watch, s *server, mapped bool) {
	client, accepted := s.pair(mapped)
	must(t, abort(accepted))
	w.want("reset", s.at, count.Gauges{}, count.Events{Opens: 1, Closes: 1, Resets: 1, ResetsIn: 1})
	must(t, end(client))
}

func resetWhileClosing(t *testing.T, w *watch, s *server, mapped bool) {
	client, accepted := s.pair(mapped)
	must(t, unix.Shutdown(client, unix.SHUT_WR))
	w.want("half closed", s.at, count.Gauges{Closing: 1}, count.Events{Opens: 1})
	must(t, abort(accepted))
	w.want("reset", s.at, count.Gauges{}, count.Events{Opens: 1, Closes: 1, Resets: 1, ResetsIn: 1})
	must(t, end(client))
}

func refused(t *testing.T, w *watch, s *server, mapped bool) {
	s.close()
	if _, err := dial(s.at, mapped, 0); !errors.Is(err, unix.ECONNREFUSED) {
		t.Fatalf("connecting where nobody listens: %v", err)
	}
	w.want("refused", s.at, count.Gauges{}, count.Events{Fails: 1, Refused: 1, ResetsIn: 1})
}

func twice(t *testing.T, w *watch, s *server, mapped bool) {
	fd, sa, err := socket(s.at, mapped, 0)
	must(t, err, connect(fd, sa))
	_ = unix.Close(s.accept())
	w.want("the first", s.at, count.Gauges{Closing: 1}, count.Events{Opens: 1})
	must(t, disconnect(fd), connect(fd, sa))
	accepted := s.accept()
	first := count.Events{Opens: 2, Closes: 1, Resets: 1, ResetsOut: 1}
	w.want("the second", s.at, count.Gauges{Established: 1}, first)
	must(t, end(fd), end(accepted))
	first.Closes, first.TimeWaits = 2, 1
	w.want("both gone", s.at, count.Gauges{}, first)
}

// disconnect makes a socket one that may connect again (connect(2)).
func disconnect(fd int) error {
	unspec := make([]byte, unix.SizeofSockaddrInet6)
	return rawConnect(fd, unspec)
}

func listenerCloses(t *testing.T, w *watch, s *server, mapped bool) {
	client, accepted := s.pair(mapped)
	s.close()
	w.want("open", s.at, count.Gauges{Established: 1}, count.Events{Opens: 1})
	must(t, abort(accepted))
	w.want("reset", s.at, count.Gauges{}, count.Events{Opens: 1, Closes: 1, Resets: 1, ResetsIn: 1})
	must(t, end(client))
}

// givenUp attempts where the queue is full, which answers nothing.
func givenUp(t *testing.T, w *watch, s *server, mapped bool) {
	filler, err := dial(s.at, mapped, 0)
	must(t, err)
	client, err := dial(s.at, mapped, unix.SOCK_NONBLOCK)
	must(t, err)
	w.want("attempting", s.at, count.Gauges{Established: 1, SynSent: 1}, count.Events{Opens: 1})
	must(t, end(client))
	w.want("given up", s.at, count.Gauges{Established: 1}, count.Events{Opens: 1, Fails: 1})
	fd, sa, err := socket(s.at, mapped, unix.SOCK_NONBLOCK)
	must(t, err, connect(fd, sa))
	w.want("attempting again", s.at, count.Gauges{Established: 1, SynSent: 1}, count.Events{Opens: 1, Fails: 1})
	must(t, disconnect(fd), end(fd))
	w.want("given up again", s.at, count.Gauges{Established: 1}, count.Events{Opens: 1, Fails: 2})
	must(t, abort(filler))
	w.want("all gone", s.at, count.Gauges{}, count.Events{Opens: 1, Closes: 1, Fails: 2, Resets: 1, ResetsOut: 1})
}

// A reset that answers what no socket is there for belongs to no connection.
func TestResetsOfNobody(t *testing.T) {
	w := newWatch(t, fresh(t, Config{Rows: 64}))
	s, closed := serve(t, loopback(), 64), serve(t, loopback(), 64)
	client, _ := s.pair(false)
	closed.close()
	const n = 20
	for range n {
		if _, err := dial(closed.at, false, 0); !errors.Is(err, unix.ECONNREFUSED) {
			t.Fatalf("connecting where nobody listens: %v", err)
		}
	}
	w.want("refused", closed.at, count.Gauges{}, count.Events{Fails: n, Refused: n, ResetsIn: n})
	w.want("the other", s.at, count.Gauges{Established: 1}, count.Events{Opens: 1})
	must(t, abort(client))
}

func netns(t testing.TB) uint64 {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Stat("/proc/thread-self/ns/net", &st))
	return st.Ino
}

// command is this process's name.
func command(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/comm")
	must(t, err)
	return string(text[:len(text)-1])
}

package probe

import (
	"bufio"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// loadEnv makes a child one that holds both ends of its connections, so that a
// test can take each through every state.
const loadEnv = "SNATTOP_TEST_LOAD"

func init() {
	if os.Getenv(loadEnv) != "" && os.Getenv(childEnv) != "" {
		loadMain()
		os.Exit(0)
	}
}

// ends are the two ends of a connection.
type ends struct{ client, server int }

// loadMain obeys a line at a time, and answers each with a line.
func loadMain() {
	listeners, conns := map[string]int{}, []ends{}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		word, arg, _ := strings.Cut(in.Text(), " ")
		answer, err := "ok", error(nil)
		var c *ends
		if i, nerr := strconv.Atoi(arg); nerr == nil && i < len(conns) {
			c = &conns[i]
		}
		switch word {
		case "up":
			err = loopbackUp()
		case "listen", "full":
			var fd int
			var at netip.AddrPort
			backlog := 64
			if word == "full" {
				backlog = 0
			}
			fd, at, err = listen(netip.MustParseAddr(arg), backlog)
			answer = at.String()
			listeners[answer] = fd
		case "dial":
			var e ends
			e.client, err = dial(netip.MustParseAddrPort(arg), false, 0)
			if err == nil {
				e.server, _, err = unix.Accept4(listeners[arg], unix.SOCK_CLOEXEC)
			}
			answer, conns = strconv.Itoa(len(conns)), append(conns, e)
		case "attempt":
			_, err = dial(netip.MustParseAddrPort(arg), false, unix.SOCK_NONBLOCK)
		case "half":
			err = unix.Shutdown(c.client, unix.SHUT_WR)
		case "close":
			err = unix.Close(c.client)
		case "hang-up":
			err = unix.Close(c.server)
		case "reset":
			err = errors.Join(abort(c.client), unix.Close(c.server))
		}
		if err != nil {
			answer = "error: " + err.Error()
		}
		fmt.Println(answer)
	}
}

// sum folds what lists and counters tell apart at different times: a connection
// whose side closed first is in TIME_WAIT for the one, and still closing for
// the other.
type sum struct{ established, attempting, ending uint32 }

func summed(w *view, to netip.AddrPort) (s sum) {
	for _, r := range w.rowsTo(to) {
		s.established += r.now.established
		s.attempting += r.now.synSent
		s.ending += r.now.closing + r.now.timeWait
	}
	return s
}

func happened(w *view, to netip.AddrPort) (e events) {
	for k, n := range w.sums {
		if k.dest == to && k.proto == protocolTCP {
			e = events{e.opens + n.opens, e.closes + n.closes, e.fails + n.fails}
		}
	}
	return e
}

// The three ways to know a node, one of which counts and two of which look, tell
// the same of the same load.
func TestThreeWaysAgree(t *testing.T) {
	t.Setenv(loadEnv, "1")
	ch := newChild(t)
	var views []*view
	for _, c := range collectors() {
		w := nodeView(t, c, ch)
		views = append(views, w)
		w.look()
		w.now = w.now.Add(time.Millisecond - time.Minute)
	}
	if len(views) < 3 {
		t.Logf("%d collectors work here", len(views))
	}
	agree := func(what string, to netip.AddrPort, want sum, did events) {
		t.Helper()
		for _, w := range views {
			w.until(fmt.Sprintf("%s: %s tells %+v after %+v of %s", what, w.s.collector(), want, did, to), func() bool {
				// No time passes: what is in TIME_WAIT stays there.
				w.now = w.now.Add(time.Millisecond - time.Minute)
				return summed(w, to) == want && happened(w, to) == did
			})
		}
	}
	addrs := []string{loopback()}
	if text, err := os.ReadFile(ch.path("net/if_inet6")); err == nil && strings.Contains(string(text), " lo") {
		addrs = append(addrs, "::1")
	}
	for _, addr := range addrs {
		at := ch.say("listen " + addr)
		to := netip.MustParseAddrPort(at)
		var conns []string
		for range 5 {
			conns = append(conns, ch.say("dial "+at))
		}
		agree("open", to, sum{established: 5}, events{opens: 5})
		ch.say("half " + conns[0])
		agree("half closed", to, sum{established: 4, ending: 1}, events{opens: 5})
		ch.say("hang-up " + conns[1])
		agree("half closed by the other", to, sum{established: 3, ending: 2}, events{opens: 5})
		ch.say("close " + conns[1])
		agree("closed without TIME_WAIT", to, sum{established: 3, ending: 1}, events{opens: 5, closes: 1})
		ch.say("reset " + conns[2])
		agree("reset", to, sum{established: 2, ending: 1}, events{opens: 5, closes: 2})
		ch.say("hang-up " + conns[0])
		agree("TIME_WAIT", to, sum{established: 2, ending: 1}, events{opens: 5, closes: 3})

		full := ch.say("full " + addr)
		ch.say("dial " + full)
		for range 2 {
			ch.say("attempt " + full)
			ch.say("attempt " + full)
		}
		// One is let into the queue of a listener without one.
		agree("attempting", netip.MustParseAddrPort(full), sum{established: 2, attempting: 3}, events{opens: 2})

		// What leaves a TIME_WAIT behind is seen by those who look as well.
		churn := ch.say("listen " + addr)
		const n = 40
		for range n {
			c := ch.say("dial " + churn)
			ch.say("close " + c)
			ch.say("hang-up " + c)
		}
		agree("churn", netip.MustParseAddrPort(churn), sum{ending: n}, events{opens: n, closes: n})
	}
	for _, w := range views {
		if w.last.Loss.Events+w.last.Loss.Destinations+w.last.Loss.Namespaces != 0 {
			t.Errorf("%s lost %+v: %q", w.s.collector(), w.last.Loss, w.last.Problems)
		}
	}
}

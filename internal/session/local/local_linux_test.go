package local

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/probe"
	"github.com/snattop/snattop/probe/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// connections opens so many connections inside this process, and returns where
// to. They stay until the test ends.
func connections(t *testing.T, n int) *net.TCPAddr {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	for range n {
		c, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
	}
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("%T", l.Addr())
	}
	return addr
}

// start runs a source and returns its session. The source has ended, and with
// it its goroutines, when stop has returned.
func start(t *testing.T, cfg probe.Config) (s *session.Session, stop func() error) {
	t.Helper()
	src, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s = session.New(session.Options{SNATPorts: 128})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, src) }()
	ended := false
	stop = func() error {
		cancel()
		if ended {
			return nil
		}
		ended = true
		return <-done
	}
	t.Cleanup(func() { _ = stop() })
	return s, stop
}

// wait reads pictures until one is as wanted.
func wait(t *testing.T, s *session.Session, what string, wanted func(*session.Snapshot) bool) {
	t.Helper()
	late := time.NewTimer(2 * time.Minute) // a busy machine looks for holders slowly
	defer late.Stop()
	for {
		if wanted(s.Snapshot()) {
			return
		}
		select {
		case _, more := <-s.Changed():
			if !more {
				t.Fatalf("the source has ended before %s: %+v", what, s.Snapshot())
			}
		case <-late.C:
			t.Fatalf("no %s in time", what)
		}
	}
}

// find returns the owner and destination of an address; nil when no picture
// shows it yet.
func find(pic *session.Snapshot, addr *net.TCPAddr) (*session.Owner, *session.Dest) {
	for _, n := range pic.Nodes {
		for _, o := range n.Owners {
			for _, d := range o.Dests() {
				if int(d.Port) == addr.Port && d.IP == addr.AddrPort().Addr().Unmap() {
					return o, d
				}
			}
		}
	}
	return nil, nil
}

func TestShowsThisProcess(t *testing.T) {
	for _, collector := range []probe.Collector{probe.CollectorAuto, probe.CollectorProcfs} {
		t.Run(string(collector), func(t *testing.T) {
			const n = 17
			addr := connections(t, n)
			s, stop := start(t, probe.Config{Version: "test", Collector: collector, Interval: 100 * time.Millisecond})
			var owner *session.Owner
			wait(t, s, "connections", func(pic *session.Snapshot) bool {
				o, d := find(pic, addr)
				owner = o
				return d != nil && d.Established == n
			})
			pic := s.Snapshot()
			host, err := os.Hostname()
			if err != nil {
				t.Fatal(err)
			}
			if pic.Cluster.Context != "local" || pic.Cluster.Source != "local" || len(pic.Nodes) != 1 || pic.Nodes[0].Name != host {
				t.Errorf("%+v, nodes %d", pic.Cluster, len(pic.Nodes))
			}
			if node := pic.Nodes[0]; node.State != session.StateStreaming || node.Rung != "this host" || node.Collector == "" || node.Kernel == "" || node.Interval != 100*time.Millisecond {
				t.Errorf("%+v", node)
			}
			if _, d := find(pic, addr); d.Eligible || d.WhyNot != "loopback" || d.Detailed {
				t.Errorf("%+v", d)
			}

			if collector == probe.CollectorProcfs {
				return // its holders are looked for in the same way
			}
			s.FocusOn(host, owner.Key)
			pid := os.Getpid()
			wait(t, s, "process", func(pic *session.Snapshot) bool {
				o, d := find(pic, addr)
				if d == nil {
					return false
				}
				// A socket's owner may be found a tick after the socket.
				s.FocusOn(host, o.Key)
				return slices.ContainsFunc(d.Processes, func(p session.Process) bool {
					return p.PID == pid && p.Established == n && strings.Contains(p.Command, ".test")
				})
			})
			if err := stop(); !errors.Is(err, context.Canceled) {
				t.Errorf("Run() = %v", err)
			}
			if pic := s.Snapshot(); !pic.Done || pic.Problem != "" {
				t.Errorf("done %t, problem %q", pic.Done, pic.Problem)
			}
			goleak.VerifyNone(t)
		})
	}
}

// Every owner in focus from the start, as a report asks.
func TestFocusAllFromTheStart(t *testing.T) {
	addr := connections(t, 3)
	s, _ := start(t, probe.Config{Interval: 100 * time.Millisecond, FocusAll: true})
	s.FocusAll()
	pid := os.Getpid()
	wait(t, s, "process", func(pic *session.Snapshot) bool {
		_, d := find(pic, addr)
		return d != nil && slices.ContainsFunc(d.Processes, func(p session.Process) bool { return p.PID == pid })
	})
}

func TestClosedConnectionsLeave(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("%T", l.Addr())
	}
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	p, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s, _ := start(t, probe.Config{Interval: 100 * time.Millisecond})
	wait(t, s, "connection", func(pic *session.Snapshot) bool {
		_, d := find(pic, addr)
		return d != nil && d.Established == 1
	})
	// The client closes first: its port is held.
	if err := errors.Join(c.Close(), p.Close()); err != nil {
		t.Fatal(err)
	}
	wait(t, s, "cooling", func(pic *session.Snapshot) bool {
		_, d := find(pic, addr)
		return d != nil && d.Established == 0 && d.Cooling == 1
	})
}

func TestBadConfiguration(t *testing.T) {
	s, stop := start(t, probe.Config{Collector: "crystal-ball"})
	for range s.Changed() {
		continue
	}
	if err := stop(); err == nil || !strings.Contains(err.Error(), "crystal-ball") {
		t.Errorf("Run() = %v", err)
	}
	if pic := s.Snapshot(); !strings.Contains(pic.Problem, "crystal-ball") {
		t.Errorf("problem %q", pic.Problem)
	}
}

// A probe that ends for a reason of its own says so on the node.
func TestDeadline(t *testing.T) {
	s, stop := start(t, probe.Config{Interval: 100 * time.Millisecond, Deadline: 150 * time.Millisecond})
	for range s.Changed() {
		continue
	}
	if err := stop(); err != nil {
		t.Errorf("Run() = %v", err)
	}
	if pic := s.Snapshot(); len(pic.Nodes) != 1 || pic.Nodes[0].LastTick.IsZero() {
		t.Errorf("%+v", pic)
	}
}

// However often it is asked, Focus does not block, and the newest wish counts.
func TestFocusNeverBlocks(t *testing.T) {
	src, err := New(probe.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint32(1000) {
		src.Focus(session.Focus{Node: "n", Owners: []uint32{i}})
	}
	ctx, cancel := context.WithCancel(t.Context())
	commands := make(chan wire.Command)
	done := make(chan struct{})
	go func() {
		defer close(done)
		src.pass(ctx, commands)
	}()
	if got := <-commands; got.Focus == nil || !slices.Equal(got.Focus.Owners, []uint32{999}) {
		t.Errorf("%+v", got)
	}
	// A wish that the probe does not take in time goes with the source.
	src.Focus(session.Focus{All: true})
	cancel()
	<-done
}

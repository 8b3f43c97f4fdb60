//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// counters are what the log tells.
type counters struct {
	open, attempting         atomic.Int64
	opened, failed, requests atomic.Int64
}

func (s *settings) tell(ctx context.Context, mode string) {
	ticker := time.NewTicker(s.report)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c := s.count
			fmt.Printf("%s %s open=%d attempting=%d opened=%d failed=%d requests=%d\n", time.Now().UTC().Format(time.TimeOnly), mode,
				c.open.Load(), c.attempting.Load(), c.opened.Load(), c.failed.Load(), c.requests.Load())
		}
	}
}

// raiseFileLimit allows as many open files as the container may have.
func raiseFileLimit() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		limit.Cur = limit.Max
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
}

// dial connects once, and counts it.
func (s *settings) dial(ctx context.Context, to string) (*net.TCPConn, error) {
	s.count.attempting.Add(1)
	defer s.count.attempting.Add(-1)
	dialer := net.Dialer{Timeout: s.timeout, KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, "tcp", to)
	if err != nil {
		s.count.failed.Add(1)
		return nil, fmt.Errorf("connecting to %s: %w", to, err)
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		_ = conn.Close()
		return nil, fmt.Errorf("connecting to %s: not TCP", to)
	}
	s.count.opened.Add(1)
	s.count.open.Add(1)
	return tcp, nil
}

func (s *settings) close(c *net.TCPConn) {
	if s.rst {
		_ = c.SetLinger(0)
	}
	_ = c.Close()
	s.count.open.Add(-1)
}

// paced calls f at the rate wanted, each call in a goroutine of its own, but
// never more than limit of them at a time: a tick without room is left out.
func (s *settings) paced(ctx context.Context, f func()) {
	room := make(chan struct{}, s.limit)
	ticker := time.NewTicker(time.Duration(float64(time.Second) / s.rate))
	defer ticker.Stop()
	var all sync.WaitGroup
	defer all.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		select {
		case room <- struct{}{}:
			all.Go(func() { defer func() { <-room }(); f() })
		default:
		}
	}
}

// keep keeps a connection until the context ends or the other side closes.
func (s *settings) keep(ctx context.Context, c *net.TCPConn) {
	defer s.close(c)
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Now()) })
	defer stop()
	if s.heartbeat > 0 {
		// Whoever says something notices soon that nobody listens any more.
		impatient(c, 5*s.heartbeat)
		done := make(chan struct{})
		defer close(done)
		go s.beat(c, done)
	}
	_, _ = io.Copy(io.Discard, c)
}

// impatient gives a connection up when nothing is acknowledged for so long, as
// clients of gRPC do (TCP_USER_TIMEOUT, tcp(7)).
func impatient(c *net.TCPConn, limit time.Duration) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(limit/time.Millisecond))
	})
}

// beat sends a byte now and then.
func (s *settings) beat(c *net.TCPConn, done <-chan struct{}) {
	ticker := time.NewTicker(s.heartbeat)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			if _, err := c.Write([]byte{'.'}); err != nil {
				return
			}
		}
	}
}

// leak opens connections and forgets to close them, as a program does that
// makes a client per request. Refused ones make room for another try.
func leak(ctx context.Context, s *settings) error {
	s.paced(ctx, func() {
		if c, err := s.dial(ctx, s.next()); err == nil {
			s.keep(ctx, c)
		}
	})
	return nil
}

// churn uses every connection once.
func churn(ctx context.Context, s *settings) error {
	s.paced(ctx, func() { s.once(ctx) })
	return nil
}

// once opens a connection, uses it once and closes it.
func (s *settings) once(ctx context.Context) {
	c, err := s.dial(ctx, s.next())
	if err != nil {
		return
	}
	defer s.close(c)
	_ = c.SetDeadline(time.Now().Add(s.timeout))
	if _, err := io.WriteString(c, "GET / HTTP/1.0\r\n"); err == nil {
		_, _ = c.Read(make([]byte, 512))
		s.count.requests.Add(1)
	}
}

// pooled keeps connections and reuses them; a broken one is opened anew.
func pooled(ctx context.Context, s *settings) error {
	var all sync.WaitGroup
	for range s.conns {
		to := s.next()
		all.Go(func() {
			for ctx.Err() == nil {
				s.use(ctx, to)
				sleep(ctx, time.Second)
			}
		})
	}
	all.Wait()
	return nil
}

// use sends a line now and then and reads the answer, until that fails.
func (s *settings) use(ctx context.Context, to string) {
	c, err := s.dial(ctx, to)
	if err != nil {
		return
	}
	defer s.close(c)
	answers := bufio.NewReader(c)
	for ctx.Err() == nil {
		_ = c.SetDeadline(time.Now().Add(s.timeout))
		if _, err := io.WriteString(c, "hello\n"); err != nil {
			return
		}
		if _, err := answers.ReadString('\n'); err != nil {
			return
		}
		s.count.requests.Add(1)
		sleep(ctx, s.interval)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// udp sends a packet from each of a number of sockets, over and over. The
// sockets are not connected, so they show no peer.
func udp(ctx context.Context, s *settings) error {
	var all sync.WaitGroup
	for range s.conns {
		to, err := net.ResolveUDPAddr("udp", s.next())
		if err != nil {
			return fmt.Errorf("reading --dst: %w", err)
		}
		socket, err := net.ListenUDP("udp4", nil)
		if err != nil {
			return fmt.Errorf("opening a socket: %w", err)
		}
		s.count.open.Add(1)
		all.Go(func() {
			defer func() { _ = socket.Close() }()
			buffer := make([]byte, 512)
			for ctx.Err() == nil {
				if _, err := socket.WriteToUDP([]byte("hello"), to); err != nil {
					s.count.failed.Add(1)
				}
				_ = socket.SetReadDeadline(time.Now().Add(s.interval))
				if _, _, err := socket.ReadFromUDP(buffer); err == nil {
					s.count.requests.Add(1)
				}
				sleep(ctx, s.interval)
			}
		})
	}
	all.Wait()
	return nil
}

// burst opens everything at once, holds it for a while and ends: a job.
func burst(ctx context.Context, s *settings) error {
	ctx, cancel := context.WithTimeout(ctx, s.hold)
	defer cancel()
	var all sync.WaitGroup
	for range s.limit {
		to := s.next()
		all.Go(func() {
			if c, err := s.dial(ctx, to); err == nil {
				s.keep(ctx, c)
			}
		})
	}
	all.Wait()
	fmt.Printf("burst opened=%d failed=%d\n", s.count.opened.Load(), s.count.failed.Load())
	return nil
}

// server echoes lines.
func server(ctx context.Context, s *settings) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.listen)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	for {
		c, err := listener.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accepting: %w", err)
		case err != nil:
			fmt.Fprintln(os.Stderr, "load: accepting:", err)
			sleep(ctx, 50*time.Millisecond)
			continue
		}
		s.count.open.Add(1)
		go func() {
			defer s.count.open.Add(-1)
			defer func() { _ = c.Close() }()
			_, _ = io.Copy(c, c)
		}()
	}
}

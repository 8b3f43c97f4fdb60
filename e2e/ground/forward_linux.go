package ground

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"time"
)

// Forward listens in this process's network namespace and connects every
// caller to an address inside another, byte for byte and with half-closes, so
// that watches, WebSockets and SPDY pass. The port it listens on is written to
// portFile; when the wanted one is taken it takes any other.
func Forward(ctx context.Context, netnsPath, to, listen, portFile string) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		host, _, _ := net.SplitHostPort(listen)
		if listener, err = net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
			return fmt.Errorf("listening for the API server: %w", err)
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return fmt.Errorf("listening on %s: not a TCP address", listener.Addr())
	}
	if err := os.WriteFile(portFile+".new", []byte(strconv.Itoa(address.Port)), 0o644); err != nil {
		return fmt.Errorf("telling the port: %w", err)
	}
	if err := os.Rename(portFile+".new", portFile); err != nil {
		return fmt.Errorf("telling the port: %w", err)
	}
	dial := dialer(netns{netnsPath})
	for {
		caller, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("accepting: %w", err)
			}
			time.Sleep(10 * time.Millisecond) // out of files, most likely
			continue
		}
		go serve(caller, dial, to)
	}
}

// dialer connects from inside a namespace. One thread lives there and does
// nothing else; a socket stays where it was made, whoever uses it.
func dialer(ns netns) func(to string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	type request struct {
		to    string
		reply chan result
	}
	requests := make(chan request)
	go func() {
		for {
			// The control plane's namespace may not be there yet: try again
			// with every caller.
			err := ns.do(func() error {
				for r := range requests {
					conn, err := net.DialTimeout("tcp", r.to, 5*time.Second)
					r.reply <- result{conn, err}
				}
				return nil
			})
			r := <-requests
			r.reply <- result{nil, err}
		}
	}()
	return func(to string) (net.Conn, error) {
		reply := make(chan result, 1)
		requests <- request{to, reply}
		r := <-reply
		return r.conn, r.err
	}
}

func serve(caller net.Conn, dial func(string) (net.Conn, error), to string) {
	defer func() { _ = caller.Close() }()
	server, err := dial(to)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	defer func() { _ = server.Close() }()
	var both sync.WaitGroup
	both.Go(func() { pipe(server, caller) })
	both.Go(func() { pipe(caller, server) })
	both.Wait()
}

// pipe copies one direction, and passes the end of it on.
func pipe(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
		_ = half.CloseWrite()
		return
	}
	_ = to.Close()
	_ = from.Close()
}

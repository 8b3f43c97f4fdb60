//go:build bench && linux

package bench

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// way is how a connection ends.
type way int

// The ways: who speaks first, and with a FIN or with a RST.
const (
	clientFinishes way = iota
	serverFinishes
	clientResets
	serverResets
	ways
)

// mix is how connections end in turn. What ends by a FIN waits for a minute
// after, and slows down the others the more of it there is; hence mostly resets.
var mix = [...]way{
	clientFinishes, clientResets, serverResets, clientResets,
	serverFinishes, serverResets, clientResets, serverResets,
}

// loadPort is the port of the first worker's listener, and refusedPort one on
// which nobody listens. Both are below the ports that clients get.
const (
	loadPort    = 5000
	refusedPort = 4999
)

// worker is both ends of its connections: a thread of its own knows of each
// when it has been accepted and when its end has arrived, without waiting for
// anybody.
type worker struct {
	listener int
	// to are its destinations, refuses one that is closed.
	to      []unix.SockaddrInet4
	refuses unix.SockaddrInet4
	// held are its open connections, by destination, oldest first.
	held [][]pair
}

// pair is both ends of a connection.
type pair struct{ client, server int }

func newWorker(number, destinations int) (*worker, error) {
	w := &worker{held: make([][]pair, destinations)}
	for i := range destinations {
		w.to = append(w.to, unix.SockaddrInet4{Port: loadPort + number, Addr: [4]byte{127, 1, byte(i / 250), byte(1 + i%250)}})
	}
	w.refuses = unix.SockaddrInet4{Port: refusedPort, Addr: [4]byte{127, 2, 0, byte(1 + number)}}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	w.listener = fd
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: loadPort + number}); err != nil {
		return nil, fmt.Errorf("binding a listener: %w", err)
	}
	return w, unix.Listen(fd, 16)
}

// open connects to a destination of the worker's and accepts.
func (w *worker) open(destination int) (pair, error) {
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return pair{}, err
	}
	if err := unix.Connect(client, &w.to[destination]); err != nil {
		return pair{}, fmt.Errorf("connecting: %w", err)
	}
	// Not unix.Accept4, which tells an address that nobody wants.
	server, _, errno := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(w.listener), 0, 0, unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return pair{}, fmt.Errorf("accepting: %w", errno)
	}
	return pair{client, int(server)}, nil
}

// refused connects where nobody listens.
func (w *worker) refused() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Connect(fd, &w.refuses); !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("a closed port answered %w", err)
	}
	return unix.Close(fd)
}

// close ends a connection in one way, and returns when both ends have ended:
// the second closes only when it has heard of the first.
func (p pair) close(by way) error {
	first, second := p.client, p.server
	if by == serverFinishes || by == serverResets {
		first, second = p.server, p.client
	}
	reset := by == clientResets || by == serverResets
	if reset {
		if err := unix.SetsockoptLinger(first, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
			return err
		}
	}
	if err := unix.Close(first); err != nil {
		return err
	}
	var buf [1]byte
	n, err := unix.Read(second, buf[:])
	if reset && !errors.Is(err, unix.ECONNRESET) || !reset && (err != nil || n != 0) {
		return fmt.Errorf("the other end read %d bytes and %w", n, err)
	}
	return unix.Close(second)
}

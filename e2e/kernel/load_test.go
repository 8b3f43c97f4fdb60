//go:build kernel && linux

package kernel

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// loadEnv holds a loadPlan for the process that makes the load.
const loadEnv = "SNATTOP_KERNEL_LOAD"

// loadPlan is what a load does. Of its connections a quarter is IPv6, and every
// third is ended by a reset. Every tenth is one that nobody accepts.
type loadPlan struct {
	Connections, Workers int
	// Hold is how long each stays open.
	Hold time.Duration
}

// loadPlace is where a load connects to.
type loadPlace struct{ Open, Refusing []netip.AddrPort }

// loadCount is what a load did, by its own count of system calls that returned
// without an error (or, for the refused, with the right one).
type loadCount struct {
	Opened, Finished, Reset, Refused uint64
	Wall, CPU                        time.Duration
}

// load is a process that makes a load, and nothing else.
type load struct {
	t     *testing.T
	in    interface{ Close() error }
	out   *json.Decoder
	goOn  func() error
	place loadPlace
}

// newLoad starts the process, which listens and waits.
func newLoad(t *testing.T, plan loadPlan) *load {
	t.Helper()
	text, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), sideEnv+"="+sideLoad, loadEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l := &load{t: t, in: in, out: json.NewDecoder(out)}
	l.goOn = func() error { _, err := in.Write([]byte("\n")); return err }
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait() // what it had to say it said
	})
	if err := l.out.Decode(&l.place); err != nil {
		t.Fatalf("the load does not start: %v", err)
	}
	return l
}

// run makes the load and returns its count. The process lives on.
func (l *load) run() loadCount {
	l.t.Helper()
	var c loadCount
	if err := errors.Join(l.goOn(), l.out.Decode(&c)); err != nil {
		l.t.Fatalf("the load failed: %v", err)
	}
	return c
}

// loadMain is the load's own process: a line of JSON when it is ready, another
// when it is done; it goes on when told by a line, and ends with its input.
func loadMain() error {
	var plan loadPlan
	if err := json.Unmarshal([]byte(os.Getenv(loadEnv)), &plan); err != nil {
		return err
	}
	place, err := openPlaces()
	if err != nil {
		return err
	}
	in, out := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	if err := out.Encode(place); err != nil {
		return err
	}
	if _, err := in.ReadString('\n'); err != nil {
		return nil //nolint:nilerr // nobody wants it any more
	}
	count, err := plan.make(place)
	if err != nil {
		return err
	}
	if err := out.Encode(count); err != nil {
		return err
	}
	_, _ = in.ReadString('\n') // its end is what it waits for
	return nil
}

// openPlaces listens on some addresses, and finds a port on each where nobody
// does. More than one, for a port of ours can go to each only once at a time.
func openPlaces() (loadPlace, error) {
	var p loadPlace
	for i := range 16 {
		addr := netip.AddrFrom4([4]byte{127, 1, 1, byte(1 + i)})
		if i%4 == 3 {
			addr = netip.IPv6Loopback()
		}
		fd, at, err := listen(addr)
		if err != nil {
			return p, err
		}
		p.Open = append(p.Open, at)
		go serve(fd)
		// A port of a socket that is bound and does not listen is nobody else's.
		if fd, at, err = bind(addr); err != nil {
			return p, err
		}
		_ = fd // kept for as long as the process lives
		p.Refusing = append(p.Refusing, at)
	}
	return p, nil
}

func bind(addr netip.Addr) (fd int, at netip.AddrPort, err error) {
	family, sa := sockaddr(netip.AddrPortFrom(addr, 0))
	if fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, at, err
	}
	if err := unix.Bind(fd, sa); err != nil {
		return 0, at, fmt.Errorf("binding to %s: %w", addr, err)
	}
	got, err := unix.Getsockname(fd)
	switch sa := got.(type) {
	case *unix.SockaddrInet4:
		at = netip.AddrPortFrom(addr, uint16(sa.Port))
	case *unix.SockaddrInet6:
		at = netip.AddrPortFrom(addr, uint16(sa.Port))
	}
	return fd, at, err
}

func listen(addr netip.Addr) (int, netip.AddrPort, error) {
	fd, at, err := bind(addr)
	if err == nil {
		err = unix.Listen(fd, 4096)
	}
	return fd, at, err
}

func sockaddr(at netip.AddrPort) (int, unix.Sockaddr) {
	if at.Addr().Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
}

// serve accepts, waits for the other side's end and then ends too.
func serve(fd int) {
	buf := make([]byte, 1)
	for {
		conn, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
		if err != nil {
			continue // interrupted, or gone before it was accepted
		}
		for {
			if _, err := unix.Read(conn, buf); !errors.Is(err, unix.EINTR) {
				break
			}
		}
		_ = unix.Close(conn)
	}
}

// make makes the load.
func (p loadPlan) make(place loadPlace) (loadCount, error) {
	var (
		count   loadCount
		mu      sync.Mutex
		next    atomic.Int64
		failure error
		workers sync.WaitGroup
	)
	before, began := ownCPU(), time.Now()
	for range p.Workers {
		workers.Go(func() {
			var mine loadCount
			var err error
			for err == nil {
				i := int(next.Add(1)) - 1
				if i >= p.Connections {
					break
				}
				err = p.one(i, place, &mine)
			}
			mu.Lock()
			defer mu.Unlock()
			failure = errors.Join(failure, err)
			count.Opened += mine.Opened
			count.Finished += mine.Finished
			count.Reset += mine.Reset
			count.Refused += mine.Refused
		})
	}
	workers.Wait()
	count.Wall, count.CPU = time.Since(began), ownCPU()-before
	return count, failure
}

// one makes one connection and ends it.
func (p loadPlan) one(i int, place loadPlace, c *loadCount) error {
	if i%10 == 9 {
		_, err := connect(place.Refusing[(i/10)%len(place.Refusing)])
		if !errors.Is(err, unix.ECONNREFUSED) {
			return fmt.Errorf("where nobody listens: %w", err)
		}
		c.Refused++
		return nil
	}
	fd, err := connect(place.Open[i%len(place.Open)])
	if err != nil {
		return err
	}
	c.Opened++
	time.Sleep(p.Hold)
	if i%3 != 2 {
		c.Finished++
		return unix.Close(fd)
	}
	c.Reset++
	return errors.Join(unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}), unix.Close(fd))
}

func connect(to netip.AddrPort) (int, error) {
	family, sa := sockaddr(to)
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	err = unix.Connect(fd, sa)
	for errors.Is(err, unix.EINTR) { // it goes on by itself
		if err = unix.Connect(fd, sa); errors.Is(err, unix.EISCONN) {
			err = nil
		}
	}
	if err != nil {
		return 0, errors.Join(fmt.Errorf("connecting to %s: %w", to, err), unix.Close(fd))
	}
	return fd, nil
}

func ownCPU() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

//go:build bench && linux

package bench

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// crowdSockets is how many connections a full crowd holds.
const crowdSockets = 190_000

// crowdPort is the port of every destination of a crowd.
const crowdPort = 443

// A crowd is a number of processes that hold established connections to the
// far side of their network namespace.
type crowd struct {
	actors []*actor
	pods   []pod
	// spaces are the namespaces.
	spaces []string
}

// crowdArgs is what one process of a crowd needs to know.
type crowdArgs struct {
	// Number gives it a source address of its own: ports are chosen, not
	// searched for, since the kernel's search tries thousands of taken ones for
	// each connection once half of the range is in use.
	Number int
	// First makes it set its namespace up for everybody in it.
	First bool
	// Destinations is how many addresses it spreads its connections over.
	Destinations int
	// Met means that processes of this machine play the far side.
	Met bool
}

// Each process of the crowd has as many destinations, so that more processes
// have more rows and not only more sockets.
const crowdDestinations = 20

// crowdProcesses is how many processes a crowd of one pod has.
const crowdProcesses = 10

// together makes a crowd of one pod: ten processes in one network namespace.
func together(b *testing.B) *crowd {
	b.Helper()
	return inOnePod(b, false)
}

func inOnePod(b *testing.B, met bool) *crowd {
	b.Helper()
	c := &crowd{pods: []pod{makePod(b, 0)}}
	for i := range crowdProcesses {
		at := stage{fresh: i == 0, cgroup: c.pods[0].cgroup}
		if i > 0 {
			at.netns = c.spaces[0]
		}
		a := act(b, at, "crowd", crowdArgs{Number: i, First: i == 0, Destinations: crowdDestinations, Met: met})
		if i == 0 {
			a.say(b, "0") // now the namespace is ready
			c.spaces = append(c.spaces, a.netns())
		}
		c.actors = append(c.actors, a)
	}
	b.Cleanup(c.disperse)
	return c
}

// apart makes a crowd of many pods with one process and namespace each.
func apart(b *testing.B, pods int) *crowd {
	b.Helper()
	c := &crowd{}
	for i := range pods {
		p := makePod(b, i+1)
		a := act(b, stage{fresh: true, cgroup: p.cgroup}, "crowd", crowdArgs{First: true, Destinations: crowdDestinations / 2})
		c.actors, c.pods, c.spaces = append(c.actors, a), append(c.pods, p), append(c.spaces, a.netns())
	}
	b.Cleanup(c.disperse)
	return c
}

// grow makes the crowd hold so many connections in all.
func (c *crowd) grow(b *testing.B, total int) {
	b.Helper()
	for i, a := range c.actors {
		share := total / len(c.actors)
		if i < total%len(c.actors) {
			share++
		}
		a.tell(b, strconv.Itoa(share))
	}
	for _, a := range c.actors {
		a.hear(b)
	}
}

// disperse tells all of the crowd to end, so that waiting for each takes no
// longer than for the last.
func (c *crowd) disperse() {
	for _, a := range c.actors {
		_ = a.in.Close()
	}
}

// actCrowd is the part of a process of a crowd. An order is the number of
// connections to hold.
func actCrowd(args crowdArgs) error {
	if err := allowFiles(); err != nil {
		return err
	}
	if args.First {
		var batch strings.Builder
		batch.WriteString("link set lo up\n")
		for i := range 10 {
			fmt.Fprintf(&batch, "addr add 10.99.0.%d/32 dev lo\n", i+1)
		}
		if err := configure(batch.String()); err != nil {
			return err
		}
		if !args.Met {
			if err := farSide(); err != nil {
				return err
			}
		}
	}
	held := 0
	return obey(func(order string) (string, error) {
		want, err := strconv.Atoi(order)
		if err != nil {
			return "", err
		}
		for ; held < want; held++ {
			if err := args.connect(held); err != nil {
				return "", fmt.Errorf("connection %d of process %d: %w", held, args.Number, err)
			}
		}
		return order, nil
	})
}

// allowFiles makes room for the sockets of one process of a full crowd of ten.
func allowFiles() error {
	const enough = crowdSockets/10 + 100
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("reading the limit of open files: %w", err)
	}
	if limit.Cur >= enough {
		return nil
	}
	limit.Cur, limit.Max = enough, max(limit.Max, enough)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("allowing %d open files: %w", enough, err)
	}
	return nil
}

// connect opens the numbered connection with a plain socket, which costs no
// memory of this process.
func (args crowdArgs) connect(number int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	// The far side says no farewell: a socket that waited for one would outlive
	// its process.
	if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		return err
	}
	const firstPort = 10_000
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{10, 99, 0, byte(args.Number + 1)}, Port: firstPort + number}); err != nil {
		return err
	}
	return unix.Connect(fd, &unix.SockaddrInet4{Port: crowdPort, Addr: destination(args.Number, number%args.Destinations)})
}

// destination is one of those of a process of a crowd.
func destination(process, number int) [4]byte {
	return [4]byte{20, 60, byte(100 + process), byte(1 + number)}
}

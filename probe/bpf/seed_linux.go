package bpf

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/count"
)

// seeder finds the connections that were there before the programs.
type seeder struct {
	// workers is how many threads it may take.
	workers int
}

func newSeeder(o *ebpf.Collection) *seeder {
	return &seeder{workers: min(runtime.GOMAXPROCS(0), int(o.Maps[countMapWorkers].MaxEntries()))}
}

var errSeeded = errors.New("the seeding has ended")

// Seed finds the connections that were open before in the network namespaces
// with these inode numbers, each with the process that holds it. It returns how
// many sockets these namespaces have. Every other namespace is believed to have
// had no connections. It can be called once.
func (c *Counter) Seed(spaces []uint64) (sockets uint64, err error) {
	if c.seeds == nil {
		return 0, errSeeded
	}
	workers := c.seeds.workers
	c.seeds = nil
	sockets, err = c.seed(spaces, workers)
	if err != nil {
		return sockets, fmt.Errorf("finding what is open: %w", err)
	}
	return sockets, nil
}

func (c *Counter) seed(spaces []uint64, workers int) (sockets uint64, err error) {
	for _, inode := range spaces {
		if err := c.objects.Maps[countMapSpaces].Put(uint32(inode), uint8(1)); err != nil { //nolint:gosec // the kernel's numbers of namespaces have 32 bits
			return 0, err
		}
	}
	if len(spaces) > 0 {
		// Accepted connections are told by the listeners, which come first.
		if err := errors.Join(c.step(countProgListening, 1), c.step(countProgHolding, workers)); err != nil {
			return 0, err
		}
		if sockets, err = c.sweep(workers); err != nil {
			return sockets, err
		}
		if err := c.readWaits(); err != nil {
			return sockets, err
		}
	}
	// What only the seeding needs is given back to the kernel.
	for _, name := range []string{countProgPrepare, countProgListening, countProgHolding, countProgRest} {
		err = errors.Join(err, c.objects.Programs[name].Close())
	}
	for _, name := range []string{countMapSpaces, countMapTables, countMapTaken, countMapListeners, countMapHeardPorts, countMapWaits, countMapWorkers} {
		err = errors.Join(err, c.objects.Maps[name].Close())
	}
	return sockets, err
}

// sweep walks the machine's table of sockets, and those that namespaces have for
// themselves.
func (c *Counter) sweep(workers int) (sockets uint64, err error) {
	var tables []uint64
	var table uint64
	var known uint8
	it := c.objects.Maps[countMapTables].Iterate()
	for it.Next(&table, &known) {
		tables = append(tables, table)
	}
	if err := errors.Join(it.Err(), c.step(countProgRest, workers)); err != nil {
		return 0, err
	}
	for _, table := range tables {
		err := errors.Join(
			c.objects.Variables[countVarTable].Set(table), c.objects.Variables[countVarSwept].Set(uint64(0)),
			c.step(countProgRest, workers),
		)
		if err != nil {
			return 0, err
		}
	}
	return c.value(countVarSockets)
}

// step runs one of the programs that seed, whose workers remember nothing of the
// step before.
func (c *Counter) step(name string, workers int) error {
	memory := c.objects.Maps[countMapWorkers]
	nothing := make([]byte, memory.ValueSize())
	for i := range memory.MaxEntries() {
		if err := memory.Put(i, nothing); err != nil {
			return err
		}
	}
	return run(c.objects.Programs[name], workers)
}

// run runs a program that is an iterator over tasks in some threads at once,
// until it has nothing more to do.
func run(prog *ebpf.Program, threads int) error {
	it, err := link.AttachIter(link.IterOptions{Program: prog})
	if err != nil {
		return fmt.Errorf("attaching %s: %w", prog, explain(err))
	}
	errs := make([]error, threads)
	var done sync.WaitGroup
	for i := range errs {
		done.Go(func() {
			// The programs know who calls by the thread.
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			errs[i] = iterate(it)
		})
	}
	done.Wait()
	if err := errors.Join(append(errs, it.Close())...); err != nil {
		return fmt.Errorf("running %s: %w", prog, err)
	}
	return nil
}

// iterate runs an iterator from end to end.
func iterate(it *link.Iter) (err error) {
	r, err := it.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var buf [64]byte // the programs write nothing
	for {
		_, err := r.Read(buf[:])
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			// A program asks for it, and the kernel pauses after a million objects
			// (bpf_seq_read).
		case err != nil:
			return err
		}
	}
}

// readWaits notes the connections that were found in TIME_WAIT.
func (c *Counter) readWaits() error {
	var key countWait
	var n uint32
	it := c.objects.Maps[countMapWaits].Iterate()
	for it.Next(&key, &n) {
		if st := c.state(int(key.Row)); st != nil {
			st.waits = append(st.waits, count.Wait{Left: time.Duration(key.Seconds) * time.Second, Count: n})
		}
	}
	return it.Err()
}

package bpf

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/count"
)

// seeder finds the connections that were there before the programs, in two
// steps: which process holds which socket, for the whole node at once; then the
// sockets of each network namespace.
type seeder struct {
	found, holding *ebpf.Program
	holders, heard *ebpf.Map
	sockets        *link.Iter
}

func newSeeder(o *countObjects) *seeder {
	return &seeder{found: o.Found, holding: o.Holding, holders: o.Holders, heard: o.Listeners}
}

func (s *seeder) close() error {
	errs := []error{s.found.Close(), s.holding.Close(), s.holders.Close(), s.heard.Close()}
	if s.sockets != nil {
		errs = append(errs, s.sockets.Close())
	}
	return errors.Join(errs...)
}

// SeedHolders looks through the open files of the node, so that the sockets
// that SeedNamespace finds have their processes. It also tells the programs
// which PID namespace is the node's: the caller's. Nothing is counted before.
func (c *Counter) SeedHolders() error {
	if c.seeds == nil {
		return errSeeded
	}
	it, err := link.AttachIter(link.IterOptions{Program: c.seeds.holding})
	if err != nil {
		return fmt.Errorf("looking through open files: %w", explain(err))
	}
	err = iterate(it)
	if err := errors.Join(err, it.Close()); err != nil {
		return fmt.Errorf("looking through open files: %w", err)
	}
	return nil
}

var errSeeded = errors.New("the seeding has ended")

// SeedNamespace finds the connections of the calling thread's network
// namespace. It returns the number of sockets that the namespace has.
func (c *Counter) SeedNamespace() (sockets uint64, err error) {
	if c.seeds == nil {
		return 0, errSeeded
	}
	if c.seeds.sockets == nil {
		it, err := link.AttachIter(link.IterOptions{Program: c.seeds.found})
		if err != nil {
			return 0, fmt.Errorf("walking the sockets: %w", explain(err))
		}
		c.seeds.sockets = it
	}
	before, err := value(c.vars.Sockets)
	if err != nil {
		return 0, err
	}
	if err := iterate(c.seeds.sockets); err != nil {
		return 0, fmt.Errorf("walking the sockets: %w", err)
	}
	after, err := value(c.vars.Sockets)
	return after - before, err
}

// iterate runs an iterator from end to end in the calling thread's namespaces.
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
			// The kernel pauses after a million objects (bpf_seq_read).
		case err != nil:
			return err
		}
	}
}

// Seeded ends the seeding: what only that needs is given back to the kernel.
// Every namespace that SeedNamespace did not visit is believed to have had no
// connections.
func (c *Counter) Seeded() error {
	if c.seeds == nil {
		return nil
	}
	err := c.readWaits()
	err = errors.Join(err, c.seeds.close())
	c.seeds = nil
	if err != nil {
		return fmt.Errorf("ending the seeding: %w", err)
	}
	return nil
}

// readWaits notes the connections that were found in TIME_WAIT.
func (c *Counter) readWaits() error {
	var key countWait
	var n uint32
	it := c.maps.Waits.Iterate()
	for it.Next(&key, &n) {
		if st := c.state(int(key.Row)); st != nil {
			st.waits = append(st.waits, count.Wait{Left: time.Duration(key.Seconds) * time.Second, Count: n})
		}
	}
	return errors.Join(it.Err(), c.maps.Waits.Close())
}

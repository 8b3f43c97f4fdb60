package bpf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/count"
	"github.com/snattop/snattop/probe/wire"
)

// rowSize is the distance between two rows of the array in memory.
const rowSize = int(unsafe.Sizeof(countRow{}))

// table is the array of rows, shared with the kernel.
type table struct {
	mem  []byte
	rows []countRow
}

func mapTable(fd, rows int) (*table, error) {
	page := unix.Getpagesize()
	size := (rows*rowSize + page - 1) / page * page
	mem, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping the counters of %d rows: %w", rows, err)
	}
	// The kernel lays the values of an array out one behind the other, each
	// rounded up to eight bytes, which countRow is.
	view := unsafe.Slice((*countRow)(unsafe.Pointer(unsafe.SliceData(mem))), rows) //nolint:gosec // the map has rows of this very type
	return &table{mem: mem, rows: view}, nil
}

func (t *table) close() error {
	t.rows = nil
	if err := unix.Munmap(t.mem); err != nil {
		return fmt.Errorf("unmapping the counters: %w", err)
	}
	return nil
}

// Programs write while we read: every counter is read once, as a whole.

// gauges reads the states in the order in which connections pass through them,
// and the programs enter the next before they leave the last: none is missed.
func (r *countRow) gauges() count.Gauges {
	var g count.Gauges
	g.SynSent = atomic.LoadUint32(&r.SynSent)
	g.Established = atomic.LoadUint32(&r.Established)
	g.Closing = atomic.LoadUint32(&r.Closing)
	r.silence(&g)
	return g
}

// silence tells what the last check found. Since then, connections may have
// ended or spoken. What a balancer holds for sure must not be told too high, so
// that the longest silence counts first when fewer are left than were silent.
func (r *countRow) silence(g *count.Gauges) {
	left := g.Established
	for i := len(r.Silent) - 1; i >= 0 && left > 0; i-- {
		g.Silent[i] = min(atomic.LoadUint32(&r.Silent[i]), left)
		left -= g.Silent[i]
	}
}

// hush forgets the silence of a row: the next check counts it.
func (r *countRow) hush() {
	for i := range r.Silent {
		// Nearly all are 0, and reading leaves their memory as it is.
		if p := &r.Silent[i]; atomic.LoadUint32(p) != 0 {
			atomic.StoreUint32(p, 0)
		}
	}
}

func (r *countRow) events(e *count.Events) {
	e.Opens = atomic.LoadUint32(&r.Opens)
	e.Closes = atomic.LoadUint32(&r.Closes)
	e.Fails = atomic.LoadUint32(&r.Fails)
	e.Resets = atomic.LoadUint32(&r.Resets)
	e.Refused = atomic.LoadUint32(&r.Refused)
	e.TimedOut = atomic.LoadUint32(&r.TimedOut)
	e.NoPort = atomic.LoadUint32(&r.NoPort)
	e.SynRetrans = atomic.LoadUint32(&r.SynRetrans)
	e.Retrans = atomic.LoadUint32(&r.Retrans)
	e.TimeWaits = atomic.LoadUint32(&r.TimeWaits)
	e.ResetsIn = atomic.LoadUint32(&r.ResetsIn)
	e.ResetsOut = atomic.LoadUint32(&r.ResetsOut)
	for i := range e.Lives {
		e.Lives[i] = atomic.LoadUint32(&r.Lives[i])
	}
}

// The programs' histograms have the sizes of those on the wire.
var (
	_ = [1]struct{}{}[len(countRow{}.Lives)-wire.LifeBuckets]
	_ = [1]struct{}{}[len(countRow{}.Silent)-wire.SilentBuckets]
)

// clear makes a row ready for the next holder.
func (r *countRow) clear() {
	for _, p := range []*uint32{
		&r.Live, &r.Established, &r.Closing, &r.SynSent, &r.Opens, &r.Closes, &r.Fails, &r.Resets, &r.Refused, &r.TimedOut,
		&r.NoPort, &r.SynRetrans, &r.Retrans, &r.TimeWaits, &r.ResetsIn, &r.ResetsOut,
	} {
		atomic.StoreUint32(p, 0)
	}
	for i := range r.Lives {
		atomic.StoreUint32(&r.Lives[i], 0)
	}
	r.hush()
	r.Comm = [16]int8{}
}

// key reads who a row belongs to; it does not change while the row is live.
func (r *countRow) key() count.Key {
	var addr [16]byte
	for i, word := range r.Key.Addr {
		binary.NativeEndian.PutUint32(addr[4*i:], word) // as it lies in memory
	}
	var port [2]byte
	binary.NativeEndian.PutUint16(port[:], r.Key.Port)
	return count.Key{
		NetNS: uint64(r.Key.Netns), Cgroup: r.Key.Cgroup, PID: r.Key.Pid,
		Remote: netip.AddrPortFrom(netip.AddrFrom16(addr).Unmap(), binary.BigEndian.Uint16(port[:])),
	}
}

// command is the name of the process that connected first.
func (r *countRow) command() string {
	b := make([]byte, 0, len(r.Comm))
	for _, c := range r.Comm {
		b = append(b, byte(c)) //nolint:gosec // C's char, as it is
	}
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

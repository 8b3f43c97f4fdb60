package bpf

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/count"
)

// Config bounds what a Counter may take of the kernel's memory. The zero value
// of a field means its default.
type Config struct {
	// Rows is how many holders × destinations are told apart, 256 bytes each;
	// default 32,768. An eighth is kept back for destinations whose processes
	// are no longer told apart.
	Rows int
	// Conns is how many connections are followed at once, 27 bytes each, whether
	// they exist or not; default 524,288. Before Linux 5.17 it is about 80 bytes
	// each when they exist.
	Conns int
	// Silence is the unit of silence; default a minute, which is what count.Row
	// means. Tests are in a hurry.
	Silence time.Duration
}

const (
	defaultRows  = 32_768
	defaultConns = 524_288
	// spareShare is the part of the rows that is kept back.
	spareShare = 8
)

// ErrNoBTF is returned where the kernel does not describe its types.
var ErrNoBTF = errors.New("the kernel has no BTF (/sys/kernel/btf/vmlinux)")

// Counter is a set of programs that count, and their maps. It is not safe for
// concurrent use.
type Counter struct {
	// objects holds what the programs need to count; those of the seeding are in
	// seeds.
	objects *ebpf.Collection
	links   []link.Link
	check   *link.Iter
	seeds   *seeder
	table   *table
	parts   [2]part
	grace   grace
	reading count.Reading
}

// variant is one of the forms in which the programs come.
type variant int

const (
	// current is for kernels with bpf_loop, all of which let programs claim a
	// place for themselves.
	current variant = iota
	// before517 does without either.
	before517
	// before59 does without checks as well: a program cannot walk a map.
	before59
)

// Open loads the programs and attaches them. Connections that begin from now
// on are counted; Seed finds those that were there before.
func Open(cfg Config) (*Counter, error) {
	err := features.HaveProgramHelper(ebpf.RawTracepoint, asm.FnLoop)
	if err == nil {
		return openAs(cfg, current)
	}
	if !errors.Is(err, ebpf.ErrNotSupported) {
		return nil, explain(err)
	}
	c, err := openAs(cfg, before517)
	if err == nil {
		return c, nil
	}
	c, oldest := openAs(cfg, before59)
	if oldest == nil {
		return c, nil
	}
	return nil, err
}

// openAs is Open with one variant.
func openAs(cfg Config, as variant) (_ *Counter, err error) {
	if cfg.Rows <= 0 {
		cfg.Rows = defaultRows
	}
	if cfg.Conns <= 0 {
		cfg.Conns = defaultConns
	}
	if cfg.Silence <= 0 {
		cfg.Silence = time.Minute
	}
	// Before Linux 5.11 maps count against RLIMIT_MEMLOCK. Where it cannot be
	// raised, loading says what is not permitted.
	_ = rlimit.RemoveMemlock()
	main := cfg.Rows - cfg.Rows/spareShare
	// The programs find the kernel's tables through a socket of ours.
	own, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return nil, fmt.Errorf("making a socket: %w", err)
	}
	defer func() { _ = unix.Close(own) }() // it was never connected
	objects, err := load(cfg, as, main, own)
	if err != nil {
		return nil, err
	}
	c := &Counter{objects: objects}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	c.seeds = newSeeder(objects)
	if c.table, err = mapTable(c.objects.Maps[countMapRows].FD(), cfg.Rows); err != nil {
		return nil, err
	}
	c.parts = [2]part{
		{free: objects.Maps[countMapFreeRows], start: 0, end: main},
		{free: objects.Maps[countMapSpareRows], start: main, end: cfg.Rows},
	}
	return c, errors.Join(run(objects.Programs[countProgPrepare], 1), c.attach(), c.attachCheck())
}

func load(cfg Config, as variant, main, own int) (*ebpf.Collection, error) {
	read := loadCount
	if as != current {
		read = loadOld
	}
	spec, err := read()
	if err != nil {
		return nil, fmt.Errorf("reading the programs: %w", err)
	}
	rows, conns := uint32(cfg.Rows), uint32(cfg.Conns) //nolint:gosec // both are far below 2^32
	hz := ticksPerSecond()
	unit := uint32(max(int64(cfg.Silence)*int64(hz)/int64(time.Second), 1)) //nolint:gosec // a minute is 60,000 ticks at the most
	sizes := map[string]uint32{countMapRows: rows, countMapKeys: rows, countMapFreeRows: rows, countMapSpareRows: rows, countMapSocks: conns}
	constants := map[string]uint32{
		countVarHz: hz, countVarSilenceUnit: unit,
		countVarOwnFd: uint32(own), countVarAllRows: rows, countVarMainRows: uint32(main), //nolint:gosec // a descriptor, a part of rows
	}
	if as == current {
		buckets := (conns + ways - 1) / ways
		sizes[countMapSocks], sizes[countMapConns], constants[countVarBuckets] = buckets, buckets*places, buckets
	}
	for name, n := range sizes {
		spec.Maps[name].MaxEntries = n
	}
	for name, n := range constants {
		if err := spec.Variables[name].Set(n); err != nil {
			return nil, fmt.Errorf("setting a constant of the programs: %w", err)
		}
	}
	if as == before59 {
		delete(spec.Programs, countProgCheck)
	}
	objects, err := ebpf.NewCollection(spec)
	if err != nil {
		return nil, explain(err)
	}
	return objects, nil
}

// ways is how many connections a bucket of the programs' table holds, places how
// many it has numbers for.
const (
	ways   = 7
	places = 8
)

var _ = [1]struct{}{}[len(countBucket{}.Socks)-ways]

// ticksPerSecond is CONFIG_HZ of the kernel: the coarse clock moves once a tick.
func ticksPerSecond() uint32 {
	var res unix.Timespec
	const most = 1000
	if err := unix.ClockGetres(unix.CLOCK_MONOTONIC_COARSE, &res); err != nil || res.Nano() <= 0 {
		return 250
	}
	return uint32(min(max((1_000_000_000+res.Nano()/2)/res.Nano(), 1), most))
}

// explain turns what the kernel says into what an operator can act on.
func explain(err error) error {
	var verifier *ebpf.VerifierError
	switch {
	case errors.Is(err, btf.ErrNotFound), errors.Is(err, btf.ErrNotSupported):
		if _, kerr := btf.LoadKernelSpec(); kerr != nil {
			return fmt.Errorf("%w: %w", ErrNoBTF, err)
		}
		return fmt.Errorf("the kernel lacks what the programs use: %w", err)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("loading programs is not permitted here (it takes CAP_BPF and CAP_PERFMON, and no kernel lockdown): %w", err)
	case errors.As(err, &verifier):
		return fmt.Errorf("the kernel's verifier refuses a program: %w", err)
	default:
		return fmt.Errorf("loading the programs: %w", err)
	}
}

// attach starts the counting. The links hold the programs.
func (c *Counter) attach() (err error) {
	for _, name := range []string{countProgOnState, countProgOnRetransmit, countProgOnResetIn, countProgOnResetOut} {
		prog := c.objects.Programs[name]
		l, err := link.AttachTracing(link.TracingOptions{Program: prog})
		if err != nil {
			return fmt.Errorf("attaching %s: %w", prog, explain(err))
		}
		c.links = append(c.links, l)
	}
	return nil
}

// Close takes the programs away. The kernel forgets what they counted.
func (c *Counter) Close() error {
	var errs []error
	for _, l := range c.links {
		errs = append(errs, l.Close())
	}
	c.links = nil
	if c.table != nil {
		errs = append(errs, c.table.close())
		c.table = nil
	}
	c.objects.Close()
	c.grace.wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("taking the programs away: %w", err)
	}
	return nil
}

package bpf

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/count"
)

// Config bounds what a Counter may take of the kernel's memory. The zero value
// of a field means its default.
type Config struct {
	// Rows is how many holders × destinations are told apart, 248 bytes each;
	// default 32,768. An eighth is kept back for destinations whose processes
	// are no longer told apart.
	Rows int
	// Conns is how many connections are followed at once, about 80 bytes each
	// when they exist; default 524,288.
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
	maps    countMaps
	vars    countVariables
	links   []link.Link
	check   *link.Iter
	seeds   *seeder
	table   *table
	parts   [2]part
	grace   grace
	reading count.Reading
}

// Open loads the programs and attaches them. Connections that begin from now
// on are counted; Seed finds those that were there before.
func Open(cfg Config) (_ *Counter, err error) {
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
	objects, err := load(cfg)
	if err != nil {
		return nil, err
	}
	c := &Counter{maps: objects.countMaps, vars: objects.countVariables}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	c.seeds = newSeeder(objects)
	if c.table, err = mapTable(c.maps.Rows.FD(), cfg.Rows); err != nil {
		return nil, errors.Join(err, objects.countPrograms.Close())
	}
	main := cfg.Rows - cfg.Rows/spareShare
	c.parts = [2]part{{free: c.maps.FreeRows, start: 0, end: main}, {free: c.maps.SpareRows, start: main, end: cfg.Rows}}
	if err := c.fill(); err != nil {
		return nil, errors.Join(err, objects.countPrograms.Close())
	}
	err = errors.Join(c.attach(&objects.countPrograms), c.attachCheck(objects), objects.Check.Close())
	return c, err
}

func load(cfg Config) (*countObjects, error) {
	spec, err := loadCount()
	if err != nil {
		return nil, fmt.Errorf("reading the programs: %w", err)
	}
	rows, conns := uint32(cfg.Rows), uint32(cfg.Conns) //nolint:gosec // both are far below 2^32
	for name, n := range map[string]uint32{
		countMapRows: rows, countMapKeys: rows, countMapFreeRows: rows, countMapSpareRows: rows,
		countMapConns: conns, countMapHolders: conns,
	} {
		spec.Maps[name].MaxEntries = n
	}
	hz := ticksPerSecond()
	unit := uint32(max(int64(cfg.Silence)*int64(hz)/int64(time.Second), 1)) //nolint:gosec // a minute is 60,000 ticks at the most
	for name, n := range map[string]uint32{countVarHz: hz, countVarSilenceUnit: unit} {
		if err := spec.Variables[name].Set(n); err != nil {
			return nil, fmt.Errorf("setting a constant of the programs: %w", err)
		}
	}
	var objects countObjects
	if err := spec.LoadAndAssign(&objects, nil); err != nil {
		return nil, explain(err)
	}
	return &objects, nil
}

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

// fill makes every row free. The first rows are on top.
func (c *Counter) fill() error {
	for _, part := range c.parts {
		for i := part.end - 1; i >= part.start; i-- {
			if err := part.free.Update(nil, uint32(i), ebpf.UpdateAny); err != nil { //nolint:gosec // an index
				return fmt.Errorf("preparing the rows: %w", err)
			}
		}
	}
	return nil
}

// attach starts the counting. The links hold the programs.
func (c *Counter) attach(p *countPrograms) (err error) {
	programs := []*ebpf.Program{p.OnState, p.OnDestroy, p.OnRetransmit, p.OnResetIn, p.OnResetOut}
	defer func() {
		for _, prog := range programs {
			err = errors.Join(err, prog.Close())
		}
	}()
	for _, prog := range programs {
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
	if c.seeds != nil {
		errs = append(errs, c.seeds.close())
		c.seeds = nil
	}
	if c.table != nil {
		errs = append(errs, c.table.close())
		c.table = nil
	}
	errs = append(errs, c.maps.Close())
	c.grace.wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("taking the programs away: %w", err)
	}
	return nil
}

package probe

import (
	"context"
	"fmt"
	"time"

	"github.com/snattop/snattop/probe/count"
	"github.com/snattop/snattop/probe/wire"
)

// counter is a collector that counts events as they happen. It is read with one
// look however many sockets there are, so what a snapshot costs follows from
// what changes.
type counter interface {
	name() Collector
	// seed finds what is open already, when that is wanted: at the start, or
	// after events were lost. It is called before every read, and returns how
	// many sockets it met.
	seed(ctx context.Context, now time.Time, s *sampler, spaces []*namespace) (sockets uint64, err error)
	// read returns what has been counted since the last call, until which the
	// reading is valid. An error means that the counter counts no longer.
	read() (*count.Reading, error)
	close() error
}

// survey is a look at the processes and namespaces of the node. A counter does
// not need one for every snapshot.
type survey struct {
	at        time.Time
	processes []*process
	spaces    []*namespace
	byInode   map[uint64]*namespace
}

const (
	// surveyEvery is the time between two surveys for a counter.
	surveyEvery = 5 * time.Second
	// surveySoonest is that time when there is a namespace that nobody knows.
	surveySoonest = time.Second
)

// surveyed returns a survey that is not older than age.
func (s *sampler) surveyed(now time.Time, age time.Duration) (*survey, error) {
	// A clock that was set back makes no survey young.
	if v := s.survey; v != nil && now.Sub(v.at) >= 0 && now.Sub(v.at) < age {
		return v, nil
	}
	processes, spaces, err := s.look(now)
	if err != nil {
		return nil, err
	}
	v := &survey{at: now, processes: processes, spaces: spaces, byInode: make(map[uint64]*namespace, len(spaces))}
	for _, ns := range spaces {
		v.byInode[ns.inode] = ns
	}
	s.survey = v
	return v, nil
}

// tally takes one snapshot with a counter.
func (s *sampler) tally(ctx context.Context, now time.Time, elapsed time.Duration) (*wire.Tick, error) {
	v, err := s.surveyed(now, surveyEvery)
	if err != nil {
		return nil, err
	}
	s.agg.Begin()
	if s.sockets, err = s.counts.seed(ctx, now, s, v.spaces); err != nil {
		return nil, &collectorError{s.counts.name(), err}
	}
	reading, err := s.counts.read()
	if err != nil {
		return nil, &collectorError{s.counts.name(), err}
	}
	if s.strange(v, reading.Rows) {
		if v, err = s.surveyed(now, surveySoonest); err != nil {
			return nil, err
		}
	}
	for i := range reading.Rows {
		s.tallyRow(now, v, &reading.Rows[i])
	}
	for _, p := range reading.Problems {
		s.problems.text(p)
	}
	if v.at.Equal(now) {
		s.readAddresses(ctx, v.spaces)
	}
	s.readTracked(ctx, now, v.spaces)
	s.agg.sweep()
	s.nameContainers(v.processes)
	tick := s.finish(ctx, now, elapsed, v.spaces)
	tick.Loss.Events = reading.Lost
	s.people.retain(s.procs)
	return tick, nil
}

// strange reports whether a row's namespace has not been surveyed.
func (s *sampler) strange(v *survey, rows []count.Row) bool {
	for i := range rows {
		if ns := rows[i].NetNS; ns != s.hostNS && v.byInode[ns] == nil {
			return true
		}
	}
	return false
}

// tallyRow hands one row to the aggregator with its owner and process.
func (s *sampler) tallyRow(now time.Time, v *survey, row *count.Row) {
	p := s.people.meet(identity{row.NetNS, row.Cgroup, row.PID})
	if !p.sure {
		s.identify(now, v, p, row)
	}
	at := namespace{inode: row.NetNS, host: row.NetNS == s.hostNS}
	owner := s.ownerOf(&at, p.owner, p.command)
	var proc uint32
	if s.agg.focus.has(owner) {
		proc = s.process(now, p, row)
	}
	key := rowKey{owner, protocolTCP, row.Remote.Addr(), row.Remote.Port()}
	s.agg.tally(key, row, proc, now)
}

// readAddresses lists the addresses of namespaces, which name the owners of
// flows that connection tracking knows. A failure costs no socket.
func (s *sampler) readAddresses(ctx context.Context, spaces []*namespace) {
	if !s.entering {
		return
	}
	for _, ns := range spaces {
		_ = s.inside(ctx, ns, func() error {
			s.addrs.read(ns.inode)
			return nil
		})
	}
}

// collectorError says that a collector does not work any more.
type collectorError struct {
	name Collector
	err  error
}

func (e *collectorError) Error() string { return fmt.Sprintf("%s failed: %v", e.name, e.err) }
func (e *collectorError) Unwrap() error { return e.err }

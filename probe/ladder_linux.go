package probe

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/netns"
	"github.com/snattop/snattop/probe/tcptracer"
	"github.com/snattop/snattop/probe/wire"
)

// rung is a collector that works here, as far as can be told without using it.
type rung struct {
	name Collector
	take func() error
}

// choose looks at what this node allows and takes the best collector, or the
// one that was asked for.
func (s *sampler) choose() ([]wire.Feature, error) {
	enter := s.canEnter()
	s.entering = enter.Answer == wire.Yes
	features := []wire.Feature{enter}
	for _, t := range []struct {
		name    Collector
		feature string
		detail  string
		try     func() (take func() error, err error)
	}{
		{CollectorEBPF, "eBPF", "tracepoints with BTF, counted in the kernel", s.tryEBPF},
		{CollectorDiag, "inet_diag", "socket tables over netlink", s.tryDiag},
		{CollectorProcfs, "procfs", filepath.Join(s.cfg.Proc, "<pid>/net/tcp"), s.tryProcfs},
		{CollectorTCPTracer, "tcptracer", "the node's own BCC tool", s.tryTCPTracer},
	} {
		if why := s.notTried(t.name); why != "" {
			features = append(features, wire.Feature{Name: t.feature, Answer: wire.CouldNotTell, Detail: why})
			continue
		}
		take, err := t.try()
		features = append(features, answer(t.feature, err, t.detail))
		if s.cfg.Collector != CollectorAuto && s.cfg.Collector != t.name {
			continue
		}
		if err != nil {
			// Its turn comes, and this is why it is not taken.
			take = func() error { return err }
		}
		s.ladder = append(s.ladder, rung{t.name, take})
	}
	features = append(features, s.cgroupFeature())
	return features, s.climb()
}

// notTried says why a collector need not be tried.
func (s *sampler) notTried(name Collector) string {
	wholeNode := name == CollectorEBPF || name == CollectorTCPTracer
	switch {
	case wholeNode && s.cfg.Scope == ScopePod:
		return "not needed to see one pod"
	case name == CollectorEBPF && s.cfg.Collector != CollectorAuto && s.cfg.Collector != name:
		return "not tried: the collector " + string(s.cfg.Collector) + " was asked for"
	}
	return ""
}

// climb takes the next collector of the ladder that can be taken.
func (s *sampler) climb() error {
	s.collect, s.counts = nil, nil
	err := errors.New("no collector is left")
	for i, r := range s.ladder {
		terr := r.take()
		if terr == nil {
			s.ladder = s.ladder[i+1:]
			return nil
		}
		if i == 0 {
			err = fmt.Errorf("%s: %w", r.name, terr)
		} else {
			err = fmt.Errorf("%w; %s: %w", err, r.name, terr)
		}
	}
	s.ladder = nil
	if s.cfg.Collector != CollectorAuto {
		return fmt.Errorf("the collector that was asked for does not work here: %w", err)
	}
	return fmt.Errorf("no collector works here: %w", err)
}

// handOver replaces a collector that has failed. What it knew is forgotten: the
// next snapshot is a new beginning, and the time between is a gap.
func (s *sampler) handOver(broken *collectorError) error {
	if s.counts != nil {
		_ = s.counts.close() // it has failed already
	}
	if err := s.climb(); err != nil {
		return fmt.Errorf("%w; %w", broken, err)
	}
	s.agg.restart()
	s.survey = nil
	s.people = newPeople()
	s.silence = newSilences()
	clear(s.waiting)
	clear(s.memory)
	return nil
}

func (s *sampler) tryEBPF() (func() error, error) {
	c, err := newEBPFCounter(s.cfg.MaxRows)
	if err != nil {
		return nil, err
	}
	// It is attached already, and counts what happens until it is taken.
	return func() error {
		s.counts = c
		return nil
	}, nil
}

func (s *sampler) tryDiag() (func() error, error) {
	if !s.entering && s.cfg.Scope == ScopeNode {
		return nil, errors.New("network namespaces cannot be entered")
	}
	diag := newDiagCollector()
	diag.outbound = func(key uint64) bool { return s.agg.wentOut(key) }
	err := s.thread.Do(context.Background(), netns.Place{}, diag.works)
	return s.lists(diag), err
}

func (s *sampler) tryProcfs() (func() error, error) {
	procfs := newProcfsCollector(s.cfg.Proc)
	err := procfs.works(1)
	if err != nil {
		err = procfs.works(unix.Getpid())
	}
	return s.lists(procfs), err
}

func (s *sampler) lists(with collector) func() error {
	return func() error {
		s.collect = with
		return nil
	}
}

// tryTCPTracer looks for the tool; whether it works is known when it has
// started, for which it compiles its programs.
func (s *sampler) tryTCPTracer() (func() error, error) {
	path, err := tcptracer.Find(s.cfg.HostRoot)
	return func() error {
		var list collector
		if s.entering {
			list = newDiagCollector()
		}
		c, err := newTCPTracerCounter(s.cfg, path, list)
		if err != nil {
			return err
		}
		s.counts = c
		return nil
	}, err
}

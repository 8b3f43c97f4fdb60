package probe

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/wire"
)

// choose looks at what this node allows and takes a collector.
func (s *sampler) choose() ([]wire.Feature, error) {
	diag := newDiagCollector()
	enter := s.canEnter()
	s.entering = enter.Answer == wire.Yes
	var diagErr error
	if enter.Answer == wire.No && s.cfg.Scope == ScopeNode {
		diagErr = errors.New(enter.Detail)
	} else {
		diagErr = s.thread.do(context.Background(), place{}, func() error {
			return diag.collect(nil, func(*Socket) {})
		})
	}
	features := []wire.Feature{enter, answer("inet_diag", diagErr, "socket tables over netlink")}
	procfs := newProcfsCollector(s.cfg.Proc)
	procErr := procfs.read(&namespace{}, 1, func(*Socket) {})
	if procErr != nil {
		procErr = procfs.read(&namespace{}, unix.Getpid(), func(*Socket) {})
	}
	features = append(features, answer("procfs", procErr, filepath.Join(s.cfg.Proc, "<pid>/net/tcp")))
	features = append(features, s.cgroupFeature())

	switch s.cfg.Collector {
	case CollectorDiag:
		if diagErr != nil {
			return features, fmt.Errorf("the collector diag was asked for: %w", diagErr)
		}
		s.collect = diag
	case CollectorProcfs:
		if procErr != nil {
			return features, fmt.Errorf("the collector procfs was asked for: %w", procErr)
		}
		s.collect = procfs
	case CollectorAuto:
		switch {
		case diagErr == nil:
			s.collect = diag
		case procErr == nil:
			s.collect = procfs
		default:
			return features, fmt.Errorf("no collector works here: %w", errors.Join(diagErr, procErr))
		}
	default:
		return features, fmt.Errorf("collector %q is not known", s.cfg.Collector)
	}
	return features, nil
}

func answer(name string, err error, detail string) wire.Feature {
	if err != nil {
		return wire.Feature{Name: name, Answer: wire.No, Detail: printable(err.Error())}
	}
	return wire.Feature{Name: name, Answer: wire.Yes, Detail: detail}
}

// canEnter tries setns on our own namespace: that needs the same privilege as
// every other one (setns(2): CAP_SYS_ADMIN), and our own is always readable.
func (s *sampler) canEnter() wire.Feature {
	const name = "enter namespaces"
	if s.cfg.Scope == ScopePod {
		return wire.Feature{Name: name, Answer: wire.CouldNotTell, Detail: "not needed to see one pod"}
	}
	err := s.thread.do(context.Background(), place{path: "/proc/self/ns/net"}, func() error { return nil })
	return answer(name, err, "setns into network namespaces")
}

func (s *sampler) cgroupFeature() wire.Feature {
	const name = "owner by cgroup id"
	if !s.cgroups.found {
		return wire.Feature{Name: name, Answer: wire.No, Detail: "no cgroup v2 tree below " + s.cfg.HostRoot}
	}
	return wire.Feature{Name: name, Answer: wire.Yes, Detail: s.cgroups.root}
}

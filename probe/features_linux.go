package probe

import (
	"context"

	"github.com/snattop/snattop/probe/netns"
	"github.com/snattop/snattop/probe/plain"
	"github.com/snattop/snattop/probe/wire"
)

func answer(name string, err error, detail string) wire.Feature {
	if err != nil {
		return wire.Feature{Name: name, Answer: wire.No, Detail: plain.Line(err.Error())}
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
	err := s.thread.Do(context.Background(), netns.Place{Path: "/proc/self/ns/net"}, func() error { return nil })
	return answer(name, err, "setns into network namespaces")
}

func (s *sampler) cgroupFeature() wire.Feature {
	const name = "owner by cgroup id"
	if !s.cgroups.found {
		return wire.Feature{Name: name, Answer: wire.No, Detail: "no cgroup v2 tree below " + s.cfg.HostRoot}
	}
	return wire.Feature{Name: name, Answer: wire.Yes, Detail: s.cgroups.root}
}

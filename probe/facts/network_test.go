package facts

import (
	"strings"
	"testing"
)

func TestConnectivityAsksAreJoined(t *testing.T) {
	t.Parallel()
	a := Ask{Paths: []string{"10.0.0.1"}, Holders: []HolderPod{{UID: "u"}}}
	got := a.With(Ask{Paths: []string{"10.0.0.2", "10.0.0.1"}, Holders: []HolderPod{{UID: "u"}, {UID: "u", HostNetwork: true}}})
	if len(got.Paths) != 2 || len(got.Holders) != 2 || len(a.Paths) != 1 {
		t.Errorf("%+v of %+v", got, a)
	}
	for range 2 * MaxHolderPods {
		got = got.With(Ask{Paths: []string{got.Paths[0] + "1"}, Holders: []HolderPod{{UID: got.Holders[0].UID + "x"}}})
		got.Paths[0] += "1"
		got.Holders[0].UID += "x"
	}
	if len(got.Paths) > MaxPaths || len(got.Holders) > MaxHolderPods {
		t.Errorf("%d paths, %d pods", len(got.Paths), len(got.Holders))
	}
}

// Whatever a node sends, what is kept of it is bounded.
func TestConnectivityIsBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 9000)
	s := Section{
		Network: &Network{
			CNI: CNI{File: long, Error: long, Types: make([]string, 99), Bridge: long}, Bridges: make([]Bridge, 99), Tunnels: make([]Wire, 99),
			Pods: make([]PodLink, 9999), Neighbours: Neighbours{Bad: make([]Neighbour, 999)},
		},
		Tracking: &Tracking{Log: long, LogError: long},
		Paths:    make([]Path, 99), Containers: make([]Container, 9999), Holders: make([]Holder, 9999),
	}
	s.Network.Pods[0], s.Network.Neighbours.Bad[0] = PodLink{PodUID: long, Master: long}, Neighbour{IP: long, Link: long, State: long}
	s.Paths[0], s.Containers[0], s.Holders[0] = Path{To: long}, Container{Command: long, Runtime: Runtime(long)}, Holder{Command: long, Unit: long}
	s.Bound()
	n := s.Network
	for name, got := range map[string][2]int{
		"types": {len(n.CNI.Types), maxTypes}, "bridges": {len(n.Bridges), maxBridges}, "tunnels": {len(n.Tunnels), maxTunnels},
		"pods": {len(n.Pods), MaxPodLinks}, "neighbours": {len(n.Neighbours.Bad), maxBad}, "paths": {len(s.Paths), MaxPaths},
		"containers": {len(s.Containers), MaxContainers}, "holders": {len(s.Holders), MaxHolders},
		"a word": {max(len(n.CNI.File), len(n.CNI.Bridge), len(n.Pods[0].PodUID), len(n.Pods[0].Master), len(n.Neighbours.Bad[0].IP), len(s.Paths[0].To)), maxLabel},
		"a line": {max(len(n.CNI.Error), len(s.Tracking.Log), len(s.Tracking.LogError), len(s.Containers[0].Command), len(s.Holders[0].Command)), 4 * maxLabel},
	} {
		if got[0] > got[1] || got[0] == 0 {
			t.Errorf("%s: %d, at most %d", name, got[0], got[1])
		}
	}
}

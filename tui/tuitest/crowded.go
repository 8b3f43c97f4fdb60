package tuitest

import (
	"fmt"

	"github.com/snattop/snattop/internal/session"
)

// Crowded is the sick cluster with a pod beside the sick one that connects to
// more destinations than a key may wait for.
func Crowded() *session.Snapshot {
	s := Sick()
	loads := make([]Load, 2100)
	for i := range loads {
		loads[i] = Load{Addr: fmt.Sprintf("52.9.%d.%d:443", i/250, i%250), Established: 1}
	}
	n := s.Node(SickNode)
	n.Owners = append(n.Owners, Owner(SickNode, "shop", "crawler-0", session.Workload{Kind: "StatefulSet", Name: "crawler"}, loads...))
	return s
}

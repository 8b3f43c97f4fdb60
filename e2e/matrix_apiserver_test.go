//go:build e2e && linux

package e2e

import (
	"context"
	"testing"

	"github.com/snattop/snattop/e2e/ground"
)

// apiserverFaults break what the runbook of the API server looks for. That it
// is out of this client's reach alone leaves most steps without a subject, and
// is TestUnreachableFromHere.
func apiserverFaults() []fault {
	return []fault{
		{
			name: "an agent's node overloaded",
			make: func(t *testing.T, g *ground.Ground) func(context.Context) error { return overload(t, g, agentNode) },
			want: []wantStep{{"apiserver.node-pressure", "node/" + agentNode, "problem"}},
		},
		{
			name: "ALPN stripped by a proxy in the path", make: stripALPN,
			want: []wantStep{{"apiserver.alpn", "client", "problem"}},
		},
		{
			name: "hundreds of Helm revisions", make: helmRevisions,
			want: []wantStep{
				{"apiserver.helm-history", "release/default/leafy", "problem"},
				{"apiserver.helm-history", "cluster", ""},
			},
		},
		{
			name: "a client leaks watches", make: leakWatches,
			want: []wantStep{{"apiserver.request-load", "cluster", "problem"}},
		},
	}
}

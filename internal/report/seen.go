package report

import (
	"time"

	"github.com/snattop/snattop/internal/session"
)

// features is what the probe found on its node.
func features(n *session.Node) []Feature {
	out := make([]Feature, 0, len(n.Features))
	for _, f := range n.Features {
		out = append(out, Feature{Name: f.Name, Answer: f.Answer.String(), Detail: f.Detail})
	}
	return out
}

func handovers(n *session.Node) []Handover {
	out := make([]Handover, 0, len(n.Handovers))
	for _, h := range n.Handovers {
		out = append(out, Handover{At: h.At.UTC().Format(time.RFC3339), From: h.From, To: h.To, Reason: h.Reason})
	}
	return out
}

func tracked(n *session.Node) []TrackedSource {
	out := make([]TrackedSource, 0, len(n.Tracked))
	for _, s := range n.Tracked {
		out = append(out, TrackedSource{IP: s.IP.String(), Name: s.Name, TCP: s.TCP, UDP: s.UDP, Local: s.Local})
	}
	return out
}

// attempts is nil when the node's collector does not see connections that are
// not established.
func attempts[T int | float64](n *session.Node, v T) *T {
	if !n.Sight().Attempts {
		return nil
	}
	return &v
}

// life is nil when the collector cannot see lives, and when none has ended.
func life(l *session.Lives) *Life {
	if l == nil {
		return nil
	}
	p50, ok := l.Quantile(0.5)
	if !ok {
		return nil
	}
	p90, _ := l.Quantile(0.9)
	return &Life{P50: below(p50), P90: below(p90)}
}

func below(s session.Span) *int64 {
	if s.Below == 0 {
		return nil
	}
	return ptr(s.Below.Milliseconds())
}

package runbook_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/session"
)

func TestCrossCheck(t *testing.T) {
	t.Parallel()
	tracked := func(own, other int) func(*session.Node) {
		return func(n *session.Node) {
			n.Tracked = []session.TrackedSource{
				{IP: netip.MustParseAddr("10.244.0.9"), TCP: own, Local: true}, {IP: netip.MustParseAddr("10.9.0.1"), TCP: other},
			}
		}
	}
	used := func(ports int, ago time.Duration) func(*session.Node) {
		return func(n *session.Node) {
			n.Measured = &cloud.NodeReading{At: now.Add(-ago), TCP: cloud.Usage{Used: &ports}}
		}
	}
	for name, c := range map[string]struct {
		owners          []who
		change          []func(*session.Node)
		tracking, cloud runbook.Agreement
		says            string
	}{
		"nothing to check against": {owners: []who{smallPool}, tracking: runbook.Single, cloud: runbook.Single},
		"all agree":                {owners: []who{busyPool}, change: []func(*session.Node){tracked(1030, 0), used(1010, time.Minute)}, tracking: runbook.Agrees, cloud: runbook.Agrees},
		"closed entries stay": {
			owners: []who{churningFIN}, change: []func(*session.Node){tracked(700, 0)}, tracking: runbook.Explained, cloud: runbook.Single, says: "the table keeps them for up to 2 min",
		},
		"entries that nobody explains": {
			owners: []who{smallPool}, change: []func(*session.Node){tracked(700, 0)}, tracking: runbook.Unexplained, cloud: runbook.Single, says: "have no socket",
		},
		"sockets that are not tracked": {
			owners: []who{busyPool}, change: []func(*session.Node){tracked(5, 0)}, tracking: runbook.Unexplained, cloud: runbook.Single, says: "eBPF host routing",
		},
		"sockets elsewhere": {
			owners: []who{smallPool}, change: []func(*session.Node){tracked(8, 300), used(250, time.Minute)}, tracking: runbook.Agrees, cloud: runbook.Explained, says: "whose sockets are not on this node",
		},
		"the cloud is late": {
			owners: []who{leaking}, change: []func(*session.Node){used(400, 100*time.Second), func(n *session.Node) { n.Trend = ramp(41, 100, 900, 0) }},
			tracking: runbook.Single, cloud: runbook.Explained, says: "then the estimate was 500",
		},
		"between the bounds": {
			owners: []who{{name: "a", loads: []load{{to: "20.1.1.1:1", open: 100}, {to: "20.1.1.2:1", open: 90}}}}, change: []func(*session.Node){used(170, time.Minute)},
			tracking: runbook.Single, cloud: runbook.Agrees, says: "between the bounds of 100 and 190",
		},
		"silent for longer than the idle timeout": {
			owners:   []who{{name: "a", loads: []load{{to: "20.1.1.1:1", open: 500}}}},
			change:   []func(*session.Node){used(20, time.Minute), func(n *session.Node) { n.Silent = &session.Silence{5: 490} }},
			tracking: runbook.Single, cloud: runbook.Explained, says: "may have taken their ports back",
		},
		"nobody knows": {
			owners: []who{smallPool}, change: []func(*session.Node){used(900, time.Minute)}, tracking: runbook.Single, cloud: runbook.Unexplained, says: "nothing that is seen here",
		},
	} {
		s, n := stage{budget: 1024, owners: c.owners}.play()
		for _, f := range c.change {
			f(n)
		}
		if name == "the cloud is late" { // 400 was the estimate 100 s ago: 20 steps
			n.Trend[len(n.Trend)-21] = 400
			c.says = "then the estimate was 400"
		}
		got := runbook.CrossCheck(s, n)
		notes := strings.Join(append(got.Tracking.Notes, got.Cloud.Notes...), "; ")
		if got.Tracking.Agreement != c.tracking || got.Cloud.Agreement != c.cloud || !strings.Contains(notes, c.says) {
			t.Errorf("%s: sockets and conntrack %q, estimate and cloud %q: %s; want %q, %q, %q", name, got.Tracking.Agreement, got.Cloud.Agreement, notes, c.tracking, c.cloud, c.says)
		}
	}
	if c := runbook.CrossCheck(nil, nil); c.Sockets != nil || c.Cloud.Agreement != runbook.Single {
		t.Errorf("of nothing: %+v", c)
	}
	s, n := stage{budget: 1024, owners: []who{busyPool}}.play()
	n.LastTick = time.Time{}
	if c := runbook.CrossCheck(s, n); c.Sockets != nil || c.Estimate != nil || c.Entries == nil {
		t.Errorf("of a node without numbers: %+v", c)
	}
}

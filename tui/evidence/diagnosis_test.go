package evidence_test

import (
	"strings"
	"testing"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/tui/evidence"
	"github.com/snattop/snattop/tui/tuitest"
)

func TestDiagnosis(t *testing.T) {
	t.Parallel()
	s := tuitest.Measured()
	for _, c := range []struct {
		node string
		has  []string
	}{
		{tuitest.SickNode, []string{
			"leak: found, confidence high", "nsenter -t 4711 -n ss -Htan state connected", "# shop/checkout has 955 connections open to 20.60.1.9:443 tcp (counted): prints 955",
			"connection tracking table full: ruled out", "no pooling: could not see", "Three ways of counting", "1,021 used · 1,024 allocated · — failed in the minute to 12:03:00Z (measured)",
			"ports and cloud: they agree", "sockets and conntrack: only one of them is there",
		}},
		{tuitest.SeenNode, []string{"161 opened by addresses of this node, 24 by others", "inbound connections"}},
		{"aks-np2-vmss000000", []string{"cloud: nothing is known from it", "sockets: — TCP connections", "no numbers from this node"}},
	} {
		n := s.Node(c.node)
		text := evidence.Diagnosis(s, n, runbook.Diagnose(s, n)).Text()
		for _, want := range c.has {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", c.node, want, text)
			}
		}
		if strings.ContainsAny(text, "\x1b\x07") {
			t.Errorf("%s: %q", c.node, text)
		}
	}
}

func TestNodeTellsBudgetAndForecast(t *testing.T) {
	t.Parallel()
	s := tuitest.Measured()
	for i, want := range [][]string{
		{"full in: now: no port is left", "measured: 1,021 TCP ports used in the minute to 12:03:00Z: the cloud's own figure", "waiting: 44 of them"},
		{"full in: ~14 min if it goes on as it does"},
	} {
		text := evidence.Node(s, s.Nodes[i]).Text()
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("no %q in\n%s", w, text)
			}
		}
	}
	o := s.Nodes[0].Owners[0]
	if text := evidence.Dest(s, s.Nodes[0], o, o.Dests()[2]).Text(); !strings.Contains(text, "leads to: 20.8.1.2:443: public, so the ports are used there") {
		t.Error(text)
	}
}

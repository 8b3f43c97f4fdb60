//go:build e2e && linux

package e2e

import (
	"context"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/snattop/snattop/e2e/azure"
	"github.com/snattop/snattop/e2e/ground"
	"github.com/snattop/snattop/internal/report"
)

// monitored serves what the gateway measures as Azure does, in grains of a few
// seconds.
func monitored(t *testing.T, faults azure.Faults) (url string) {
	t.Helper()
	server, err := azure.New(azure.Options{Source: world.ground.Truth, Grain: 2 * time.Second, Every: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	server.SetFaults(faults)
	ctx, cancel := context.WithCancel(t.Context())
	var background sync.WaitGroup
	background.Go(func() { server.Run(ctx, func(error) {}) }) // a sample that failed is a gap
	front := httptest.NewServer(server)
	t.Cleanup(func() {
		cancel()
		background.Wait()
		front.Close()
	})
	return front.URL
}

func unseenByCloud(r *report.Report) string {
	var out []string
	for _, f := range r.Findings {
		if f.ID == "unseen.cloud" {
			out = append(out, f.Summary)
		}
	}
	return strings.Join(out, "\n")
}

// What the cloud measures stands beside what we estimate, and the budget is
// its own.
func TestCloud(t *testing.T) {
	fresh(t)
	if err := world.ground.SetBlock(t.Context(), sickNode, block); err != nil {
		t.Fatal(err)
	}
	load(t, "leaker", ground.Values{"NODE": sickNode, "RATE": "100", "MAX": "200"})
	waitPeak(t, sickNode, 200)

	t.Run("measured", func(t *testing.T) {
		r, res := reportOf(t, "--cloud", "auto", "--azure-endpoint", monitored(t, azure.Faults{}), "--duration", "10s")
		n := nodeOf(t, r, sickNode)
		if n.Ports.Budget == nil || *n.Ports.Budget != block || n.Ports.BudgetSource != "measured" {
			t.Errorf("the budget is %+v, want %d as measured", n.Ports, block)
		}
		if n.Ports.MeasuredUsed == nil || *n.Ports.MeasuredUsed != truth(t, sickNode).TCP {
			t.Errorf("measured %v, the gateway says %d", n.Ports.MeasuredUsed, truth(t, sickNode).TCP)
		}
		if r.Cluster.Provider != "azure-lb" || unseenByCloud(r) != "" || res.stderr != "" {
			t.Errorf("%s; the cloud's problems: %q; %q", r.Cluster.Provider, unseenByCloud(r), res.stderr)
		}
		if got := n.CrossCheck.Measured.Agreement; got != "agrees" {
			t.Errorf("estimate and measurement: %s %q", got, n.CrossCheck.Measured.Notes)
		}
	})

	// Whatever the cloud answers, the rest goes on, and one line says what it
	// was.
	for name, c := range map[string]struct {
		faults azure.Faults
		want   string
	}{
		"no right":          {azure.Faults{Status: 403}, "Reader"},
		"nobody":            {azure.Faults{Status: 401}, "401"},
		"throttled":         {azure.Faults{Status: 429, RetryAfter: time.Minute}, "429"},
		"broken":            {azure.Faults{Status: 500}, "500"},
		"answers are cut":   {azure.Faults{Truncated: true}, ""},
		"answers come late": {azure.Faults{Slow: 30 * time.Second}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, res := reportOf(t, "--cloud", "auto", "--azure-endpoint", monitored(t, c.faults), "--duration", "3s", "--node", sickNode)
			n := nodeOf(t, r, sickNode)
			if n.State != "streaming" || n.Ports.MeasuredUsed != nil || n.Ports.BudgetSource != "table" || *n.Ports.Budget != 1024 {
				t.Errorf("%s, %+v", n.State, n.Ports)
			}
			if p := podOf(t, r, "leaker-"); p.EstablishedPublic != 200 {
				t.Errorf("%d connections, want 200", p.EstablishedPublic)
			}
			if said := unseenByCloud(r); !strings.Contains(said, c.want) || c.faults.Slow == 0 && said == "" {
				t.Errorf("%q does not speak of %q", said, c.want)
			}
			if res.took > 15*time.Second {
				t.Errorf("the report took %s: it waited for the cloud", res.took)
			}
		})
	}
}

package runbook_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/recording"
	"github.com/snattop/snattop/internal/snat"
)

var recordings = flag.String("recordings", "", "a directory of recordings to diagnose and tell about")

// replayed is the last picture of a recording.
func replayed(t *testing.T, file string, opts session.Options) *session.Snapshot {
	t.Helper()
	p, err := recording.Open(file, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := session.New(opts)
	if err := s.Run(context.Background(), p); err != nil {
		t.Fatal(err)
	}
	return s.Snapshot()
}

// The proving ground's timers: seconds in place of minutes.
var groundTimers = snat.Timers{FIN: 20 * time.Second, Reset: 5 * time.Second, HalfOpen: 20 * time.Second, Idle: 10 * time.Minute, UDP: 30 * time.Second}

// tell writes a diagnosis out.
func tell(t *testing.T, name string, d *runbook.Diagnosis) {
	t.Helper()
	var b strings.Builder
	for _, state := range []runbook.State{runbook.Found, runbook.RuledOut, runbook.CouldNotSee} {
		for _, a := range d.In(state) {
			b.WriteString("  " + state.String() + " " + a.Confidence.String() + " " + string(a.Cause) + " [" + a.Subject + "]: " + a.Summary + "\n")
			for _, e := range a.Evidence {
				b.WriteString("      - " + e.Text + " (" + string(e.Basis) + ")  $ " + e.Command + "  > " + e.Output + "\n")
			}
			for _, r := range a.Remedies {
				b.WriteString("      + " + r.Text + "\n          $ " + r.Command + "  ! " + r.Warning + "\n")
			}
		}
	}
	t.Logf("%s: %s is %s\n%s", name, d.Node, d.Verdict, b.String())
}

func TestTellOfRecordings(t *testing.T) {
	if *recordings == "" {
		t.Skip("no -recordings")
	}
	ports := map[string]int{
		"leak": 256, "churn-fin": 448, "churn-rst": 448, "hot": 256, "many": 1024, "pooled": 1024, "churn-full": 256, "mixed": 224, "burst": 176,
		"firewall": 256, "dead": 256, "conntrack-full": 256, "scale-out": 1024, "dns": 256, "ephemeral": 1024, "too-small": 128, "silent": 1024, "quiet": 1024,
	}
	files, err := filepath.Glob(filepath.Join(*recordings, "*.snattop"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".snattop")
		if info, err := os.Stat(f); err != nil || info.Size() == 0 {
			continue
		}
		s := replayed(t, f, session.Options{SNATPorts: ports[name], Timers: groundTimers, Remember: true})
		for _, n := range s.Nodes {
			if n.LastTick.IsZero() {
				continue
			}
			d := runbook.Diagnose(s, n)
			t.Logf("%s %v ports %+v budget %+v open %d trying %d waiting %d cooling %d opens %.1f closes %.1f fails %.1f silent %v trend %v", n.Collector, n.Why, n.Ports, n.Budget.Ports, n.Open, n.Trying, n.Waiting, n.Cooling, n.OpensPerSecond, n.ClosesPerSecond, n.FailedPerSecond, n.Silent, n.OpenTrend)
			tell(t, name, d)
		}
	}
}

package runbook_test

import (
	"context"
	"flag"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/recording"
	"github.com/snattop/snattop/internal/snat"
)

var recordings = flag.String("recordings", "testdata", "the directory of the recordings to diagnose")

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

// moments plays a recording and looks at the node that has numbers after every
// tick, as an operator does.
type moments struct {
	session.Source

	sess *session.Session
	sink session.Sink
	look func(s *session.Snapshot, n *session.Node)
}

// Run implements session.Source.
func (m *moments) Run(ctx context.Context, sink session.Sink) error {
	m.sink = sink
	return m.Source.Run(ctx, m)
}

// Put implements session.Sink.
func (m *moments) Put(e session.Event) {
	m.sink.Put(e)
	if e.Tick == nil {
		return
	}
	s := m.sess.Snapshot()
	if n := s.Node(e.Node); n != nil {
		m.look(s, n)
	}
}

// Recordings of the proving ground: each is a real load on a real node behind a
// gateway with a block of ports. What was done there is what must be named, and
// at no moment anything else.
func TestRecordings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ports int
		cause runbook.Cause
		// who begins the name of the pod that it is about, where it is about one.
		who string
		// before are what it may look like on the way there: whether connections
		// are used shows after a minute only.
		before []runbook.Cause
	}{
		"leak":           {ports: 256, cause: runbook.Leak, who: "shop/leaker-"},
		"churn-fin":      {ports: 448, cause: runbook.NoPooling, who: "shop/churner-"},
		"churn-rst":      {ports: 448, cause: runbook.NoPooling, who: "shop/resetter-"},
		"churn-full":     {ports: 256, cause: runbook.NoPooling, who: "shop/churner-"},
		"hot":            {ports: 256, cause: runbook.HotDestination, who: "shop/hot-"},
		"many":           {ports: 1024},
		"pooled":         {ports: 1024},
		"mixed":          {ports: 224, cause: runbook.Leak, who: "shop/mixedleak-"},
		"burst":          {ports: 176, cause: runbook.Leak, who: "batch/burst-", before: []runbook.Cause{runbook.HotDestination}},
		"firewall":       {ports: 256, cause: runbook.DeadDestination},
		"dead":           {ports: 256, cause: runbook.DeadDestination},
		"conntrack-full": {ports: 256, cause: runbook.ConntrackFull},
		"scale-out":      {ports: 1024, cause: runbook.AllocationHalved},
		"dns":            {ports: 1024, cause: runbook.DNS},
		"ephemeral":      {ports: 1024, cause: runbook.EphemeralPorts, who: "shop/narrow-"},
		"too-small":      {ports: 128, cause: runbook.BudgetTooSmall},
		"silent":         {ports: 1024},
		"quiet":          {ports: 1024},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			player, err := recording.Open(filepath.Join(*recordings, name+".snattop"), 0)
			if err != nil {
				t.Fatal(err)
			}
			opts := session.Options{SNATPorts: c.ports, Timers: groundTimers}
			if name == "scale-out" { // it heard of its ports from the cloud
				opts.SNATPorts = 0
			}
			m := &moments{Source: player, sess: session.New(opts)}
			var last *runbook.Diagnosis
			ticks, wrong := 0, make(map[runbook.Cause]int)
			m.look = func(s *session.Snapshot, n *session.Node) {
				ticks++
				last = runbook.Diagnose(s, n)
				sound(t, s, n, last)
				if a, ok := last.Main(); ok && a.Cause != c.cause && last.Severity(&a) != runbook.Info && !slices.Contains(c.before, a.Cause) {
					wrong[a.Cause]++
				}
			}
			if err := m.sess.Run(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			a, ok := last.Main()
			if a.Cause != c.cause || ok && c.who != "" && !strings.HasPrefix(a.Owners[0].Title, c.who) {
				tell(t, name, last)
				t.Errorf("the cause is %q of %v, want %q of %s", a.Cause, a.Owners, c.cause, c.who)
			}
			if len(wrong) > 0 {
				t.Errorf("in %d ticks something else was named: %v", ticks, wrong)
			}
			if testing.Verbose() {
				tell(t, name, last)
			}
		})
	}
}

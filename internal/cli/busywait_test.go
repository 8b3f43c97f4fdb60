package cli

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/recording"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// quietUntil is a cluster whose job begins to open connections after a time,
// ten a second, and goes on.
func quietUntil(quiet time.Duration) play {
	return func(ctx context.Context, sink session.Sink) error {
		tell(sink, session.Event{Objects: &inventory.Change{
			Nodes: []inventory.Node{{Name: "n1", InternalIP: "10.0.0.4"}},
			Pods:  []inventory.Pod{{UID: "u1", Namespace: "batch", Name: "nightly-1-x", Node: "n1", Workload: inventory.Workload{Kind: "CronJob", Name: "nightly"}}},
		}})
		tell(sink, session.Event{Node: "n1", State: &session.NodeState{State: session.StateStreaming}})
		row := wire.Row{ID: 1, Owner: 1, Protocol: 6, IP: netip.MustParseAddr("20.60.1.9"), Port: 443, Established: 1}
		tell(sink, session.Event{Node: "n1", Tick: &wire.Tick{Full: true, Owners: []wire.Owner{{ID: 1, PodUID: "u1"}}, Rows: []wire.Row{row}}})
		began := time.Now()
		second := time.NewTicker(time.Second)
		defer second.Stop()
		for {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-second.C:
			}
			t := &wire.Tick{ElapsedNanos: 1e9}
			if time.Since(began) > quiet {
				row.Established += 10
				t.Rows = []wire.Row{{ID: 1, Established: row.Established, Opens: 10}}
			}
			tell(sink, session.Event{Node: "n1", Tick: t})
		}
	}
}

// waitFor is --until-busy with what it says.
func waitFor(bound time.Duration, scope report.Filter, said *[]string) *waiting {
	return &waiting{bound: bound, burst: newBurst(scope), does: "measuring", done: "measured", say: func(s string) { *said = append(*said, s) }}
}

func TestMeasureUntilBusy(t *testing.T) {
	const window = 10 * time.Second
	broken := errors.New("the watch broke")
	problem := "nodes are forbidden"
	for name, c := range map[string]struct {
		src    play
		scope  report.Filter
		passed time.Duration // of the whole
		code   int
		says   string // the error, or the line that begins the measurement
	}{
		"a burst": {
			src: quietUntil(20 * time.Minute), passed: 20*time.Minute + time.Second + lookEvery + window,
			// The rate is a mean of the last seconds.
			says: "batch/nightly-1-x (cronjob/nightly) on n1 opens 1.8 connections a second: measuring for 10s",
		},
		"at once": {src: quietUntil(0), passed: time.Second + lookEvery + window, says: "measuring for 10s"},
		"none": {
			src: quietUntil(2 * time.Hour), passed: time.Hour, code: ExitUnknown,
			says: "no burst within 1h on any node, nothing was measured; --until-busy=DURATION waits longer",
		},
		"one elsewhere": {
			src: quietUntil(0), scope: report.Filter{Namespace: "shop"}, passed: time.Hour, code: ExitUnknown, says: "no burst within 1h in namespace shop",
		},
		"a node that does not exist": {
			src: quietUntil(0), scope: report.Filter{Node: "n9"}, passed: maxReach, code: ExitUnknown, says: `there is no node "n9"`,
		},
		"no node is reached": {
			src: func(ctx context.Context, sink session.Sink) error {
				nodes(sink, "n1")
				tell(sink, session.Event{Node: "n1", State: &session.NodeState{State: session.StateDenied, Error: "pods are forbidden"}})
				<-ctx.Done()
				return ctx.Err()
			}, passed: maxReach, code: ExitUnknown, says: "no node can be seen; n1 is denied: pods are forbidden",
		},
		"no node at all": {
			src: func(ctx context.Context, sink session.Sink) error {
				tell(sink, session.Event{Problem: &problem})
				<-ctx.Done()
				return ctx.Err()
			}, passed: lookEvery + maxBlind, code: ExitUnknown, says: "nodes are forbidden",
		},
		"the source fails": {
			src: func(_ context.Context, sink session.Sink) error {
				nodes(sink, "n1")
				time.Sleep(time.Second)
				return broken
			}, passed: time.Second, code: ExitFailed, says: "the watch broke",
		},
		"the source ends": {
			src: func(_ context.Context, sink session.Sink) error {
				nodes(sink, "n1")
				return nil
			}, code: ExitUnknown, says: "has ended before a burst, nothing was measured",
		},
		"what it left behind is told as well": {
			src: func(ctx context.Context, _ session.Sink) error {
				<-ctx.Done()
				return broken
			}, passed: maxEmpty, code: ExitUnknown, says: "the watch broke",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var said []string
				pic, took, err := measure(t.Context(), session.New(session.Options{}), c.src, window, waitFor(time.Hour, c.scope, &said))
				if passed := time.Since(began); passed != c.passed {
					t.Errorf("%s passed, want %s", passed, c.passed)
				}
				if len(said) == 0 || !strings.HasPrefix(said[0], "waiting up to 1h for a burst ") {
					t.Errorf("said %q", said)
				}
				if c.code != ExitHealthy {
					if code, show := codeOf(err); code != c.code || !show || !strings.Contains(err.Error(), c.says) {
						t.Errorf("code %d, %v; want %d, %q", code, err, c.code, c.says)
					}
					if len(said) != 1 || pic != nil {
						t.Errorf("said %q, %+v", said, pic)
					}
					return
				}
				if err != nil || took != window || pic == nil || pic.Nodes[0].Open < 90 {
					t.Errorf("%+v, %s, %v", pic, took, err)
				}
				if len(said) != 2 || !strings.Contains(said[1], c.says) {
					t.Errorf("said %q", said)
				}
			})
		})
	}
}

// focusing notes when the detail of processes is asked for.
type focusing struct {
	play
	at []time.Time
}

func (f *focusing) Focus(w session.Focus) {
	if w.All {
		f.at = append(f.at, time.Now())
	}
}

// An hour of waiting is cheap on the nodes: detail is asked for in the end.
func TestUntilBusyAsksForDetailLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var said []string
		src := &focusing{play: quietUntil(time.Minute)}
		if _, _, err := measure(t.Context(), session.New(session.Options{}), src, time.Second, waitFor(time.Hour, report.Filter{}, &said)); err != nil {
			t.Fatal(err)
		}
		if len(src.at) != 1 || src.at[0].Sub(began) < time.Minute {
			t.Errorf("asked %d times, %v", len(src.at), src.at)
		}
	})
}

func TestUntilBusyIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Minute, cancel)
		var said []string
		_, _, err := measure(ctx, session.New(session.Options{}), quietUntil(time.Hour), time.Second, waitFor(time.Hour, report.Filter{}, &said))
		// The root would call a bare cancellation by its own name.
		if code, show := codeOf(err); code != ExitFailed || !show || errors.Is(err, context.Canceled) ||
			err.Error() != "interrupted while waiting for a burst, nothing was measured" {
			t.Errorf("code %d, %v", code, err)
		}
	})
}

// recordUntil records a job's cluster as 'record --until-busy' does.
func recordUntil(ctx context.Context, t *testing.T, src session.Source, bound time.Duration) (file string, said []string, err error) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "r.snattop")
	var errs bytes.Buffer
	o := &options{version: "test", streams: Streams{Err: &errs}}
	err = o.record(ctx, session.New(session.Options{}), src, 30*time.Second, file, waitFor(bound, report.Filter{}, &said))
	return file, append(said, errs.String()), err
}

func TestRecordUntilBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file, said, err := recordUntil(t.Context(), t, quietUntil(40*time.Minute), time.Hour)
		if err != nil || len(said) != 3 || !strings.HasPrefix(said[2], "recorded 1 nodes for 30 s") {
			t.Fatalf("%q, %v", said, err)
		}
		// As it happened: the minutes before the burst are there at once.
		p, err := recording.Open(file, 1)
		if err != nil {
			t.Fatal(err)
		}
		began, s := time.Now(), session.New(session.Options{})
		if err := s.Run(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 29*time.Second || took > 31*time.Second {
			t.Errorf("the replay takes %s", took)
		}
		pic := s.Snapshot()
		n := pic.Nodes[0]
		if len(n.Owners) != 1 || n.Owners[0].Title() != "batch/nightly-1-x" || n.Open < 300 || n.OpensPerSecond < 9 || pic.Problem != "" {
			t.Errorf("%+v", n)
		}
		if before := pic.Time.Sub(pic.Started); before < recording.LeadTime {
			t.Errorf("the recording holds %s", before)
		}
	})
}

// Where nothing was recorded there is no file to be mistaken for a recording.
func TestRecordNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file, _, err := recordUntil(t.Context(), t, quietUntil(time.Hour), time.Minute)
		if code, _ := codeOf(err); code != ExitUnknown || !strings.Contains(err.Error(), "no burst within 1m") {
			t.Errorf("code %d, %v", code, err)
		}
		if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the file: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		file, _, err = recordUntil(ctx, t, quietUntil(time.Hour), time.Hour)
		if code, _ := codeOf(err); code != ExitFailed || !strings.Contains(err.Error(), "interrupted while waiting") {
			t.Errorf("code %d, %v", code, err)
		}
		if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the file: %v", err)
		}
		// One that is there already is not touched, nor waited for.
		if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		var said []string
		err = (&options{}).record(t.Context(), session.New(session.Options{}), quietUntil(0), time.Second, file, waitFor(time.Hour, report.Filter{}, &said))
		if b, rerr := os.ReadFile(file); !errors.Is(err, os.ErrExist) || rerr != nil || string(b) != "mine" || len(said) != 0 {
			t.Errorf("%v, %q, %v, said %q", err, b, rerr, said)
		}
	})
}

// An interruption keeps what the burst has shown so far.
func TestRecordInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Second, cancel)
		file, _, err := recordUntil(ctx, t, quietUntil(0), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		p, err := recording.Open(file, 0)
		if err != nil {
			t.Fatal(err)
		}
		s := session.New(session.Options{})
		if err := s.Run(t.Context(), p); err != nil || s.Snapshot().Nodes[0].Open < 90 {
			t.Errorf("%v", err)
		}
	})
}

package probe

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"strings"
	"testing"
	"time"
)

func TestConfigDefaults(t *testing.T) {
	t.Parallel()
	got, err := Config{}.complete()
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Scope: ScopeNode, Collector: CollectorAuto, Interval: time.Second, Proc: "/proc", HostRoot: "/", MaxRows: DefaultMaxRows,
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if again, err := got.complete(); err != nil || again != got {
		t.Errorf("not idempotent: %+v, %v", again, err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cfg  Config
		want string
	}{
		"scope":             {Config{Scope: "cluster"}, `scope "cluster"`},
		"collector":         {Config{Collector: "pigeon"}, `collector "pigeon"`},
		"too fast":          {Config{Interval: 99 * time.Millisecond}, "interval 99ms"},
		"too slow":          {Config{Interval: time.Minute + 1}, "interval 1m0"},
		"backwards":         {Config{Interval: -time.Second}, "interval -1s"},
		"deadline":          {Config{Deadline: -1}, "in the past"},
		"no destinations":   {Config{MaxRows: -1}, "-1 destinations"},
		"more than a frame": {Config{MaxRows: LimitMaxRows + 1}, "destinations: use 1 to"},
	} {
		_, err := tc.cfg.complete()
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	edges := Config{Interval: 100 * time.Millisecond, MaxRows: LimitMaxRows, Collector: CollectorProcfs, Scope: ScopePod}
	if _, err := edges.complete(); err != nil {
		t.Error(err)
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	got, _, err := parseFlags("1.2.3", []string{
		"--scope", "pod", "--collector=procfs", "--interval", "250ms", "--deadline", "1h", "--proc", "/host/proc",
		"--host-root", "/host", "--lease", "/run/x/lease", "--max-destinations", "7",
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Version: "1.2.3", Scope: ScopePod, Collector: CollectorProcfs, Interval: 250 * time.Millisecond, Deadline: time.Hour,
		Proc: "/host/proc", HostRoot: "/host", Lease: "/run/x/lease", MaxRows: 7,
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, _, err := parseFlags("", []string{"-h"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Error(err)
	}
}

// Wrong usage is exit code 2 and a word about it, before anything is read.
func TestMainUsage(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args []string
		code int
		say  string
	}{
		"help":         {[]string{"-h"}, 0, "-interval"},
		"unknown flag": {[]string{"--colour"}, 2, "not defined"},
		"argument":     {[]string{"node-1"}, 2, `unexpected argument "node-1"`},
		"bad value":    {[]string{"--interval", "1ms"}, 2, "use 100ms to 1m"},
	} {
		var out, errs bytes.Buffer
		code := Main(context.Background(), "v", tc.args, strings.NewReader(""), &out, &errs)
		if code != tc.code || !strings.Contains(errs.String(), tc.say) || out.Len() != 0 {
			t.Errorf("%s: code %d, %q, %d bytes out", name, code, errs.String(), out.Len())
		}
	}
}

//go:build bench && linux

package bench

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/snattop/snattop/probe/wire"
)

// BenchmarkSnapshot takes a full snapshot of 190,000 established sockets with
// the pod and the process of each, beside a bare dump, ss and netstat.
func BenchmarkSnapshot(b *testing.B) {
	ns := crowd(b)
	b.Run("snattop-attributed", func(b *testing.B) {
		var took []time.Duration
		defer func() { median(b, took, "snapshot-s", time.Second) }()
		for b.Loop() {
			t, rss := firstTick(b)
			took = append(took, time.Duration(t.Cost.WallNanos))
			b.ReportMetric(rss/(1<<20), "peak-MiB")
			if n := processesOf(t); n < crowdSockets {
				b.Fatalf("%d of %d sockets have a process", n, crowdSockets)
			}
		}
	})
	b.Run("bare-inet_diag-dump", func(b *testing.B) {
		var took []time.Duration
		for b.Loop() {
			began := time.Now()
			if n := bareDump(b, ns); n < crowdSockets {
				b.Fatalf("%d of %d sockets", n, crowdSockets)
			}
			took = append(took, time.Since(began))
		}
		median(b, took, "snapshot-s", time.Second)
	})
	b.Run("ss-tn", func(b *testing.B) {
		repeat(b, ns, "ss", "-tn")
	})
	b.Run("cat-proc-net-tcp", func(b *testing.B) {
		repeat(b, ns, "cat", "/proc/net/tcp")
	})
	b.Run("ss-tnp", func(b *testing.B) {
		repeat(b, ns, "ss", "-tnp")
	})
	if os.Getenv("SNATTOP_BENCH_NETSTAT") == "" {
		return // two minutes
	}
	b.Run("netstat-ptn", func(b *testing.B) {
		repeat(b, ns, "netstat", "-ptn")
	})
}

// firstTick starts a probe and returns its first tick and its peak memory.
func firstTick(b *testing.B) (*wire.Tick, float64) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), probeBinary, "--detail", "--interval", "1m")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = in.Close()
		_ = cmd.Wait()
	}()
	dec := wire.NewDecoder(out)
	for {
		m, err := dec.Next()
		if err != nil {
			b.Fatal(err)
		}
		if m.Tick != nil {
			rss, err := peakRSS(cmd.Process.Pid)
			if err != nil {
				b.Fatal(err)
			}
			return m.Tick, rss
		}
	}
}

// processesOf counts the established sockets of the crowd with a named process
// and pod.
func processesOf(t *wire.Tick) int {
	pods := make(map[uint32]bool)
	for _, o := range t.Owners {
		pods[o.ID] = o.PodUID == crowdPod
	}
	n := 0
	for _, r := range t.Rows {
		if !pods[r.Owner] || r.Port != 443 || !bytes.HasPrefix(r.IP.AsSlice(), []byte{20, 60, 7}) {
			continue
		}
		for _, p := range r.Processes {
			if p.PID != 0 && p.Command != "" && p.ContainerID == crowdContainer {
				n += int(p.Established)
			}
		}
	}
	return n
}

// repeat runs a command in a namespace, throws its output away and reports the
// median of its times.
func repeat(b *testing.B, ns string, argv ...string) {
	b.Helper()
	if _, err := exec.LookPath(argv[0]); err != nil {
		b.Skipf("%s is not installed", argv[0])
	}
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		if err := exec.CommandContext(b.Context(), "ip", append([]string{"netns", "exec", ns}, argv...)...).Run(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	median(b, took, "snapshot-s", time.Second)
}

package tcptracer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// never and now are clocks of tests: nothing here depends on how fast the
// machine is.
func never(time.Duration) <-chan time.Time { return nil }

func now(time.Duration) <-chan time.Time {
	c := make(chan time.Time)
	close(c)
	return c
}

// start runs a fake with a host that has no IPv6, so that it runs once.
func start(t *testing.T, steps string, change ...func(*Config)) *Tracer {
	t.Helper()
	cfg := Config{Path: script(t, steps), Proc: t.TempDir(), After: never}
	for _, c := range change {
		c(&cfg)
	}
	tracer, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tracer.Close() })
	return tracer
}

// both has the fake run once for each family.
func both(c *Config) { c.Proc = "/proc" }

// finish waits for the end and returns everything that was counted.
func finish(t *testing.T, tracer *Tracer) (got sums, lost uint64, problems []string, err error) {
	t.Helper()
	<-tracer.Done()
	tracer.Seeded()
	r, err := tracer.Read()
	got.read(r)
	return got, r.Lost, r.Problems, err
}

func TestTracerCounts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		steps string
		want  sums
		lost  uint64
		ends  string
	}{
		"a life":        {"head,life,end", sums{0, 1, 1, 1}, 0, "tcptracer ended: -t4v: exit status 0"},
		"still open":    {"head,open,end", sums{1, 1, 0, 0}, 0, "exit status 0"},
		"death":         {"head,open,die", sums{1, 1, 0, 0}, 0, "exit status 1: Exception: Failed to attach BPF program"},
		"death at once": {"die", sums{}, 0, "Exception: Failed to attach BPF program"},
		"no headings":   {"life,end", sums{}, 0, "exit status 0"},
		"garbage":       {"head,garbage,life,end", sums{0, 1, 1, 1}, 4, "exit status 0"},
		"a torn line":   {"head,life,torn,die", sums{0, 1, 1, 1}, 1, "exit status 1"},
		"losses":        {"head,lost,life,end", sums{0, 1, 1, 1}, 15, "exit status 0"},
		"a flood":       {"flood,head,flood,life,endless,flood,end", sums{0, 1, 1, 1}, 0, "19999: warning"},
		"its children":  {"head,child,life,end", sums{0, 1, 1, 1}, 0, "exit status 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tracer := start(t, tc.steps)
			got, lost, _, err := finish(t, tracer)
			if got != tc.want || lost != tc.lost {
				t.Errorf("%+v and %d lost, want %+v and %d", got, lost, tc.want, tc.lost)
			}
			if !errors.Is(err, ErrEnded) || !strings.Contains(err.Error(), tc.ends) {
				t.Errorf("ended with %v, want %q", err, tc.ends)
			}
			if isClosed(tracer.Ready()) != strings.Contains(tc.steps, "head") && !strings.Contains(tc.steps, "die") {
				t.Errorf("ready: %t", isClosed(tracer.Ready()))
			}
			if _, again := tracer.Read(); !errors.Is(again, ErrEnded) {
				t.Errorf("the next reading says %v", again)
			}
			if err := tracer.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTracerReadsWhileItRuns(t *testing.T) {
	t.Parallel()
	tracer := start(t, "head,open,wait")
	<-tracer.Ready()
	tracer.Seed(testNS, 1, at(testHere), at(testDest))
	tracer.SeedListener(testNS, at("0.0.0.0:8080"))
	tracer.Seeded()
	for {
		r, err := tracer.Read()
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Problems) != 0 {
			t.Fatalf("problems %q", r.Problems)
		}
		var got sums
		if got.read(r); got.established == 2 {
			break
		}
		runtime.Gosched()
	}
	tracer.Reseed()
	tracer.Seeded()
	r, err := tracer.Read()
	if err != nil {
		t.Fatal(err)
	}
	var got sums
	if got.read(r); got.established != 0 || got.closes != 2 {
		t.Errorf("%+v after an empty dump", got)
	}
	if err := tracer.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := tracer.Read(); !errors.Is(err, ErrEnded) || !strings.Contains(err.Error(), "it was stopped") {
		t.Errorf("closed: %v", err)
	}
	if err := tracer.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

func TestTracerIsStarting(t *testing.T) {
	t.Parallel()
	tracer := start(t, "wait")
	r, err := tracer.Read()
	if err != nil || len(r.Rows) != 0 || len(r.Problems) != 1 || r.Problems[0] != "tcptracer is still starting" {
		t.Errorf("%+v, %v", r, err)
	}
	if isClosed(tracer.Ready()) || isClosed(tracer.Done()) {
		t.Error("it says that it is ready, or done")
	}
}

func TestAttachTimeout(t *testing.T) {
	t.Parallel()
	tracer := start(t, "wait", func(c *Config) {
		c.AttachTimeout = 3 * time.Second
		c.After = func(d time.Duration) <-chan time.Time {
			if d == 3*time.Second {
				return now(d)
			}
			return nil
		}
	})
	if _, _, _, err := finish(t, tracer); err == nil || !strings.Contains(err.Error(), "did not attach within 3s") {
		t.Errorf("%v", err)
	}
	if isClosed(tracer.Ready()) {
		t.Error("it says that it is ready")
	}
}

// A tool that ignores signals is killed once its grace is over, and not before
// it has said that it ignores them.
func TestStubbornToolIsKilled(t *testing.T) {
	t.Parallel()
	tracer := start(t, "stubborn,head,wait", func(c *Config) {
		c.Grace = time.Second
		c.After = func(d time.Duration) <-chan time.Time {
			if d == time.Second {
				return time.After(time.Millisecond)
			}
			return nil
		}
	})
	<-tracer.Ready()
	pid := tracer.tools[0].proc.(*linuxProcess).proc.Pid
	if score, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "oom_score_adj")); err != nil || string(score) != "1000\n" {
		t.Errorf("it would outlive others when memory runs out: %q, %v", score, err)
	}
	// The second grace, that of the dead, may be over before the kernel is done.
	_ = tracer.Close()
	<-tracer.tools[0].proc.exited()
	if err := unix.Kill(pid, 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("process %d is still there: %v", pid, err)
	}
	if how := tracer.tools[0].proc.status(); how != "signal: killed" {
		t.Errorf("it ended by %q", how)
	}
}

// A process that left the group and holds the pipes does not hold us.
func TestStrayProcess(t *testing.T) {
	t.Parallel()
	tracer := start(t, "stray,head,end", func(c *Config) {
		c.Grace = time.Second
		c.After = func(d time.Duration) <-chan time.Time {
			if d == time.Second {
				return now(d)
			}
			return nil
		}
	})
	if _, _, _, err := finish(t, tracer); !errors.Is(err, ErrEnded) {
		t.Errorf("%v", err)
	}
}

// immortal is a process that no signal ends.
type immortal struct{ process }

func (immortal) exited() <-chan struct{} { return nil }

func TestToolThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	cfg := Config{Path: script(t, "head,wait"), Proc: t.TempDir(), After: now, Grace: time.Second, AttachTimeout: time.Minute}
	tracer := newTracer(cfg)
	r, err := tracer.launch(nil, tool{options: "-t4v"})
	if err != nil {
		t.Fatal(err)
	}
	mortal := r.proc
	r.proc = immortal{mortal}
	tracer.tools = append(tracer.tools, r)
	tracer.watch(func() bool { return true })
	if err := tracer.Close(); err == nil || !strings.Contains(err.Error(), "has not ended within 1s") {
		t.Errorf("%v", err)
	}
	<-mortal.exited()
}

func TestContextEndsTheTool(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	tracer, err := Start(ctx, Config{Path: script(t, "head,wait"), Proc: t.TempDir(), After: never})
	if err != nil {
		t.Fatal(err)
	}
	<-tracer.Ready()
	cancel()
	if _, _, _, err := finish(t, tracer); !errors.Is(err, ErrEnded) {
		t.Errorf("%v", err)
	}
	if tracer, err := Start(ctx, Config{Path: script(t, "head,wait")}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", tracer, err)
	}
}

func TestTwoFamilies(t *testing.T) {
	t.Parallel()
	if !hasIPv6("/proc") {
		t.Skip("this machine has no IPv6, so a second tool is not started")
	}
	t.Run("both count", func(t *testing.T) {
		t.Parallel()
		tracer := start(t, "head,-t4v:open,-t6v:wait,end", both)
		if got, _, problems, err := finish(t, tracer); got != (sums{1, 1, 0, 0}) || len(problems) != 0 || !strings.Contains(err.Error(), "-t4v") {
			t.Errorf("%+v, %q, %v", got, problems, err)
		}
	})
	t.Run("the second cannot attach", func(t *testing.T) {
		t.Parallel()
		tracer := start(t, "-t6v:die,head,open,wait", both)
		<-tracer.Ready()
		r, err := tracer.Read()
		if err != nil || len(r.Problems) != 1 || !strings.Contains(r.Problems[0], "IPv6 sockets are not seen: tcptracer ended: -t6v: exit status 1") {
			t.Errorf("%q, %v", r.Problems, err)
		}
	})
	t.Run("the second dies later", func(t *testing.T) {
		t.Parallel()
		tracer := start(t, "head,-t6v:die,wait", both)
		if _, _, _, err := finish(t, tracer); err == nil || !strings.Contains(err.Error(), "-t6v: exit status 1") {
			t.Errorf("%v", err)
		}
	})
	t.Run("the first cannot attach", func(t *testing.T) {
		t.Parallel()
		tracer := start(t, "-t4v:die,head,wait", both)
		if _, _, _, err := finish(t, tracer); err == nil || !strings.Contains(err.Error(), "-t4v: exit status 1") {
			t.Errorf("%v", err)
		}
		if isClosed(tracer.Ready()) {
			t.Error("it says that it is ready")
		}
	})
	t.Run("one will do", func(t *testing.T) {
		t.Parallel()
		tracer := start(t, "head,wait", both, func(c *Config) { c.OnlyIPv4 = true })
		if len(tracer.tools) != 1 {
			t.Errorf("%d tools", len(tracer.tools))
		}
	})
}

func TestOldToolSaysWhatItDoesNotSee(t *testing.T) {
	t.Parallel()
	path := script(t, "head,wait")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, strings.Replace(string(text), "--ipv6", "", 1), 0o755)
	tracer := start(t, "", both, func(c *Config) { c.Path = path })
	<-tracer.Ready()
	r, err := tracer.Read()
	if err != nil || len(r.Problems) != 1 || !strings.Contains(r.Problems[0], "IPv6 sockets connect to IPv4") || len(tracer.tools) != 1 {
		t.Errorf("%q, %v, %d tools", r.Problems, err, len(tracer.tools))
	}
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	notText := plant(t, t.TempDir(), "tool", "#!/missing/interpreter\n", 0o755)
	for name, tc := range map[string]struct {
		cfg  Config
		says string
	}{
		"no path":        {Config{}, "no path"},
		"nothing there":  {Config{Path: "/missing/tool"}, "reading tcptracer"},
		"no interpreter": {Config{Path: notText}, "starting tcptracer"},
		"no root":        {Config{Path: "/tool", HostRoot: filepath.Join(t.TempDir(), "missing")}, "the node's root"},
	} {
		if tracer, err := Start(t.Context(), tc.cfg); err == nil || tracer != nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, %v", name, tracer, err)
		}
	}
	// The second tool alone may fail: it is told.
	cfg, err := Config{Path: notText}.complete()
	if err != nil || cfg.AttachTimeout != DefaultAttachTimeout || cfg.Grace != DefaultGrace || cfg.HostRoot != "/" || cfg.Proc != "/proc" || cfg.After == nil {
		t.Errorf("%+v, %v", cfg, err)
	}
}

func TestEnvironmentIsOurs(t *testing.T) {
	t.Setenv("PYTHONPATH", "/tmp/evil")
	tracer := start(t, "env")
	_, _, _, err := finish(t, tracer)
	for _, want := range []string{"LC_ALL=C", "PYTHONUNBUFFERED=1", "exit status 3"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %s", err, want)
		}
	}
	if strings.Contains(err.Error(), "evil") {
		t.Errorf("it was given more: %v", err)
	}
}

func mounts(t *testing.T, pid string) string {
	t.Helper()
	ns, err := os.Readlink(filepath.Join("/proc", pid, "ns/mnt"))
	if err != nil {
		t.Fatal(err)
	}
	return ns
}

// elsewhere is the /proc of a node whose PID 1 has a mount namespace of its
// own, and that PID.
func elsewhere(t *testing.T) (proc, pid string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("making a mount namespace needs root")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := os.StartProcess(self, []string{self, "-"}, &os.ProcAttr{
		Env: []string{fakeEnv + "=wait"}, Files: []*os.File{nil, nil, nil}, Sys: &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS},
	})
	if err != nil {
		t.Skipf("root may not make a mount namespace here: %v", err)
	}
	t.Cleanup(func() {
		_ = p.Kill()
		_, _ = p.Wait()
	})
	pid = strconv.Itoa(p.Pid)
	proc = t.TempDir()
	if err := os.Symlink(filepath.Join("/proc", pid), filepath.Join(proc, "1")); err != nil {
		t.Fatal(err)
	}
	return proc, pid
}

func TestToolRunsInTheNodesMountNamespace(t *testing.T) {
	t.Parallel()
	proc, pid := elsewhere(t)
	before := mounts(t, "self")
	tracer := start(t, "mounts", func(c *Config) {
		c.Proc, c.HostRoot, c.OnlyIPv4 = proc, filepath.Join("/proc", pid, "root"), true
	})
	_, _, _, err := finish(t, tracer)
	there := mounts(t, pid)
	if there == before {
		t.Fatal("the namespaces do not differ")
	}
	if err == nil || !strings.HasSuffix(err.Error(), "exit status 4: "+there) {
		t.Errorf("%v, want the namespace %s", err, there)
	}
	if after := mounts(t, "self"); after != before {
		t.Errorf("we have moved to %s", after)
	}
}

func TestToolRunsInAChroot(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("chroot needs root")
	}
	// No PID 1 is to be seen, so there is no namespace to enter.
	tracer := start(t, "mounts", func(c *Config) { c.HostRoot = "/proc/self/root" })
	if _, _, _, err := finish(t, tracer); err == nil || !strings.HasSuffix(err.Error(), "exit status 4: "+mounts(t, "self")) {
		t.Errorf("%v", err)
	}
}

// PID 1 of a pod may have a tool of its own where the node has one.
func TestAnotherPID1IsNotTheNode(t *testing.T) {
	t.Parallel()
	proc, _ := elsewhere(t)
	root := t.TempDir()
	path := script(t, "mounts")
	plant(t, root, path, "#!/bin/sh\n", 0o755) // the chroot has no shell
	_, err := Start(t.Context(), Config{Path: path, HostRoot: root, Proc: proc, After: never})
	if !errors.Is(err, errNotHost) || !strings.Contains(err.Error(), "below "+root) {
		t.Errorf("%v", err)
	}
}

// Not parallel: others open files as well.
func TestTracersLeakNothing(t *testing.T) {
	path, proc := script(t, "head,open,wait"), t.TempDir()
	run := func() {
		tracer, err := Start(t.Context(), Config{Path: path, Proc: proc, After: never})
		if err != nil {
			t.Fatal(err)
		}
		<-tracer.Ready()
		if err := tracer.Close(); err != nil {
			t.Fatal(err)
		}
	}
	count := func(dir string) int {
		list, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	for range 3 {
		run()
	}
	files, threads := count("/proc/self/fd"), count("/proc/self/task")
	for range 20 {
		run()
	}
	if got := count("/proc/self/fd"); got != files {
		t.Errorf("%d files, %d before", got, files)
	}
	if got := count("/proc/self/task"); got > threads+5 {
		t.Errorf("%d threads, %d before", got, threads)
	}
}

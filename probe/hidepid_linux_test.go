package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/wire"
)

// sampled is what a sampler in another process said.
type sampled struct {
	Collector string
	Problems  []string
	// Established are all connections to the port that was asked for.
	Established int
}

// sampleOnce takes one snapshot of the node as whoever runs this process.
func sampleOnce(port string) (string, error) {
	cfg, err := Config{Scope: ScopeNode, Collector: CollectorAuto}.complete()
	if err != nil {
		return "", err
	}
	s, _, err := newSampler(cfg)
	if err != nil {
		return "", err
	}
	defer s.close()
	tick, err := s.sample(context.Background(), time.Unix(1_790_000_000, 0), 0)
	if err != nil {
		return "", err
	}
	said := sampled{Collector: s.collector(), Problems: tick.Problems}
	for _, r := range tick.Rows {
		if fmt.Sprint(r.Port) == port {
			said.Established += int(r.Established)
		}
	}
	text, err := json.Marshal(said)
	return string(text), err
}

// nobody is the user that owns nothing.
const nobody = 65534

// Where /proc hides other users' processes, the one who looks is told so, and
// counts what can be seen: the own network, by procfs.
func TestHidepid(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a procfs needs root")
	}
	for mode, problem := range map[string]string{
		"1": "hide their namespaces from us",
		"2": "shows our own processes only",
	} {
		t.Run("hidepid="+mode, func(t *testing.T) {
			in, out := asNobody(t, mode)
			say := func(line string) string {
				t.Helper()
				if _, err := fmt.Fprintln(in, line); err != nil {
					t.Fatal(err)
				}
				buf := make([]byte, 64<<10)
				n, err := out.Read(buf)
				if err != nil {
					t.Fatalf("no answer to %q: %v", line, err)
				}
				if strings.HasPrefix(string(buf[:n]), "error") {
					t.Fatalf("%s: %s", line, buf[:n])
				}
				return strings.TrimSpace(string(buf[:n]))
			}
			to := say("listen " + loopback())
			say("dial " + to)
			var said sampled
			_, port, _ := strings.Cut(to, ":")
			if err := json.Unmarshal([]byte(say("sample "+port)), &said); err != nil {
				t.Fatal(err)
			}
			if said.Collector != string(CollectorProcfs) || said.Established != 1 {
				t.Errorf("%+v", said)
			}
			if !slices.ContainsFunc(said.Problems, func(p string) bool { return strings.Contains(p, problem) }) {
				t.Errorf("problems %q", said.Problems)
			}
		})
	}
}

// asNobody starts a process of another user, which sees its own /proc.
func asNobody(t *testing.T, hidepid string) (in, out *os.File) {
	t.Helper()
	inR, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, outW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), childEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = inR, outW, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its mounts
		err := unix.Unshare(unix.CLONE_NEWNS)
		if err == nil {
			err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		}
		if err == nil {
			err = unix.Mount("proc", "/proc", "proc", 0, "hidepid="+hidepid)
		}
		if err == nil {
			err = cmd.Start()
		}
		started <- err
	}()
	err = <-started
	_, _ = inR.Close(), outW.Close()
	if err != nil {
		t.Skipf("no procfs of its own here: %v", err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
		_ = out.Close()
	})
	return in, out
}

// A namespace may be gone between the survey and the seeding: that is no problem,
// and costs nothing of the others.
func TestNamespaceVanishesBeforeSeeding(t *testing.T) {
	if !slices.Contains(collectors(), CollectorEBPF) {
		t.Skip("no programs can be loaded here")
	}
	stays, goes := newChild(t), newChild(t)
	left := stays.listen()
	stays.say("dial " + left.String())
	goes.say("dial " + goes.listen().String())
	cfg := Config{
		Scope: ScopeNode, Collector: CollectorEBPF, Proc: fewProcesses(t, stays.pid(), goes.pid()), HostRoot: t.TempDir(), MaxRows: 1000,
	}
	w := newView(t, cfg)
	now := w.now.Add(time.Minute)
	v, err := w.s.surveyed(now, 0)
	if err != nil || v.byInode[goes.netns] == nil {
		t.Fatalf("the survey: %v", err)
	}
	if err := goes.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = goes.cmd.Wait()
	tick, err := w.s.sample(t.Context(), now, 0)
	if err != nil {
		t.Fatal(err)
	}
	if tick.Loss != (wire.Loss{}) || tick.Collector != "" {
		t.Errorf("problems %q, lost %+v", tick.Problems, tick.Loss)
	}
	if _, err := w.v.apply(tick); err != nil {
		t.Fatal(err)
	}
	if r := w.rowsTo(left); len(r) != 1 || r[0].now.established != 1 {
		t.Errorf("%d rows to what stays", len(r))
	}
}

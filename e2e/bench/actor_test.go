//go:build bench && linux

package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// actor is a process of ours that plays a part. It obeys lines on its standard
// input, answers each with a line, and ends when its input does.
//
// Network namespaces have no names here: the first actor of one is born in it,
// others join, and the namespace is gone with the last of them, whichever way
// they end.
type actor struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// stage is where an actor is put.
type stage struct {
	// fresh asks for a network namespace of its own.
	fresh bool
	// netns is the namespace to join otherwise; empty means ours.
	netns string
	// cgroup is the folder of the cgroup to start in; empty means ours.
	cgroup string
}

// netns is where the actor's namespace can be entered while the actor lives.
func (a *actor) netns() string { return fmt.Sprintf("/proc/%d/ns/net", a.cmd.Process.Pid) }

// act starts an actor. It ends, and is waited for, with the benchmark.
func act(b *testing.B, at stage, part string, args any) *actor {
	b.Helper()
	a, err := startActor(b.Context(), at, part, args)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(a.end)
	return a
}

func startActor(ctx context.Context, at stage, part string, args any) (*actor, error) {
	text, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	argv := []string{os.Args[0]}
	attr := &syscall.SysProcAttr{}
	switch {
	case at.fresh:
		attr.Cloneflags = unix.CLONE_NEWNET
	case at.netns != "":
		// Not "ip netns exec", which mounts a /sys without cgroups.
		argv = []string{"nsenter", "--net=" + at.netns, os.Args[0]}
	}
	if at.cgroup != "" {
		// Sockets belong to the cgroup that they were made in.
		dir, err := os.Open(at.cgroup)
		if err != nil {
			return nil, err
		}
		defer func() { _ = dir.Close() }()
		attr.UseCgroupFD, attr.CgroupFD = true, int(dir.Fd())
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), argv[0], argv[1:]...)
	// A part is system calls throughout; signals between goroutines would only
	// interrupt them.
	cmd.Env = append(os.Environ(), roleVar+"="+part, argsVar+"="+string(text), "GODEBUG=asyncpreemptoff=1")
	cmd.SysProcAttr, cmd.Stderr = attr, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", part, err)
	}
	return &actor{cmd: cmd, in: in, out: bufio.NewReader(out)}, nil
}

// tell gives an order; hear waits for the answer.
func (a *actor) tell(b *testing.B, order string) {
	b.Helper()
	if _, err := io.WriteString(a.in, order+"\n"); err != nil {
		b.Fatalf("telling %q: %v", order, err)
	}
}

func (a *actor) hear(b *testing.B) string {
	b.Helper()
	line, err := a.out.ReadString('\n')
	if err != nil {
		b.Fatalf("an actor gave no answer: %v", err)
	}
	return strings.TrimSpace(line)
}

// say gives an order and returns the answer.
func (a *actor) say(b *testing.B, order string) string {
	b.Helper()
	a.tell(b, order)
	return a.hear(b)
}

func (a *actor) end() {
	_ = a.in.Close()
	_ = a.cmd.Wait()
}

// obey is an actor's side: it answers order by order until its input ends.
func obey(do func(order string) (answer string, err error)) error {
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		answer, err := do(strings.TrimSpace(line))
		if err != nil {
			return err
		}
		fmt.Println(answer)
	}
}

// configure runs a batch of ip(8) in the namespace of this process.
func configure(batch string) error {
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(batch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip -batch: %w\n%s", err, out)
	}
	return nil
}

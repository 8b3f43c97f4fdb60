package ground

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a daemon of the ground, as its pid file remembers it. A PID alone
// proves nothing, since PIDs come round again; together with the start time it
// names one process for good.
type process struct {
	Name  string `json:"name"`
	PID   int    `json:"pid"`
	Start uint64 `json:"start"`
	Log   string `json:"log"`
}

// startTime reads field 22 of /proc/PID/stat, in clock ticks since boot. It
// reports false when there is no such process or it is a zombie.
func startTime(pid int) (uint64, bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	return parseStartTime(string(data))
}

func (p process) alive() bool {
	start, ok := startTime(p.PID)
	return ok && start == p.Start
}

// command is a daemon to start.
type command struct {
	name string
	argv []string
	env  []string
	ns   *netns // the machine's own when nil
}

// start launches a daemon detached from this process, with its output in a log
// file, and leaves a pid file behind.
func (d dirs) start(c command) (process, error) {
	logPath := filepath.Join(d.logs(), c.name+".log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return process{}, fmt.Errorf("opening the log of %s: %w", c.name, err)
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(c.argv[0], c.argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), c.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	launch := cmd.Start
	if c.ns != nil {
		launch = func() error { return c.ns.do(cmd.Start) }
	}
	if err := launch(); err != nil {
		return process{}, fmt.Errorf("starting %s: %w", c.name, err)
	}
	p := process{Name: c.name, PID: cmd.Process.Pid, Log: logPath}
	p.Start, _ = startTime(p.PID)
	go func() { _ = cmd.Wait() }() // no zombie while this process lives
	return p, d.remember(p)
}

func (d dirs) remember(p process) error {
	data, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("writing the pid file of %s: %w", p.Name, err)
	}
	if err := os.WriteFile(filepath.Join(d.pids(), p.Name+".json"), data, 0o644); err != nil {
		return fmt.Errorf("writing the pid file of %s: %w", p.Name, err)
	}
	return nil
}

// processes are those the pid files remember, dead or alive.
func (d dirs) processes() []process {
	files, _ := filepath.Glob(filepath.Join(d.pids(), "*.json"))
	var found []process
	for _, file := range files {
		var p process
		if data, err := os.ReadFile(file); err == nil && json.Unmarshal(data, &p) == nil && p.PID > 1 {
			found = append(found, p)
		}
	}
	return found
}

// end kills processes and waits until they are gone.
func end(ctx context.Context, processes []process) error {
	for _, p := range processes {
		if p.alive() {
			_ = syscall.Kill(p.PID, syscall.SIGKILL)
		}
	}
	return waitGone(ctx, 10*time.Second, processes)
}

func waitGone(ctx context.Context, limit time.Duration, processes []process) error {
	var left []string
	err := poll(ctx, limit, 20*time.Millisecond, func(context.Context) error {
		left = left[:0]
		for _, p := range processes {
			if p.alive() {
				left = append(left, fmt.Sprintf("%s (%d)", p.Name, p.PID))
			}
		}
		if len(left) > 0 {
			return fmt.Errorf("still running: %s", strings.Join(left, ", "))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("ending processes: %w", err)
	}
	return nil
}

// poll calls f until it returns nil, the limit passes or the context ends; the
// error is then the last one of f.
func poll(ctx context.Context, limit, interval time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := f(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (waited %s)", err, limit)
		case <-time.After(interval):
		}
	}
}

// tail is the end of a log file, for an error message.
func tail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Sprintf("(no log: %v)", err)
	}
	const most = 12
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(lines) > most {
		lines = lines[len(lines)-most:]
	}
	return path + ":\n" + strings.Join(lines, "\n")
}

// await polls a condition on behalf of a daemon: it gives up at once when the
// daemon is dead, and a failure carries the end of its log.
func (p process) await(ctx context.Context, limit time.Duration, ready func(context.Context) error) error {
	dead := errors.New("the process has ended")
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := poll(ctx, limit, 50*time.Millisecond, func(ctx context.Context) error {
		if !p.alive() {
			cancel(dead)
			return dead
		}
		return ready(ctx)
	})
	if err != nil {
		return fmt.Errorf("waiting for %s: %w\n%s", p.Name, err, tail(p.Log))
	}
	return nil
}

// inNamespaces finds processes that live in one of the given network
// namespaces. Those were made by the ground, so whatever lives in them was
// started by it.
func inNamespaces(inodes map[string]bool) []process {
	entries, _ := os.ReadDir("/proc")
	var found []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		// Not ourselves: a thread of ours that made a namespace may still be in
		// it, and when it is the first one, it stands for the whole process.
		if err != nil || pid == os.Getpid() {
			continue
		}
		link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
		if err != nil || !inodes[link] {
			continue
		}
		if start, ok := startTime(pid); ok {
			found = append(found, process{Name: "left over in a namespace", PID: pid, Start: start})
		}
	}
	return found
}

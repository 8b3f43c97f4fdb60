package tcptracer

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/thread"
)

// linuxProcess is a process with an OS thread of its own. That thread starts
// it, for it may have to move into the node's mount namespace first, and waits
// for it: the kernel sends Pdeathsig when the thread ends that was the parent,
// not the program.
type linuxProcess struct {
	gone chan struct{}

	mu     sync.Mutex
	proc   *os.Process
	reaped bool
	how    string
}

// startProcess starts a process and returns once its program runs.
func startProcess(l launch) (process, error) {
	p := &linuxProcess{gone: make(chan struct{})}
	started := make(chan error, 1)
	thread.Own(func() {
		err := p.start(l)
		started <- err
		if err == nil {
			p.wait()
		}
	})
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

func (p *linuxProcess) start(l launch) error {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("starting tcptracer: %w", err)
	}
	defer func() { _ = null.Close() }()
	attr := &os.ProcAttr{
		Dir: "/", Env: environment, Files: []*os.File{null, l.stdout, l.stderr},
		// A group of its own: the interrupt of a terminal is ours to handle, and
		// whatever it starts is ended with it.
		Sys: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	}
	chroot, why := enterHost(l.hostRoot, l.proc, l.tool)
	attr.Sys.Chroot = chroot
	p.proc, err = os.StartProcess(l.argv[0], l.argv, attr)
	if err != nil && why != nil {
		return fmt.Errorf("starting tcptracer below %s: %w (%w)", chroot, err, why)
	}
	if err != nil {
		return fmt.Errorf("starting tcptracer: %w", err)
	}
	p.volunteer()
	return nil
}

// volunteer makes the tool the first to go when memory runs out: it is by far
// the largest of us, and no pod of the node shall end for it. Where that fails,
// the tool works all the same.
func (p *linuxProcess) volunteer() {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", p.proc.Pid), []byte("1000"), 0)
}

// wait reaps the process. What is left of its group is killed while its number
// is still taken: afterwards it may be that of others.
func (p *linuxProcess) wait() {
	for {
		err := unix.Waitid(unix.P_PID, p.proc.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = unix.Kill(-p.proc.Pid, unix.SIGKILL)
	state, err := p.proc.Wait()
	switch {
	case err != nil:
		p.how = err.Error()
	default:
		p.how = state.String()
	}
	p.reaped = true
	close(p.gone)
}

func (p *linuxProcess) signal(s unix.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		_ = unix.Kill(-p.proc.Pid, s)
	}
}

// interrupt is what Ctrl-C does, which the tool's own greeting asks for: before
// Linux 4.17 it has probes to take down by itself.
func (p *linuxProcess) interrupt() { p.signal(unix.SIGINT) }

func (p *linuxProcess) kill() { p.signal(unix.SIGKILL) }

func (p *linuxProcess) exited() <-chan struct{} { return p.gone }

func (p *linuxProcess) status() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.how
}

// pipeSize is how much a tool may print while nobody reads; unprivileged users
// may have as much (pipe(7)).
const pipeSize = 1 << 20

// widen makes a pipe hold more, if it may: a tool that waits for us to read
// leaves its perf buffers to overflow. Not by Fd, which would make reads block
// that Close has to end.
func widen(f *os.File) {
	if raw, err := f.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeSize) })
	}
}

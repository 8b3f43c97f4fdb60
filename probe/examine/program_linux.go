package examine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/snattop/snattop/internal/sanitize"
)

// programDirs are where nodes keep their programs: those of PATH, and those of
// distributions whose system is read-only.
var programDirs = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/opt/bin", "/home/kubernetes/bin"}

const (
	// programTime bounds one program of the node's, programOutput what is kept
	// of what it prints.
	programTime   = 4 * time.Second
	programOutput = 4 << 20
)

// errNoProgram means that the node has no program of that name.
var errNoProgram = errors.New("not found")

// find returns where the node has a program, as seen from its own root.
func find(place Place, name string) (string, error) {
	for _, dir := range programDirs {
		path := filepath.Join(dir, name)
		// A link is followed where it will be: below the node's root.
		info, err := os.Lstat(filepath.Join(place.HostRoot, path))
		if err == nil && (info.Mode()&fs.ModeSymlink != 0 || info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0) {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: %w", name, errNoProgram)
}

// program runs one of the node's own programs below the node's root, to its
// end, and returns what it printed on standard output. It is given no input
// and no environment but a path and a plain language.
func program(ctx context.Context, place Place, name string, args ...string) (string, error) {
	path, err := find(place, name)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, programTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // one of the names that this package knows, in a directory of the system's
	// The path is one below the root that it is started in, not ours.
	cmd.Path, cmd.Err = path, nil
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + strings.Join(programDirs, ":"), "LC_ALL=C", "LANG=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if place.HostRoot != "" && place.HostRoot != "/" {
		cmd.SysProcAttr.Chroot = place.HostRoot
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	out, errs := &limited{max: programOutput}, &limited{max: 1 << 10}
	cmd.Stdout, cmd.Stderr = out, errs
	err = cmd.Run()
	switch {
	case err == nil:
		return out.String(), nil
	case ctx.Err() != nil:
		return out.String(), fmt.Errorf("%s took longer than %s", name, programTime)
	default:
		return out.String(), fmt.Errorf("%s: %w: %s", name, err, sanitize.Text(strings.TrimSpace(errs.String())))
	}
}

// limited keeps the first bytes that are written to it.
type limited struct {
	max int
	buf bytes.Buffer
}

func (l *limited) Write(p []byte) (int, error) {
	l.buf.Write(p[:min(len(p), l.max-l.buf.Len())])
	return len(p), nil
}

func (l *limited) String() string { return l.buf.String() }

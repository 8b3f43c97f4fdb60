//go:build bench && linux

// Package bench measures snattop beside its peers, in one run, on a real
// kernel and a real cluster. It needs root; see docs/benchmarks.md.
package bench

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The programs that are measured, built by TestMain.
var snattopBinary, probeBinary string

func TestMain(m *testing.M) {
	if role() {
		return
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "snattop-bench-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	snattopBinary, probeBinary = filepath.Join(dir, "snattop"), filepath.Join(dir, "snattop-probe")
	for out, pkg := range map[string]string{snattopBinary: "../..", probeBinary: "../../probe/cmd/snattop-probe"} {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			return 1, fmt.Errorf("building %s: %w\n%s", pkg, err, text)
		}
	}
	return m.Run(), nil
}

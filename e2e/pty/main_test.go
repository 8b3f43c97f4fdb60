//go:build unix

package pty

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// snattop is the binary, built once.
var snattop string

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(shellEnv) != "":
		os.Exit(shell(os.Args[1:]))
	case os.Getenv(brokenEnv) != "":
		os.Exit(broken())
	}
	os.Exit(build(m))
}

// build makes the binary as a release does, and runs the tests.
func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "snattop-pty-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	snattop = filepath.Join(dir, "snattop")
	cmd := exec.CommandContext(context.Background(), "go", "build", "-o", snattop, "github.com/snattop/snattop")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building snattop: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

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

	"github.com/snattop/snattop/e2e/bench/result"
)

// The programs that are measured, built by TestMain, and the file in which
// results are gathered.
var snattopBinary, probeBinary, resultsFile string

// resultsVar names the file for results when several runs share one; whoever
// sets it prints the table.
const resultsVar = "SNATTOP_BENCH_RESULTS"

func TestMain(m *testing.M) {
	if done, err := role(); done {
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	code, err := measure(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		code = 1
	}
	os.Exit(code)
}

func measure(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "snattop-bench-")
	if err != nil {
		return 1, err
	}
	release, err := guard(dir)
	if err != nil {
		return 1, errors.Join(err, os.RemoveAll(dir))
	}
	defer func() { err = errors.Join(err, release()) }()
	snattopBinary, probeBinary = filepath.Join(dir, "snattop"), filepath.Join(dir, "snattop-probe")
	for out, pkg := range map[string]string{snattopBinary: "../..", probeBinary: "../../probe/cmd/snattop-probe"} {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			return 1, fmt.Errorf("building %s: %w\n%s", pkg, err, text)
		}
	}
	resultsFile = os.Getenv(resultsVar)
	if resultsFile != "" {
		return m.Run(), nil
	}
	resultsFile = filepath.Join(dir, "results")
	code = m.Run()
	lines, err := result.Read(resultsFile)
	if errors.Is(err, os.ErrNotExist) {
		return code, nil // nothing was measured
	}
	if err != nil {
		return 1, err
	}
	return code, result.Print(os.Stdout, lines)
}

// record adds a line to the table that ends the run.
func record(b *testing.B, l result.Line) {
	b.Helper()
	if err := result.Append(resultsFile, l); err != nil {
		b.Fatal(err)
	}
}

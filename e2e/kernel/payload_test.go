//go:build kernel && linux

package kernel

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

//go:embed guest.sh
var guestScript []byte

// Places in the payload, which the guest has at /mnt.
const (
	guestScriptFile = "guest.sh"
	argumentsFile   = "arguments"
	kernelTestFile  = "kernel.test"
	probeFile       = "snattop-probe"
	suitesDir       = "suites"
	suiteFile       = "suite.test"
)

// writePayload makes the disk with all that is built anew for each run: the
// image in the cache knows nothing of snattop.
func writePayload(ctx context.Context, disk, dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, suitesDir), 0o755); err != nil {
		return err
	}
	args, err := lines(guestArguments())
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	binary, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	if err := errors.Join(
		os.WriteFile(filepath.Join(dir, guestScriptFile), guestScript, 0o755),
		os.WriteFile(filepath.Join(dir, argumentsFile), args, 0o644),
		os.WriteFile(filepath.Join(dir, kernelTestFile), binary, 0o755),
	); err != nil {
		return err
	}
	if _, err := run(ctx, "../..", "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(dir, probeFile), "./probe/cmd/snattop-probe"); err != nil {
		return err
	}
	if err := writeSuites(ctx, filepath.Join(dir, suitesDir)); err != nil {
		return err
	}
	return makeDisk(ctx, disk, dir, "1G")
}

// writeSuites builds the tests of every package of the probe, each into a
// directory of its own with its test data, since that is where it looks.
func writeSuites(ctx context.Context, dir string) error {
	const format = `{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}`
	out, err := run(ctx, "../..", "go", "list", "-f", format, "./probe/...")
	if err != nil {
		return err
	}
	n := 0
	for line := range strings.Lines(out) {
		pkg, source, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		n++
		to := filepath.Join(dir, strings.ReplaceAll(pkg, "/", "_"))
		if _, err := run(ctx, "../..", "go", "test", "-c", "-trimpath", "-o", filepath.Join(to, suiteFile), pkg); err != nil {
			return err
		}
		if data := filepath.Join(source, "testdata"); exists(data) {
			if err := os.CopyFS(filepath.Join(to, "testdata"), os.DirFS(data)); err != nil {
				return fmt.Errorf("the test data of %s: %w", pkg, err)
			}
		}
	}
	if n == 0 {
		return errors.New("./probe/... has no tests")
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

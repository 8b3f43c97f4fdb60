//go:build kernel && linux

package kernel

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// longest is how long the guest may run; go test's own -timeout may end it
// before, but then nobody says what the guest had said.
const longest = 30 * time.Minute

// only chooses among the tests in the guest, as -run does here.
var only = flag.String("guest.run", "", "run only the tests in the guest that match")

// within chooses among the tests of the probe's own suites there.
var within = flag.String("suites.run", "", "run only the tests of the probe's suites that match")

// TestGuest boots the guest and passes on what its tests say.
func TestGuest(t *testing.T) {
	if os.Getenv(sideEnv) != "" {
		t.Skip("this is the guest")
	}
	if os.Geteuid() != 0 {
		t.Skip("making the root file system of the guest needs root")
	}
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	if end, ok := t.Deadline(); ok {
		var early context.CancelFunc
		ctx, early = context.WithDeadline(ctx, end.Add(-time.Minute))
		defer early()
	}
	if err := installPrograms(ctx); err != nil {
		t.Fatal(err)
	}
	release, err := kernelRelease(ctx)
	if err != nil {
		t.Fatal(err)
	}
	img, err := cachedImage(ctx, t, release)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	disk, console := filepath.Join(dir, "payload.ext4"), filepath.Join(dir, "console")
	if err := writePayload(ctx, disk, filepath.Join(dir, "payload")); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	err = boot(ctx, img, disk, console, func(line string) { fmt.Printf("  %s│ %s\n", release, line) })
	t.Logf("the guest ran for %s", time.Since(began).Round(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	// What the kernel itself complains about is not in the tests' output.
	said, err := os.ReadFile(console)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"BUG:", "WARNING:", "Oops", "rcu_sched self-detected"} {
		if bytes.Contains(said, []byte(word)) {
			t.Errorf("the guest's kernel complains:\n%s", tail(string(said)))
			break
		}
	}
}

// guestArguments are those of the test binary in the guest.
func guestArguments() []string {
	args := []string{"-test.v", "-test.count=1", "-test.timeout=" + longest.String()}
	if *only != "" {
		args = append(args, "-test.run="+*only)
	}
	if *within != "" {
		args = append(args, "-suites.run="+*within)
	}
	return args
}

// lines makes a text file of arguments, one to a line.
func lines(args []string) ([]byte, error) {
	text := strings.Join(args, "\n") + "\n"
	if strings.Count(text, "\n") != len(args) {
		return nil, errors.New("an argument has a line break in it")
	}
	return []byte(text), nil
}

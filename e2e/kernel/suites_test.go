//go:build kernel && linux

package kernel

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSuites runs the probe's own tests, all of them, as root.
func TestSuites(t *testing.T) {
	inGuest(t)
	suites, err := filepath.Glob(filepath.Join(suitesDir, "*", suiteFile))
	if err != nil || len(suites) == 0 {
		t.Fatalf("no tests (%v)", err)
	}
	for _, suite := range suites {
		t.Run(filepath.Base(filepath.Dir(suite)), func(t *testing.T) { runSuite(t, suite) })
	}
}

// outcome is a line of go test about one test, however deep.
var outcome = regexp.MustCompile(`^ *--- (PASS|FAIL|SKIP): `)

// runSuite runs one package's tests where their data are.
func runSuite(t *testing.T, suite string) {
	program, err := filepath.Abs(suite)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.v", "-test.timeout=15m", "-test.run="+*within)
	cmd.Dir = filepath.Dir(program)
	// A suite that starts itself must not take itself for a part of this one.
	cmd.Env = append(os.Environ(), sideEnv+"=")
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	go func() { _ = w.CloseWithError(errors.Join(cmd.Run(), io.EOF)) }()
	count := map[string]int{}
	in := bufio.NewReader(r)
	for err == nil {
		var line string
		line, err = in.ReadString('\n')
		line = strings.TrimRight(line, "\n")
		if m := outcome.FindStringSubmatch(line); m != nil {
			count[m[1]]++
		}
		// Which tests begin, wait and go on fills pages and says nothing.
		if line != "" && !strings.HasPrefix(line, "=== ") {
			_, _ = os.Stdout.WriteString("    " + line + "\n")
		}
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		t.Errorf("%v", exit)
	case !errors.Is(err, io.EOF):
		t.Error(err)
	}
	t.Logf("%d passed, %d failed, %d skipped", count["PASS"], count["FAIL"], count["SKIP"])
	if count["PASS"] == 0 {
		t.Error("nothing was tested")
	}
}

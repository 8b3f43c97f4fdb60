package bpf

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/snattop/snattop/probe/count"
)

// The programs for kernels before Linux 5.17 run on newer ones too: all tests
// that open a counter are run again with them.
func TestProgramsBefore517(t *testing.T) {
	if os.Getenv(oldEnv) != "" {
		t.Skip("this is that run")
	}
	open(t, Config{Rows: 64}) // or skip
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.count=1")
	cmd.Env = append(os.Environ(), oldEnv+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "PASS") {
		t.Fatalf("%v\n%s", err, out)
	}
}

// Where a program cannot walk a map, all is counted but for what goes by unseen,
// and a check is no error.
func TestProgramsBefore59(t *testing.T) {
	open(t, Config{Rows: 64}) // or skip
	s := serve(t, loopback(), 8)
	client, _ := s.pair(false)
	c, err := openAs(Config{Rows: 64}, before59)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	seeded(t, c, netns(t))
	w := newWatch(t, c)
	another, _ := s.pair(false)
	must(t, c.Check(), c.Check())
	w.want("both", s.at, count.Gauges{Established: 2}, count.Events{Opens: 1})
	must(t, abort(client), abort(another))
	w.want("ended", s.at, count.Gauges{}, count.Events{Opens: 1, Closes: 2, Resets: 2, ResetsOut: 2})
}

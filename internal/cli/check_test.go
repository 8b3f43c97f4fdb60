package cli_test

import (
	"strings"
	"testing"

	"github.com/snattop/snattop/internal/cli"
)

func TestCheckUsage(t *testing.T) {
	noCluster(t)
	for args, want := range map[string]struct {
		code int
		says string
	}{
		"check":                      {cli.ExitUsage, "accepts 1 arg"},
		"check snat tunnel":          {cli.ExitUsage, "accepts 1 arg"},
		"check nothing":              {cli.ExitUsage, `there is no runbook "nothing": use `},
		"check snat -o png":          {cli.ExitUsage, `-o "png": use table, json or markdown`},
		"check snat --duration 10ms": {cli.ExitUsage, "use 1s to 1h"},
		"check snat":                 {cli.ExitUnknown, "kubeconfig"},
	} {
		oneLine(t, args, world{}.run(t, strings.Fields(args)...), want.code, want.says)
	}
}

// Help names what can be checked, and is no error.
func TestCheckHelp(t *testing.T) {
	t.Parallel()
	if got := (world{}).run(t, "check", "--help"); got.code != cli.ExitHealthy || !strings.Contains(got.out, "snat") {
		t.Errorf("exit code %d: %s", got.code, got.out)
	}
}

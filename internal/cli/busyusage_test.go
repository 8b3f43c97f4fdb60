package cli_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/snattop/snattop/internal/cli"
)

func TestUntilBusyUsage(t *testing.T) {
	noCluster(t)
	file := recorded(t, 1)
	for _, c := range []struct {
		args  string
		words []string
	}{
		{"report --until-busy=soon", []string{"--until-busy", "soon", "--until-busy=30m"}},
		{"report --until-busy=1ms", []string{"--until-busy", "1s to 24h"}},
		{"record -o x --until-busy=48h", []string{"--until-busy", "1s to 24h"}},
		{"report --until-busy 30m", []string{"30m"}},
		{"report --until-busy --source " + file, []string{"--until-busy", "--source " + file, "has happened"}},
		{"record -o x --until-busy --source " + file, []string{"--until-busy", "has happened"}},
		{"replay --until-busy " + file, []string{"--until-busy"}},
	} {
		oneLine(t, c.args, world{}.run(t, strings.Fields(c.args)...), cli.ExitUsage, c.words...)
	}
	oneLine(t, "a variable", world{env: map[string]string{"SNATTOP_UNTIL_BUSY": "soon"}}.run(t, "report"), cli.ExitUsage, "SNATTOP_UNTIL_BUSY", "soon")
}

// A default for it is no mistake when another command runs, and no default at
// all can be taken back on the command line.
func TestUntilBusyDefault(t *testing.T) {
	noCluster(t)
	config := write(t, "config.yaml", "until-busy: true\n")
	if got := (world{config: config}).run(t, "version"); got.code != 0 {
		t.Errorf("%+v", got)
	}
	again := filepath.Join(t.TempDir(), "again")
	if got := (world{config: config}).run(t, "record", "-o", again, "--source", recorded(t, 1), "--until-busy=false"); got.code != 0 {
		t.Errorf("%+v", got)
	}
	oneLine(t, "no cluster", world{config: config}.run(t, "report"), cli.ExitUnknown)
	for _, command := range []string{"report", "record"} {
		if got := (world{}).run(t, command, "--help"); !strings.Contains(got.out, "--until-busy duration[=1h0m0s]") {
			t.Errorf("the help of %s lacks it: %s", command, got.out)
		}
	}
}

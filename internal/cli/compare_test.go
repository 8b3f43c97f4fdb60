package cli_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/snattop/snattop/internal/cli"
	"github.com/snattop/snattop/internal/report/proof"
)

func TestCompare(t *testing.T) {
	noCluster(t)
	few, many := recorded(t, 10), recorded(t, 100)
	unseen := write(t, "unseen.json", `{"schema":"snattop.report/v1","generated_at":"2026-03-01T12:10:00Z","nodes":[{"name":"n1","state":"denied","error":"user jane may not"}]}`)
	for name, c := range map[string]struct {
		a, b string
		args string
		code int
		word string
	}{
		"less":            {many, few, "", cli.ExitHealthy, "less, beyond noise: ports in use of n1 ~100 → ~10 (−90 %)"},
		"same":            {few, few, "", cli.ExitHealthy, "the same within noise"},
		"more":            {few, many, "", cli.ExitProblem, "more, beyond noise: ports in use of n1 ~10 → ~100 (+900 %)"},
		"cannot tell":     {few, unseen, "", cli.ExitUnknown, "cannot tell: n1 was not seen after: user jane may not"},
		"declared away":   {few, many, "--private-cidr 20.60.0.0/16", cli.ExitHealthy, "the same within noise"},
		"out of ports":    {many, few, "--snat-ports 100", cli.ExitHealthy, "n1 ≥ 100 → ~10"},
		"as markdown":     {many, few, "-o markdown", cli.ExitHealthy, `**less, beyond noise: ports in use of n1 \~100`},
		"a raised budget": {few, many, "--snat-ports 10", cli.ExitUnknown, "no port left before"},
	} {
		got := world{}.run(t, append([]string{"compare", c.a, c.b}, strings.Fields(c.args)...)...)
		if got.code != c.code || got.err != "" || !strings.Contains(got.out, c.word) {
			t.Errorf("%s: exit code %d, want %d; %q; %s", name, got.code, c.code, got.err, got.out)
		}
	}
	got := world{}.run(t, "compare", "-o", "json", many, few)
	var c proof.Comparison
	if err := json.Unmarshal([]byte(got.out), &c); err != nil || got.code != 0 {
		t.Fatalf("%v: %+v", err, got)
	}
	if c.Schema != proof.Schema || c.Answer != proof.Less || c.Before.File != many || c.After.File != few || len(c.Nodes) != 1 || len(c.Workloads) != 1 {
		t.Errorf("%+v", c)
	}
}

// A report and the recording that it was made of say the same.
func TestCompareAReportWithItsRecording(t *testing.T) {
	noCluster(t)
	file := recorded(t, 50)
	report := write(t, "report.json", world{}.run(t, "report", "-o", "json", "--source", file).out)
	got := world{}.run(t, "compare", report, file)
	if got.code != cli.ExitHealthy && got.code != cli.ExitUnknown || got.err != "" || !strings.Contains(got.out, "~50") {
		t.Errorf("%+v", got)
	}
}

func TestCompareRefuses(t *testing.T) {
	noCluster(t)
	file, notes := recorded(t, 1), write(t, "notes.txt", "hello")
	oneLine(t, "no files", world{}.run(t, "compare"), cli.ExitUsage, "2 arg", "compare --help")
	oneLine(t, "one file", world{}.run(t, "compare", file), cli.ExitUsage, "2 arg")
	oneLine(t, "png", world{}.run(t, "compare", file, file, "-o", "png"), cli.ExitUsage, "png", "markdown")
	oneLine(t, "missing", world{}.run(t, "compare", file, "missing-file"), cli.ExitFailed, "missing-file")
	oneLine(t, "no report", world{}.run(t, "compare", notes, file), cli.ExitFailed, notes, "neither a report nor a recording")
	oneLine(t, "a list", world{}.run(t, "compare", file, write(t, "list.json", "[]")), cli.ExitFailed, "list.json", "no report")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	oneLine(t, "a stump", world{}.run(t, "compare", write(t, "stump", string(whole[:12])), file), cli.ExitFailed, "stump")
}

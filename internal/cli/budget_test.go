package cli_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/snattop/snattop/internal/cli"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; -update writes it anew:\n%s", path, got)
	}
}

// What each of these comes to is worked out in internal/snat/plan_test.go.
func TestBudget(t *testing.T) {
	noCluster(t)
	for name, c := range map[string]struct {
		args string
		code int
	}{
		"fits":          {"--provider azure-lb --nodes 24 --surge 3 --ips 1 --snat-ports 2048", cli.ExitHealthy},
		"does-not-fit":  {"--provider azure-lb --nodes 24 --surge 3 --snat-ports 4096", cli.ExitProblem},
		"default":       {"--provider azure-lb --nodes 48 --surge 5", cli.ExitHealthy},
		"beyond":        {"--provider azure-lb --nodes 1001", cli.ExitUnknown},
		"gateway":       {"--provider azure-natgw --nodes 24 --surge 3 --snat-ports 2048", cli.ExitHealthy},
		"gateway-share": {"--provider azure-natgw --nodes 200 --surge 20 --ips 4", cli.ExitHealthy},
		"gateway-16":    {"--provider azure-natgw --nodes 100 --surge 1 --ips 16 --snat-ports 64000", cli.ExitProblem},
		"google":        {"--provider gcp-nat --nodes 24 --surge 1 --snat-ports 1024 --ports-per-ip 20000", cli.ExitProblem},
		"google-dash":   {"--provider gcp-nat --nodes 24", cli.ExitUnknown},
		"aws":           {"--provider aws-natgw --nodes 24 --surge 2 --snat-ports 4096", cli.ExitProblem},
	} {
		for suffix, format := range map[string]string{".txt": "table", ".json": "json"} {
			got := world{}.run(t, append([]string{"budget", "-o", format}, strings.Fields(c.args)...)...)
			if got.code != c.code || got.err != "" {
				t.Errorf("%s: exit code %d, want %d: %q", name, got.code, c.code, got.err)
			}
			golden(t, "budget-"+name+suffix, got.out)
		}
	}
}

func TestBudgetUsage(t *testing.T) {
	noCluster(t)
	for _, c := range []struct {
		args  string
		words []string
	}{
		{"", []string{"--provider auto", "azure-lb"}},
		{"--provider azure-lb", []string{"--nodes 0", "such as 24"}},
		{"--provider nimbus --nodes 3", []string{"--provider", "nimbus", "azure-lb"}},
		{"--provider azure-lb --nodes many", []string{"--nodes", "many"}},
		{"--provider azure-lb --nodes 3 --snat-ports 7", []string{"--snat-ports 7", "use 8"}},
		{"--provider azure-lb --nodes 3 --snat-ports 1020", []string{"use 1016 or 1024"}},
		{"--provider azure-lb --nodes 3 --snat-ports 64008", []string{"64000"}},
		{"--provider azure-lb --nodes 3 --snat-ports -8", []string{"--snat-ports -8"}},
		{"--provider azure-lb --nodes 3 --surge -1", []string{"--surge -1"}},
		{"--provider azure-lb --nodes 3 --ips 0", []string{"--ips 0"}},
		{"--provider azure-natgw --nodes 3 --ips 17", []string{"--ips 17", "16"}},
		{"--provider aws-natgw --nodes 3 --ips 9", []string{"--ips 9", "8"}},
		{"--provider aws-natgw --nodes 3 --ports-per-ip 9", []string{"--ports-per-ip 9"}},
		{"--provider azure-lb --nodes 3 -o png", []string{"png", "json"}},
		{"--provider azure-lb --nodes 3 extra", []string{"extra"}},
		{"--provider azure-lb --nodes 3 --ports 2048", []string{"--ports", "snattop budget --help"}},
	} {
		oneLine(t, c.args, world{}.run(t, append([]string{"budget"}, strings.Fields(c.args)...)...), cli.ExitUsage, c.words...)
	}
}

// Ports may be a default, as for every command; 0 asks for the provider's own.
func TestBudgetDefaults(t *testing.T) {
	noCluster(t)
	config := write(t, "config.yaml", "provider: azure-lb\nnodes: 10\nsurge: 1\nips: 2\nports-per-ip: 63992\noutput: json\n")
	env := map[string]string{"SNATTOP_SNAT_PORTS": "2048"}
	ports := func(got result) any {
		t.Helper()
		var doc struct {
			Schema string `json:"schema"`
			Asked  map[string]any
		}
		if err := json.Unmarshal([]byte(got.out), &doc); err != nil || doc.Schema != "snattop.budget/v1" || got.code != 0 || doc.Asked["nodes"] != 10.0 {
			t.Fatalf("%v: %+v", err, got)
		}
		return doc.Asked["ports_per_node"]
	}
	if got := ports(world{config: config, env: env}.run(t, "budget")); got != 2048.0 {
		t.Errorf("ports asked: %v", got)
	}
	if got := ports(world{config: config, env: env}.run(t, "budget", "--snat-ports", "0")); got != nil {
		t.Errorf("ports asked: %v", got)
	}
	// Defaults of budget are no mistake where another command runs.
	if got := (world{config: config}).run(t, "version"); got.code != 0 {
		t.Errorf("%+v", got)
	}
}

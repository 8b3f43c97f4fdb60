package cli_test

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/cli"
	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/recording"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// recorded makes a recording of one node with so many flows to one
// destination, and of a node that denies.
func recorded(t *testing.T, open uint32) string {
	t.Helper()
	var b bytes.Buffer
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w, err := recording.NewWriter(&b, "test", at)
	if err != nil {
		t.Fatal(err)
	}
	put := func(e session.Event) {
		t.Helper()
		e.Time = at
		if err := w.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	put(session.Event{Cluster: &session.ClusterInfo{Context: "prod", Source: "live", Provider: snat.ProviderUnknown}})
	put(session.Event{Objects: &inventory.Change{
		Nodes: []inventory.Node{{Name: "n1", InternalIP: "10.0.0.4", OS: "linux", Ready: true}},
		Pods:  []inventory.Pod{{UID: "u1", Namespace: "shop", Name: "leaker-1", Node: "n1"}},
	}})
	put(session.Event{Node: "n1", State: &session.NodeState{State: session.StateStreaming}})
	row := wire.Row{ID: 1, Owner: 1, Protocol: 6, IP: netip.MustParseAddr("20.60.1.9"), Port: 443, Established: open, Detailed: true}
	row.Processes = []wire.Process{{PID: 42, Command: "leak", Established: open}}
	tick := wire.Tick{Full: true, Owners: []wire.Owner{{ID: 1, PodUID: "u1"}}, Rows: []wire.Row{row}}
	for range 11 {
		put(session.Event{Node: "n1", Tick: &tick})
		tick = wire.Tick{ElapsedNanos: 1e9}
		at = at.Add(time.Second)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return write(t, "recording.snattop", b.String())
}

func parse(t *testing.T, text string) *report.Report {
	t.Helper()
	var r report.Report
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		t.Fatalf("%v in %.200q", err, text)
	}
	if d.More() {
		t.Error("more than one document")
	}
	return &r
}

func TestReportOfARecording(t *testing.T) {
	noCluster(t)
	for name, c := range map[string]struct {
		open    uint32
		args    string
		code    int
		verdict string
	}{
		"healthy":             {10, "--snat-ports 128", cli.ExitHealthy, "healthy"},
		"pressured":           {110, "--snat-ports 128", cli.ExitProblem, "pressured"},
		"exhausted":           {128, "--snat-ports 128", cli.ExitProblem, "exhausted"},
		"no budget":           {128, "", cli.ExitUnknown, "unknown"},
		"budget of the table": {10, "--provider azure-lb", cli.ExitHealthy, "healthy"},
		"declared private":    {128, "--snat-ports 128 --private-cidr 20.60.0.0/16", cli.ExitHealthy, "healthy"},
		"by node address":     {128, "--snat-ports 128 --node 10.0.0.4", cli.ExitProblem, "exhausted"},
		"one pod":             {128, "--snat-ports 128 -n shop --pod leaker-1", cli.ExitProblem, "exhausted"},
	} {
		args := append([]string{"report", "-o", "json", "--source", recorded(t, c.open)}, strings.Fields(c.args)...)
		got := world{}.run(t, args...)
		if got.code != c.code || got.err != "" {
			t.Errorf("%s: exit code %d, want %d: %q", name, got.code, c.code, got.err)
		}
		r := parse(t, got.out)
		if r.Schema != report.Schema || len(r.Nodes) != 1 || r.Nodes[0].Verdict != c.verdict || r.Window != 10 || r.Cluster.Context != "prod" {
			t.Errorf("%s: %+v", name, r)
		}
		if len(r.Pods) != 1 || r.Pods[0].Name != "leaker-1" || len(r.Destinations) != 1 || len(r.Destinations[0].Processes) != 1 {
			t.Errorf("%s: pods %+v, destinations %+v", name, r.Pods, r.Destinations)
		}
	}
	got := world{}.run(t, "report", "--source", recorded(t, 128), "--snat-ports", "128")
	if got.code != cli.ExitProblem || got.err != "" || !strings.Contains(got.out, "shop/leaker-1") {
		t.Errorf("table: %+v", got)
	}
}

func TestReportCannotTell(t *testing.T) {
	noCluster(t)
	file := recorded(t, 1)
	oneLine(t, "no such node", world{}.run(t, "report", "--source", file, "--node", "n9"), cli.ExitUnknown, `"n9"`, "kubectl get nodes")
	oneLine(t, "missing file", world{}.run(t, "report", "-o", "json", "--source", "missing-file"), cli.ExitFailed, "missing-file")
	text := write(t, "notes.txt", "hello")
	oneLine(t, "no recording", world{}.run(t, "report", "-o", "json", "--source", text), cli.ExitFailed, text, "not a recording")
	for _, terminal := range []bool{false, true} {
		oneLine(t, "replay", world{terminal: terminal}.run(t, "replay", text), cli.ExitFailed, text, "not a recording")
	}

	// A recording that was cut tells what it holds, or why it holds nothing.
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cut := write(t, "cut", string(whole[:len(whole)-20]))
	if got := (world{}).run(t, "report", "-o", "json", "--source", cut, "--snat-ports", "128"); got.out != "" {
		parse(t, got.out)
	} else {
		oneLine(t, "cut", got, cli.ExitUnknown, "ends early")
	}
}

func TestDefaultsAndTheirPrecedence(t *testing.T) {
	noCluster(t)
	file := recorded(t, 100)
	config := write(t, "config.yaml", "snat-ports: 1000000\nprivate-cidr: [10.9.0.0/16, 10.8.0.0/16]\noutput: json\nno-color: true\nspeed: 2\n")
	budget := func(w world, args ...string) (int, string) {
		t.Helper()
		got := w.run(t, append([]string{"report", "--source", file, "-o", "json"}, args...)...)
		r := parse(t, got.out)
		if r.Nodes[0].Ports.Budget == nil {
			return 0, r.Nodes[0].Verdict
		}
		return *r.Nodes[0].Ports.Budget, r.Nodes[0].Verdict
	}
	env := map[string]string{"SNATTOP_SNAT_PORTS": "2048", "SNATTOP_PRIVATE_CIDR": "20.60.0.0/16"}
	for name, c := range map[string]struct {
		world world
		args  []string
		want  int
	}{
		"nothing":            {world{}, nil, 0},
		"file":               {world{config: config}, nil, 1_000_000},
		"variable":           {world{env: env}, nil, 2048},
		"variable over file": {world{env: env, config: config}, nil, 2048},
		"flag over all":      {world{env: env, config: config}, []string{"--snat-ports", "512"}, 512},
	} {
		if got, verdict := budget(c.world, c.args...); got != c.want {
			t.Errorf("%s: budget %d (%s), want %d", name, got, verdict, c.want)
		}
	}
	// Flags of other commands are no mistake in the file, and -o comes from it.
	if got := (world{config: config}).run(t, "report", "--source", file); got.code != 0 || parse(t, got.out).Nodes[0].Verdict != "healthy" {
		t.Errorf("%+v", got)
	}
	if got := (world{config: config}).run(t, "version"); got.code != 0 {
		t.Errorf("%+v", got)
	}
	// The variable's range applies: nothing counts any more.
	if got := (world{env: env}).run(t, "report", "--source", file, "-o", "json"); parse(t, got.out).Destinations[0].WhyNot != "--private-cidr" {
		t.Errorf("%+v", got)
	}
}

func TestRecordToAFileThatIsThere(t *testing.T) {
	noCluster(t)
	file := recorded(t, 1)
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	oneLine(t, "record", world{}.run(t, "record", "-o", file, "--source", file), cli.ExitFailed, file)
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was touched: %v", err)
	}
	// A recording of a recording is one.
	again := filepath.Join(t.TempDir(), "again")
	got := world{}.run(t, "record", "-o", again, "--source", file)
	if got.code != 0 || got.out != "" || !strings.Contains(got.err, "recorded 1 nodes") {
		t.Errorf("%+v", got)
	}
	if got = (world{}).run(t, "report", "-o", "json", "--source", again, "--snat-ports", "128"); got.code != 0 {
		t.Errorf("%+v", got)
	}
}

func TestReportOfThisHost(t *testing.T) {
	if _, err := os.Stat("/proc/net/tcp"); err != nil {
		t.Skip("this is no Linux")
	}
	noCluster(t)
	got := world{}.run(t, "report", "--source", "local", "-o", "json", "--duration", "1s", "--interval", "200ms", "--snat-ports", "64512")
	// What this host does is not ours to say; but it was seen, whatever it is.
	if got.code != cli.ExitHealthy && got.code != cli.ExitProblem || got.err != "" {
		t.Fatalf("%d: %q", got.code, got.err)
	}
	r := parse(t, got.out)
	if (got.code == cli.ExitHealthy) != (r.Nodes[0].Verdict == string(snat.Healthy)) {
		t.Errorf("exit code %d for %s", got.code, r.Nodes[0].Verdict)
	}
	if r.Cluster.Context != "local" || len(r.Nodes) != 1 || r.Nodes[0].State != "streaming" || r.Nodes[0].Collector == "" || r.Window < 1 {
		t.Errorf("%+v", r)
	}
}

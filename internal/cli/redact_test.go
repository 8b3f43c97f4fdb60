package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/klauspost/compress/zstd"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/internal/report/picture"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/recording"
	"github.com/snattop/snattop/internal/session/redact"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
	"github.com/snattop/snattop/tui/app"
)

// Every secret of the story holds this word, or is one of the addresses.
const secretWord = "zsecret"

var secretAddrs = []string{"20.60.77.9", "20.60.77.10", "20.60.77.11", "10.66.0.7", "10.66.5.17", "10.66.99.1", "2603:1020:201::77", "20.99.1.1"}

// secretStory is a cluster in which everything has a secret name: a node that a
// leak exhausts, one with a full table, one that denies, a cloud with problems.
func secretStory() []session.Event {
	at := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	var out []session.Event
	put := func(e session.Event) {
		if e.Time.IsZero() {
			e.Time = at
		}
		out = append(out, e)
	}
	addr := netip.MustParseAddr
	const node, denied = "zsecretnode1", "zsecretnode2.corp.example"
	put(session.Event{Settings: &session.Settings{
		SNATPorts: 128, Private: []session.PrivateRange{{Prefix: netip.MustParsePrefix("20.99.0.0/16"), Why: "peer zsecretpeer-1"}}, OwnEgress: []string{"zsecretns/zsecretown"},
	}})
	put(session.Event{Cluster: &session.ClusterInfo{Context: "zsecretcontext", ServerVersion: "v1.36.3", Source: "live", Provider: snat.ProviderAzureLB}})
	put(session.Event{Objects: &inventory.Change{
		Nodes: []inventory.Node{
			{Name: node, InternalIP: "10.66.0.7", ProviderID: "azure:///subscriptions/zsecretsub/x", OS: "linux", Ready: true, PodCIDRs: []string{"10.66.5.0/24"},
				Labels: map[string]string{inventory.LabelAzureCluster: "MC_zsecretgroup_x_weu", inventory.LabelAzurePool: "zsecretpool"}},
			{Name: denied, InternalIP: "10.66.0.8", OS: "linux", Ready: true, NotReady: "KubeletNotReady: zsecretreason-1 is down"},
		},
		Pods: []inventory.Pod{
			{UID: "zsecretuid1", Namespace: "zsecretns", Name: "zsecretpod-abc12", Node: node, IPs: []netip.Addr{addr("10.66.5.17")}, Phase: "Running",
				Workload: inventory.Workload{Kind: "Deployment", Name: "zsecretdeploy"}, Containers: []inventory.Container{{Name: "zsecretcontainer", ID: "zsecretcontainerid"}}},
			{UID: "zsecretuid2", Namespace: "zsecretns", Name: "zsecretown-1", Node: node, Workload: inventory.Workload{Kind: "ZsecretRollout", Name: "zsecretcrd"}},
			{UID: "zsecretuid3", Namespace: "zsecretns", Name: "zsecretgw-1", Node: node, OwnEgress: "static egress gateway zsecretgateway"},
		},
		Services: []inventory.Service{{UID: "zsecretsvc", Namespace: "zsecretns", Name: "zsecretservice", ClusterIPs: []netip.Addr{addr("10.66.99.1")},
			Ports: []inventory.ServicePort{{Name: "zsecretport", Protocol: snat.TCP, Port: 443}}}},
		Endpoints: []inventory.Endpoints{{UID: "zsecretep", Namespace: "zsecretns", Service: "zsecretservice", Addresses: []netip.Addr{addr("20.60.77.11")},
			Ports: []inventory.EndpointPort{{Name: "zsecretport", Protocol: snat.TCP, Port: 443}}}},
	}})
	put(session.Event{Cloud: &cloud.Reading{
		Provider: snat.ProviderAzureLB, Source: "Azure Monitor",
		Profile:  &cloud.Profile{Outbound: "loadBalancer", IPs: 1, Name: "zsecretaks", Group: "zsecretrg", Nodes: 2, PortsPerNode: 128},
		Problems: []cloud.Problem{{What: "metrics", Sentence: "the account 'zsecretaccount' may not read /subscriptions/zsecretsub/metrics: ask for Monitoring Reader"}},
	}})
	problem := `watching pods: Get "https://zsecretapi.example.net:6443/api": dial tcp 20.60.77.10:6443: refused for user "zsecretuser"`
	put(session.Event{Problem: &problem})
	put(session.Event{Node: denied, State: &session.NodeState{State: session.StateDenied, Error: `pods "zsecretprobe-x1" is forbidden: User "zsecretuser" cannot create in namespace "zsecretdebug"`, Progress: "asking zsecret.example.org"}})
	put(session.Event{Node: node, State: &session.NodeState{State: session.StateStreaming, Rung: "node pod"}})
	put(session.Event{Node: node, Hello: &wire.Hello{Probe: "1", Hostname: "zsecrethost", Kernel: "6.8.0", Collector: "ebpf", IntervalMillis: 1000,
		Features: []wire.Feature{{Name: "eBPF", Answer: wire.No, Detail: "open /home/zsecretuser/x: refused"}}}})
	process := []wire.Process{{PID: 4711, Command: "node /srv/zsecretapp/server.js --token=zsecrettoken", ContainerID: "zsecretcontainerid", Established: 120}}
	rows := []wire.Row{
		{ID: 1, Owner: 1, Protocol: 6, IP: addr("20.60.77.9"), Port: 443, Established: 20, Detailed: true, Processes: process},
		{ID: 2, Owner: 1, Protocol: 6, IP: addr("10.66.99.1"), Port: 443, Established: 3, Detailed: true},
		{ID: 3, Owner: 2, Protocol: 6, IP: addr("20.60.77.10"), Port: 443, Established: 4},
		{ID: 4, Owner: 3, Protocol: 6, IP: addr("20.60.77.10"), Port: 443, Established: 4},
		{ID: 5, Owner: 4, Protocol: 6, IP: addr("2603:1020:201::77"), Port: 443, Established: 2},
		{ID: 6, Owner: 4, Protocol: 6, IP: addr("20.99.1.1"), Port: 443, Established: 5},
		{ID: 7, Owner: 4, Protocol: 6, IP: addr("10.66.0.7"), Port: 10250, Established: 5},
	}
	rows = append(rows, wire.Row{ID: 8, Owner: 5, Protocol: 6, IP: addr("20.60.77.9"), Port: 80, Established: 1}, wire.Row{ID: 9, Owner: 6, Protocol: 6, IP: addr("20.60.77.9"), Port: 81, Established: 1})
	owners := []wire.Owner{
		{ID: 1, NetNS: 1, PodUID: "zsecretuid1", ContainerIDs: []string{"zsecretcontainerid"}, IPs: []netip.Addr{addr("10.66.5.17")}},
		{ID: 2, NetNS: 2, PodUID: "zsecretuid2"}, {ID: 3, NetNS: 3, PodUID: "zsecretuid3"},
		{ID: 4, NetNS: 4, HostNetwork: true, Unit: "zsecretunit.service"}, {ID: 5, NetNS: 4, HostNetwork: true, Unit: "zsecretdaemon"},
		{ID: 6, NetNS: 6, PodUID: "zsecretuid-unknown"},
	}
	tick := wire.Tick{
		Seq: 1, Full: true, Owners: owners, Rows: rows, Conntrack: []wire.Conntrack{{HostNetwork: true, Count: 100, Max: 1000}},
		Sources:  []wire.Source{{IP: addr("10.66.5.17"), TCP: 3, Local: true}, {IP: addr("20.60.77.10"), TCP: 4}},
		Problems: []string{"the namespace of zsecretpod-abc12 could not be entered"},
	}
	for i := range 60 {
		t := tick
		put(session.Event{Node: node, Tick: &t})
		at = at.Add(time.Second)
		open := uint32(20 + 2*i)
		tick = wire.Tick{Seq: uint64(i) + 2, ElapsedNanos: 1e9, Rows: []wire.Row{{ID: 1, Established: open, Opens: 2, SynSent: uint32(i), Fails: 1, TimedOut: 1, SynRetrans: 9, Detailed: true, Processes: process}}}
		if i == 30 {
			tick = wire.Tick{Seq: uint64(i) + 2, Full: true, Collector: "diag", Problems: []string{"loading /sys/zsecretfs/x: no such file"}, Owners: owners, Rows: rows}
		}
	}
	return out
}

type storySource []session.Event

func (s storySource) Run(_ context.Context, to session.Sink) error {
	for _, e := range s {
		to.Put(e)
	}
	return nil
}

func (storySource) Focus(session.Focus) {}

// leaks fails the test for each secret that a text holds.
func leaks(t *testing.T, where, text string) {
	t.Helper()
	lower := strings.ToLower(text)
	if i := strings.Index(lower, secretWord); i >= 0 {
		t.Errorf("%s tells %q", where, text[max(0, i-60):min(len(text), i+60)])
	}
	for _, a := range secretAddrs {
		if i := strings.Index(text, a); i >= 0 {
			t.Errorf("%s tells the address %s: %q", where, a, text[max(0, i-60):min(len(text), i+40)])
		}
	}
}

// everything is all that the program can show or write of a picture, by name.
func everything(t *testing.T, s *session.Session, held *recording.Lead) map[string]string {
	t.Helper()
	out := map[string]string{}
	pic := s.Snapshot()
	r := report.Build(pic, report.Filter{}, pic.Time, time.Minute)
	for name, write := range map[string]func(io.Writer, *report.Report) error{"json": report.JSON, "table": report.Table, "markdown": report.Markdown} {
		var b bytes.Buffer
		if err := write(&b, r); err != nil {
			t.Fatal(err)
		}
		out[name] = b.String()
	}
	// Every page, with help and evidence over it, of every node and pod.
	m := app.New(s, app.Options{Now: func() time.Time { return pic.Time }})
	m.Update(tea.WindowSizeMsg{Width: 200, Height: 60})
	press := func(key string) {
		msg := tea.KeyPressMsg{Code: []rune(key)[0], Text: key}
		switch key {
		case "esc":
			msg = tea.KeyPressMsg{Code: tea.KeyEscape}
		case "enter":
			msg = tea.KeyPressMsg{Code: tea.KeyEnter}
		}
		_, cmd := m.Update(msg)
		if key == "y" && cmd != nil {
			copied := cmd()
			out["copied "+fmt.Sprint(len(out))] = fmt.Sprintf("%+v", copied)
		}
		view := m.View()
		out[fmt.Sprintf("screen %d after %s", len(out), key)] = ansi.Strip(view.Content) + view.WindowTitle
		g := picture.Parse(view.Content, 200, 60, paper(true))
		var b bytes.Buffer
		if err := g.SVG(&b); err != nil {
			t.Fatal(err)
		}
		out[fmt.Sprintf("svg %d", len(out))] = b.String()
		out[fmt.Sprintf("the cells of the PNG %d", len(out))] = g.Text()
	}
	for node := range pic.Nodes {
		press("1")
		press("g")
		for range node {
			press("j")
		}
		for _, k := range []string{"x", "x", "d", "x", "esc", "y", "esc", "y", "enter"} {
			press(k)
		}
		for owner := range pic.Nodes[node].Owners {
			press("2")
			press("g")
			for range owner {
				press("j")
			}
			for _, k := range []string{"x", "x", "d", "x", "esc", "esc", "enter", "x", "x", "y", "j", "x", "x", "j", "x", "x", "?", "?"} {
				press(k)
			}
		}
	}
	press("b")
	press("5")
	press("x")
	// What the recording holds, unpacked.
	var b bytes.Buffer
	w, err := recording.NewWriter(&b, "test", pic.Time)
	if err != nil {
		t.Fatal(err)
	}
	if err := join(held.Tell(w), w.Close()); err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	out["recording"] = string(plain)
	return out
}

func hear(t *testing.T, src session.Source, opts session.Options) (*session.Session, *recording.Lead) {
	t.Helper()
	held := recording.NewLead(src)
	s := session.New(opts)
	s.FocusAll()
	if err := s.Run(t.Context(), held); err != nil {
		t.Fatal(err)
	}
	return s, held
}

// Nothing that the program shows or writes of a redacted picture tells one of
// the names and addresses that are in it.
func TestRedactEverything(t *testing.T) {
	t.Parallel()
	story := storySource(secretStory())
	// The secrets are there to be found at all.
	open, held := hear(t, story, session.Options{})
	found := strings.Builder{}
	for _, text := range everything(t, open, held) {
		found.WriteString(text)
	}
	for _, secret := range []string{
		"zsecretcontext", "zsecretnode1", "zsecretnode2", "zsecretns", "zsecretpod", "zsecretdeploy", "zsecretcontainer", "zsecretservice", "zsecretapp", "zsecrettoken",
		"zsecretunit", "zsecretuser", "zsecretgateway", "zsecretaks", "zsecretrg", "zsecretaccount", "zsecretdebug", "zsecretpeer", "zsecretfs", "zsecretuid1", "zsecretown", "zsecretport",
	} {
		if !strings.Contains(found.String(), secret) {
			t.Errorf("the story does not tell %s, so that nothing is proved of it", secret)
		}
	}
	for _, a := range secretAddrs {
		if !strings.Contains(found.String(), a) {
			t.Errorf("the story does not tell %s", a)
		}
	}

	r := redact.New([]byte("of this test"), session.Options{})
	hidden, kept := hear(t, r.Source(story), session.Options{})
	all := everything(t, hidden, kept)
	for where, text := range all {
		leaks(t, where, text)
	}
	// In the recording addresses are bytes.
	for _, a := range secretAddrs {
		if strings.Contains(all["recording"], string(netip.MustParseAddr(a).AsSlice())) {
			t.Errorf("the recording tells %s", a)
		}
	}
	same(t, open.Snapshot(), hidden.Snapshot())
	// And the ticket's folder, by its name and by each of its files.
	o := &options{outDir: t.TempDir()}
	path, err := o.tickets(kept, session.Settings{})(wanted(t, hidden.Snapshot()))
	if err != nil {
		t.Fatal(err)
	}
	path, _, _ = strings.Cut(path, " (")
	leaks(t, "the folder's name", path)
	for name, b := range filesOf(t, path) {
		leaks(t, name, string(b))
	}
	// What is replayed of it is what was seen.
	replayed, _ := played(t, filepath.Join(path, ticketRecording), nil)
	same(t, hidden.Snapshot(), replayed.Snapshot())
}

// same fails the test unless two pictures have the same figures: the reasons
// why something takes no port among them.
func same(t *testing.T, a, b *session.Snapshot) {
	t.Helper()
	if len(a.Nodes) != len(b.Nodes) {
		t.Fatalf("%d nodes, were %d", len(b.Nodes), len(a.Nodes))
	}
	shape := func(s *session.Snapshot) string {
		var lines []string
		for _, n := range s.Nodes {
			line := fmt.Sprintf("%s %s %+v open %d public %d", n.State, n.Verdict, n.Ports, n.Open, n.EstablishedPublic)
			dests := []string{}
			for _, o := range n.Owners {
				for _, d := range o.Dests() {
					why, _, _ := strings.Cut(d.WhyNot, " zsecret")
					why, _, _ = strings.Cut(why, " name-")
					dests = append(dests, fmt.Sprintf("%d %d %t %t %s %d", d.Port, d.Established, d.Eligible, d.Public, strings.Fields(why + " .")[0], len(d.Endpoints)))
				}
			}
			slices.Sort(dests)
			lines = append(lines, line+"\n  "+strings.Join(dests, "\n  "))
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	if x, y := shape(a), shape(b); x != y {
		t.Errorf("the pictures differ:\n%s\n----\n%s", x, y)
	}
}

func TestRedactByFlag(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	file := filepath.Join(t.TempDir(), "secret.snattop")
	var b bytes.Buffer
	w, err := recording.NewWriter(&b, "test", time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range secretStory() {
		if err := w.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := join(w.Close(), os.WriteFile(file, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	run := func(key string, args ...string) (string, string, int) {
		t.Helper()
		var out, errs bytes.Buffer
		code := Run(t.Context(), Config{
			Version: "1", Name: "snattop", Args: args, Streams: Streams{In: strings.NewReader(""), Out: &out, Err: &errs},
			Getenv: func(v string) string {
				if v == redactKeyVar {
					return key
				}
				return ""
			},
		})
		return out.String(), errs.String(), code
	}
	const key = "0123456789abcdef"
	for _, output := range []string{"json", "table", "markdown", "svg"} {
		out, errs, code := run("", "report", "--redact", "--source", file, "-o", output)
		leaks(t, output, out)
		leaks(t, output+" on standard error", errs)
		if code != ExitProblem || len(out) < 500 {
			t.Errorf("%s: exit code %d: %s", output, code, errs)
		}
	}
	first, _, _ := run(key, "report", "--redact", "--source", file, "-o", "svg")
	second, _, _ := run(key, "report", "--redact", "--source", file, "-o", "svg")
	other, _, _ := run("", "report", "--redact", "--source", file, "-o", "svg")
	if first != second || first == other {
		t.Error("a key decides the pseudonyms, and no key is another one each time")
	}
	// The real names still say what is meant.
	for _, args := range [][]string{{"--node", "zsecretnode1"}, {"--node", "10.66.0.7"}, {"-n", "zsecretns", "--pod", "zsecretpod-abc12"}} {
		out, errs, code := run("", append([]string{"report", "--redact", "--source", file, "-o", "json"}, args...)...)
		if code != ExitProblem || !strings.Contains(out, `"established": 136`) {
			t.Errorf("%q: exit code %d: %s %s", args, code, errs, out)
		}
		leaks(t, strings.Join(args, " "), out)
	}
	copied := filepath.Join(t.TempDir(), "redacted.snattop")
	if _, errs, code := run("", "record", "--redact", "--source", file, "-o", copied); code != ExitHealthy {
		t.Fatal(errs)
	}
	again, _, _ := run("", "report", "--source", copied, "-o", "json")
	leaks(t, "a redacted copy", again)
	if !strings.Contains(again, `"established": 136`) {
		t.Error("the copy is not whole")
	}
	if _, errs, code := run("short", "report", "--redact", "--source", file); code != ExitUsage || !strings.Contains(errs, redactKeyVar) {
		t.Errorf("a short key: %d %s", code, errs)
	}
	for _, args := range []string{"compare --redact a b", "check --redact all"} {
		if out, errs, code := run("", strings.Fields(args)...); code != ExitUsage || out != "" || !strings.Contains(errs, "cannot leave out names") {
			t.Errorf("%s: %d %s", args, code, errs)
		}
	}
	for _, args := range []string{"version --redact", "budget --redact --provider azure-lb --nodes 3 --ips 1 --snat-ports 128", "completion bash --redact"} {
		if _, errs, code := run("", strings.Fields(args)...); code != ExitHealthy {
			t.Errorf("%s: %d %s", args, code, errs)
		}
	}
}

package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
)

func build(f report.Filter) *report.Report {
	return report.Build(picture(), f, generated, 10*time.Second+1234567*time.Nanosecond)
}

func encode(t *testing.T, r *report.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := report.JSON(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestJSON(t *testing.T) {
	t.Parallel()
	golden(t, "report.json", encode(t, build(report.Filter{})))
}

func TestTable(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := report.Table(&b, build(report.Filter{})); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.txt", b.Bytes())
	for line := range strings.Lines(b.String()) {
		if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), unicode.IsControl) {
			t.Errorf("%q", line)
		}
	}
}

func TestEmpty(t *testing.T) {
	t.Parallel()
	r := report.Build(&session.Snapshot{}, report.Filter{}, generated, 0)
	golden(t, "empty.json", encode(t, r))
	var b bytes.Buffer
	if err := report.Table(&b, r); err != nil {
		t.Fatal(err)
	}
	golden(t, "empty.txt", b.Bytes())
}

// The document against the text of the contract: every key, and no other.
func TestSchema(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema, doc any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	// What people read of it is the same.
	if page, err := os.ReadFile("../../docs/report.md"); err != nil || !strings.Contains(string(page), "```json\n"+string(text)+"```\n") {
		t.Errorf("docs/report.md does not hold the schema (%v)", err)
	}
	r := build(report.Filter{})
	if err := json.Unmarshal(encode(t, r), &doc); err != nil {
		t.Fatal(err)
	}
	conform(t, "", schema, doc)
}

// mayBeEmpty are lists that say something only of some of their owners.
var mayBeEmpty = []string{"processes", "why", "remedies", "features", "handovers", "sources", "notes", "scoped"}

func conform(t *testing.T, path string, schema, doc any) {
	t.Helper()
	switch s := schema.(type) {
	case map[string]any:
		if doc == nil && (strings.HasSuffix(path, "life_ms") || strings.Contains(path, ".levels.")) { // not known
			return
		}
		d, ok := doc.(map[string]any)
		if !ok {
			t.Errorf("%s is %T", path, doc)
			return
		}
		if want, got := slices.Sorted(maps.Keys(s)), slices.Sorted(maps.Keys(d)); !slices.Equal(want, got) {
			t.Errorf("%s has the keys %q, the contract says %q", path, got, want)
		}
		for k := range s {
			conform(t, path+"."+k, s[k], d[k])
		}
	case []any:
		d, ok := doc.([]any)
		if !ok {
			t.Errorf("%s is %T, not a list", path, doc)
			return
		}
		if len(d) == 0 && !slices.ContainsFunc(mayBeEmpty, func(key string) bool { return strings.HasSuffix(path, "."+key) }) {
			t.Errorf("%s is empty: the test shows nothing", path)
		}
		for _, one := range d {
			conform(t, path+"[]", s[0], one)
		}
	case string:
		d, ok := doc.(string)
		if !ok {
			t.Errorf("%s is %T, not a text", path, doc)
		}
		if words := strings.Split(s, "|"); len(words) > 1 && !slices.Contains(words, d) {
			t.Errorf("%s is %q, the contract knows %q", path, d, words)
		}
		if strings.ContainsFunc(d, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
			t.Errorf("%s = %q", path, d)
		}
	case bool:
		if _, ok := doc.(bool); !ok {
			t.Errorf("%s is %T, not true or false", path, doc)
		}
	case float64, nil: // a number; null when it is not known
		if _, ok := doc.(float64); !ok && doc != nil {
			t.Errorf("%s is %T, not a number", path, doc)
		}
	}
}

func TestUnknownNumbersAreNull(t *testing.T) {
	t.Parallel()
	r := build(report.Filter{Node: "denied"})
	var doc struct{ Nodes []map[string]any }
	if err := json.Unmarshal(encode(t, r), &doc); err != nil {
		t.Fatal(err)
	}
	n := doc.Nodes[0]
	for _, key := range []string{"established_public", "syn_sent_public", "cooling", "opens_per_second", "failed_per_second", "seconds_to_full", "probe_cpu_ms_per_second"} {
		if v, ok := n[key]; !ok || v != nil {
			t.Errorf("%s = %v", key, v)
		}
	}
	for _, group := range []string{"ports", "conntrack"} {
		for key, v := range n[group].(map[string]any) {
			if v != nil && key != "budget" && key != "budget_source" && key != "sources" {
				t.Errorf("%s.%s = %v", group, key, v)
			}
		}
	}
	if n["ports"].(map[string]any)["budget"] != 128.0 {
		t.Error("its budget is known")
	}
}

// What a collector cannot see is null, what it sees none of is zero, and before
// the second look nothing is a rate.
func TestWhatIsNotSeenIsNull(t *testing.T) {
	t.Parallel()
	dest := func(r *report.Report, ip string) report.Destination {
		for _, d := range r.Destinations {
			if d.IP == ip {
				return d
			}
		}
		t.Fatalf("no destination %s", ip)
		return report.Destination{}
	}
	r := build(report.Filter{Node: "seen"})
	if d := dest(r, "20.60.1.9"); *d.Resets != 0.46 || *d.Refused != 1 || *d.TimedOut != 2.5 || *d.NoPort != 0.1 || *d.SynRetransmits != 12.35 || *d.Life.P50 != 8 || *d.Life.P90 != 128 {
		t.Errorf("%+v", d)
	}
	if d := dest(r, "20.60.1.10"); d.Resets == nil || *d.Resets != 0 || d.Life != nil {
		t.Errorf("%+v", d)
	}
	if d := dest(r, "20.60.1.11"); d.Resets != nil || d.NoPort != nil || *d.Life.P50 != 16 || d.Life.P90 != nil {
		t.Errorf("%+v", d)
	}
	if d := dest(build(report.Filter{Node: "full"}), "20.60.1.9"); d.Resets != nil || d.SynRetransmits != nil || d.Life != nil {
		t.Errorf("%+v", d)
	}
	pic := picture()
	pic.Node("full").Collector = "tcptracer"
	r = report.Build(pic, report.Filter{Node: "full"}, generated, 0)
	if d := dest(r, "20.60.1.9"); d.SynSent != nil || d.FailedPerSecond != nil || r.Nodes[0].SynSentPublic != nil || r.Nodes[0].FailedPerSecond != nil ||
		r.Pods[0].SynSentPublic != nil || r.Pods[0].FailedPerSecond != nil {
		t.Errorf("tcptracer does not see attempts: %+v %+v %+v", d, r.Nodes[0], r.Pods[0])
	}
	pic.Node("seen").CountedSince = pic.Node("seen").LastTick
	if d := dest(report.Build(pic, report.Filter{Node: "seen"}, generated, 0), "20.60.1.9"); d.Resets != nil || d.SynRetransmits != nil || d.Life == nil {
		t.Errorf("after one look: %+v", d)
	}
}

func names(r *report.Report) (nodes, pods, unseen []string) {
	for _, n := range r.Nodes {
		nodes = append(nodes, n.Name)
	}
	for _, p := range r.Pods {
		pods = append(pods, p.Name+"/"+p.Owner.Name)
	}
	for _, u := range r.Loss.NodesUnseen {
		unseen = append(unseen, u.Node)
	}
	return nodes, pods, unseen
}

func TestFilter(t *testing.T) {
	t.Parallel()
	const evil = "evil<b> name\ufffd"
	all := []string{"full", "denied", "reaching", "seen", "calm"}
	for name, c := range map[string]struct {
		filter              report.Filter
		nodes, pods, unseen []string
		dests, findings     int
	}{
		"nothing":       {report.Filter{}, all, []string{"leaker-1/leaker", "/sshd.service", evil + "/" + evil, "search-1/search", "/process unknown"}, []string{"denied", "reaching"}, 7, 3},
		"node by name":  {report.Filter{Node: "full"}, []string{"full"}, []string{"leaker-1/leaker", "/sshd.service"}, nil, 3, 3},
		"node by IP":    {report.Filter{Node: "10.0.0.6"}, []string{"calm"}, []string{evil + "/" + evil, "/process unknown"}, nil, 1, 0},
		"unseen by IP":  {report.Filter{Node: "10.0.0.5"}, []string{"denied"}, nil, []string{"denied"}, 0, 0},
		"no such node":  {report.Filter{Node: "10.0.0.99"}, nil, nil, nil, 0, 0},
		"namespace":     {report.Filter{Namespace: "shop"}, all, []string{"leaker-1/leaker", "search-1/search"}, []string{"denied", "reaching"}, 5, 3},
		"pod":           {report.Filter{Namespace: "shop", Pod: "leaker-1"}, all, []string{"leaker-1/leaker"}, []string{"denied", "reaching"}, 2, 3},
		"no such pod":   {report.Filter{Namespace: "shop", Pod: "leaker"}, all, nil, []string{"denied", "reaching"}, 0, 3},
		"another space": {report.Filter{Namespace: "sho", Pod: "leaker-1"}, all, nil, []string{"denied", "reaching"}, 0, 3},
	} {
		r := build(c.filter)
		nodes, pods, unseen := names(r)
		if !slices.Equal(nodes, c.nodes) || !slices.Equal(pods, c.pods) || !slices.Equal(unseen, c.unseen) || len(r.Destinations) != c.dests || len(r.Findings) != c.findings {
			t.Errorf("%s: nodes %q, pods %q, unseen %q, %d destinations, %d findings", name, nodes, pods, unseen, len(r.Destinations), len(r.Findings))
		}
		if c.filter.Empty() != (name == "nothing") {
			t.Errorf("%s: Empty() = %t", name, c.filter.Empty())
		}
		if strings.Contains(string(encode(t, r)), ": null,\n \"") {
			t.Errorf("%s: a list is null", name)
		}
	}
}

// Worst first: by the node's verdict, then the estimate, then the name.
func TestOrder(t *testing.T) {
	t.Parallel()
	owner := func(node, name string, estimate, open int) *session.Owner {
		return &session.Owner{Node: node, Namespace: "ns", Name: name, Counts: session.Counts{Ports: snat.Ports{Estimate: estimate, Max: estimate}, Open: open},
			Listed: []*session.Dest{
				{Dest: tcp("10.0.0.1", 1), Established: 9_000, Class: snat.Class{WhyNot: "private"}},
				{Dest: tcp("20.0.0.1", 1), Established: open, Class: public},
			}}
	}
	pic := &session.Snapshot{Nodes: []*session.Node{
		{Name: "n1", Verdict: snat.Exhausted, Owners: []*session.Owner{owner("n1", "b", 5, 5), owner("n1", "a", 5, 1)}},
		{Name: "n2", Verdict: snat.Pressured, Owners: []*session.Owner{owner("n2", "d", 900, 900), owner("n2", "c", 2, 2)}},
		{Name: "n3", Verdict: snat.NotSNAT, Owners: []*session.Owner{owner("n3", "g", 70, 70)}},
		{Name: "n4", Verdict: snat.Unknown, Owners: []*session.Owner{owner("n4", "f", 80, 80)}},
		{Name: "n5", Verdict: snat.Healthy, Owners: []*session.Owner{owner("n5", "e", 950, 950)}},
	}}
	r := report.Build(pic, report.Filter{}, generated, 0)
	_, pods, _ := names(r)
	if want := []string{"a/", "b/", "d/", "c/", "g/", "f/", "e/"}; !slices.Equal(pods, want) {
		t.Errorf("%q, want %q", pods, want)
	}
	var dests []string
	for _, d := range r.Destinations {
		dests = append(dests, d.Pod)
	}
	if want := []string{"b", "a", "d", "c", "g", "f", "e"}; !slices.Equal(dests[:7], want) || !r.Destinations[6].Eligible || r.Destinations[7].Eligible {
		t.Errorf("%q, want %q, then those that do not count", dests, want)
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	for state, want := range map[session.State]string{
		session.StateStreaming: "streaming", session.StateUnreachable: "unreachable", session.StateDenied: "denied", session.StateNotLinux: "not-linux",
		session.StateWaiting: "unreachable", session.StateConnecting: "unreachable", "from the future": "unreachable",
	} {
		r := report.Build(&session.Snapshot{Nodes: []*session.Node{{Name: "n", State: state}}}, report.Filter{}, generated, 0)
		if got := r.Nodes[0].State; got != want {
			t.Errorf("%s: %q, want %q", state, got, want)
		}
	}
}

func TestFindings(t *testing.T) {
	t.Parallel()
	for verdict, want := range map[snat.Verdict]string{
		snat.Exhausted: "critical", snat.Pressured: "warning", snat.NotSNAT: "warning", snat.Healthy: "", snat.Unknown: "", "new": "",
	} {
		r := report.Build(&session.Snapshot{Nodes: []*session.Node{{Name: "n", Verdict: verdict, Why: []string{"because"}}}}, report.Filter{}, generated, 0)
		switch {
		case want == "" && len(r.Findings) != 0:
			t.Errorf("%s: %+v", verdict, r.Findings)
		case want != "":
			if f := r.Findings[0]; f.Severity != want || f.ID != "snat."+string(verdict) || f.Subject != "node/n" || f.Summary == "" || f.Evidence[0].Output != "because" {
				t.Errorf("%s: %+v", verdict, f)
			}
		}
	}
}

// writer takes so many bytes and fails then.
type writer struct{ took int }

var errPipe = errors.New("broken pipe")

func (w *writer) Write([]byte) (int, error) {
	w.took++
	return 0, errPipe
}

func TestWriterFails(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(*writer) error{
		"json":  func(w *writer) error { return report.JSON(w, build(report.Filter{})) },
		"table": func(w *writer) error { return report.Table(w, build(report.Filter{})) },
		"page":  func(w *writer) error { return report.Markdown(w, build(report.Filter{})) },
	} {
		var w writer
		if err := write(&w); !errors.Is(err, errPipe) || w.took != 1 {
			t.Errorf("%s: %v after %d writes", name, err, w.took)
		}
	}
	// What cannot be encoded is not half written.
	r := build(report.Filter{})
	r.Window = math.NaN()
	var b bytes.Buffer
	if err := report.JSON(&b, r); err == nil || b.Len() != 0 {
		t.Errorf("%v, %d bytes", err, b.Len())
	}
}

func TestTableIsBounded(t *testing.T) {
	t.Parallel()
	r := report.Build(&session.Snapshot{}, report.Filter{}, generated, 0)
	for range 25 {
		r.Pods = append(r.Pods, report.Pod{Name: "p"})
		r.Destinations = append(r.Destinations, report.Destination{IP: "no address", Port: 7, Pod: "p", Namespace: "ns", Eligible: true})
	}
	var b bytes.Buffer
	if err := report.Table(&b, r); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if strings.Count(text, "… and 5 more: see -o json") != 2 || strings.Count(text, "no address:7 ") != 20 {
		t.Error(text)
	}
}

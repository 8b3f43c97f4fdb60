package proof_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/internal/report/proof"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/recording"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

func write(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func encode(t testing.TB, r *report.Report) []byte {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	good := string(encode(t, newWorld(noon).node("n1", numbers{ports: 5}).pod("n1", "a", "b", "c", numbers{ports: 5}).dest("n1", "a", "b", "20.0.0.1", numbers{open: 5}).r))
	with := func(old, replacement string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in %s", old, good)
		}
		return strings.Replace(good, old, replacement, 1)
	}
	for name, c := range map[string]struct {
		text  string
		words []string
	}{
		"nothing":             {"", []string{"empty", "snattop report -o json"}},
		"notes":               {"hello", []string{"neither a report nor a recording", "byte"}},
		"a list":              {"[]", []string{"no report", "array"}},
		"cut":                 {good[:len(good)/2], []string{"ends early"}},
		"two":                 {good + good, []string{"something follows"}},
		"trailing words":      {good + " x", []string{"something follows"}},
		"another schema":      {with("snattop.report/v1", "snattop.report/v9"), []string{`"snattop.report/v9"`, "snattop.report/v1"}},
		"no schema":           {"{}", []string{`""`, "snattop.report/v1"}},
		"a comparison":        {with("snattop.report/v1", "snattop.compare/v1"), []string{"comparison already"}},
		"no nodes":            {`{"schema":"snattop.report/v1"}`, []string{"no node"}},
		"a name twice":        {string(encode(t, newWorld(noon).node("n1", numbers{}).node("n1", numbers{}).r)), []string{`nodes[1].name "n1"`}},
		"below zero":          {with(`"estimate":5`, `"estimate":-5`), []string{"nodes[0].ports.estimate is -5"}},
		"a level below zero":  {with(`"sd":0.1`, `"sd":-1`), []string{"nodes[0].levels.ports.sd is -1"}},
		"more than there is":  {with(`"mean":5`, `"mean":1e300`), []string{"nodes[0].levels.ports.mean is 1e+300"}},
		"too large a number":  {with(`"mean":5`, `"mean":1e999`), []string{"1e999"}},
		"a word for a number": {with(`"mean":5`, `"mean":"many"`), []string{"string", "levels"}},
		"deep":                {strings.Repeat("[", 100000), []string{"nor a recording"}},
		"a long schema":       {`{"schema":"` + strings.Repeat("x", 10000) + `"}`, []string{"not snattop.report/v1"}},
	} {
		_, err := proof.Read(strings.NewReader(c.text))
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if len(err.Error()) > 300 || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: not a line: %q", name, err)
		}
		for _, w := range c.words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q lacks %q", name, err, w)
			}
		}
	}
	if _, err := proof.Read(strings.NewReader(with(`"schema"`, `"a key of tomorrow":{"x":[1]},"schema"`))); err != nil {
		t.Errorf("a key of a newer version: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	open := func(path string) error {
		_, err := proof.Open(t.Context(), path, session.Options{})
		if err == nil {
			t.Errorf("%s: accepted", path)
			return errors.New("")
		}
		if !strings.Contains(err.Error(), path) {
			t.Errorf("%q does not name the file", err)
		}
		return err
	}
	dir := t.TempDir()
	if err := open(dir); !strings.Contains(err.Error(), "folder") {
		t.Error(err)
	}
	if err := open(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if err := open(write(t, "notes.txt", []byte("hello"))); !strings.Contains(err.Error(), "neither a report") {
		t.Error(err)
	}
	// Zstandard, and nothing of ours in it.
	if err := open(write(t, "foreign", []byte("\x28\xb5\x2f\xfd\x04\x00\x29\x00\x00hello"))); !errors.Is(err, recording.ErrFormat) {
		t.Error(err)
	}
	var b bytes.Buffer
	w, err := recording.NewWriter(&b, "test", noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(write(t, "empty recording", b.Bytes())); !strings.Contains(err.Error(), "no node") {
		t.Error(err)
	}
}

// recorded is a node that opens so many connections a second, each of which
// ends at once, and keeps so many.
func recorded(t testing.TB, at time.Time, churn, kept uint32, seconds int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := recording.NewWriter(&b, "test", at)
	if err != nil {
		t.Fatal(err)
	}
	put := func(e session.Event) {
		e.Time = at
		if err := w.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	put(session.Event{Cluster: &session.ClusterInfo{Context: "prod", Source: "live", Provider: snat.ProviderAWSNATGW}})
	put(session.Event{Objects: &inventory.Change{
		Nodes: []inventory.Node{{Name: "n1", InternalIP: "10.0.0.4", OS: "linux", Ready: true}},
		Pods:  []inventory.Pod{{UID: "u1", Namespace: "shop", Name: "checkout-1", Node: "n1", Workload: inventory.Workload{Kind: "Deployment", Name: "checkout"}}},
	}})
	put(session.Event{Node: "n1", State: &session.NodeState{State: session.StateStreaming}})
	put(session.Event{Node: "n1", Hello: &wire.Hello{Collector: "ebpf", IntervalMillis: 1000}})
	row := wire.Row{ID: 1, Owner: 1, Protocol: 6, IP: netip.MustParseAddr("20.60.1.9"), Port: 443, Established: kept}
	tick := wire.Tick{Full: true, Owners: []wire.Owner{{ID: 1, PodUID: "u1"}}, Rows: []wire.Row{row}}
	for range seconds {
		put(session.Event{Node: "n1", Tick: &tick})
		row.Opens, row.Closes = churn, churn
		tick = wire.Tick{ElapsedNanos: 1e9, Rows: []wire.Row{row}}
		at = at.Add(time.Second)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func input(t *testing.T, content []byte) *proof.Input {
	t.Helper()
	in, err := proof.Open(t.Context(), write(t, "recording.snattop", content), session.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// Recordings go through a session, and their levels are those of a session
// that was looked at every second, however fast they are played.
func TestRecordings(t *testing.T) {
	t.Parallel()
	before, after := input(t, recorded(t, noon, 12, 3, 200)), input(t, recorded(t, later, 0, 9, 200))
	n := before.Report.Nodes[0]
	if n.Levels == nil || n.Levels.Ports == nil || n.Levels.Ports.Seconds < 190 || n.Levels.Ports.Mean < 300 || n.Levels.Opens.Mean < 11 || n.Levels.Opens.Mean > 13 {
		t.Fatalf("%+v: %+v, %+v", n.Levels, n.Levels.Ports, n.Levels.Opens)
	}
	c := proof.CompareInputs(before, after, snat.Timers{})
	if c.Answer != proof.Less || c.Nodes[0].Answer != proof.Less || c.Workloads[0].Title() != "shop/checkout" || c.Before.File != before.File || *c.SecondsBetween != 600 {
		t.Errorf("%s: %+v", c.Sentence, c)
	}
	if again := input(t, recorded(t, noon, 12, 3, 200)); string(encode(t, again.Report)) != string(encode(t, before.Report)) {
		t.Error("the same recording gives two reports")
	}
	// One that was cut says so, and what it holds counts.
	whole := recorded(t, noon, 12, 3, 200)
	cut := input(t, whole[:len(whole)-20])
	if c = proof.CompareInputs(cut, after, snat.Timers{}); !strings.Contains(c.Cautions[0].Text, "ends early") {
		t.Errorf("%+v", c.Cautions)
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := proof.Open(ctx, write(t, "r", recorded(t, noon, 1, 1, 20)), session.Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Whatever a report says, it is refused or compared: nothing panics, and the
// documents hold no control character.
func FuzzCompare(f *testing.F) {
	sick := numbers{ports: 1020, open: 900, opens: 312, fails: 38}
	f.Add(encode(f, newWorld(noon).node("n1", sick, budget(1024)).pod("n1", "shop", "a-1", "a", sick).dest("n1", "shop", "a-1", "20.60.1.9", sick).r))
	f.Add(encode(f, newWorld(later).node("n1", numbers{}, unseen("denied", hostile)).pod(hostile, hostile, hostile, hostile, numbers{}).r))
	f.Add([]byte(`{"schema":"snattop.report/v1","nodes":[{"name":"n1"}],"pods":[{}],"destinations":[{"eligible":true}]}`))
	other := newWorld(later).node("n1", sick).pod("n1", "shop", "a-2", "a", sick).r
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := proof.Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		for _, c := range []*proof.Comparison{proof.Compare(r, other), proof.Compare(other, r), proof.Compare(r, r)} {
			var b bytes.Buffer
			if err := errors.Join(proof.JSON(&b, c), proof.Table(&b, c), proof.Markdown(&b, c)); err != nil {
				t.Fatal(err)
			}
			if strings.ContainsFunc(b.String(), func(r rune) bool { return r < 0x20 && r != '\n' || r == 0x7f || r == 0x202e }) {
				t.Errorf("%q", b.String())
			}
			if c.Answer == proof.CannotTell && c.Sentence == "" {
				t.Error("no sentence")
			}
		}
	})
}

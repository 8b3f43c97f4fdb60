package proof_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/internal/report/proof"
)

var update = flag.Bool("update", false, "write the golden files anew")

// hostile is a name that wants to be more than a name.
const hostile = "evil\x1b[31m|<b>*x*\u202e\nname\xff"

// cluster is a comparison with something of everything.
func cluster() *proof.Comparison {
	sick, well := numbers{ports: 1020, open: 900, opens: 312, fails: 38}, numbers{ports: 221, open: 200, opens: 12}
	calm := numbers{ports: 160, open: 118, opens: 0.2}
	a := newWorld(noon).
		node("node1", sick, budget(1024), used(1019), func(n *report.Node) { n.Verdict = "exhausted" }).
		node("node2", calm, budget(1024)).node("node3", calm).node("node4", calm).
		node(hostile, numbers{ports: 5, open: 5}).
		pod("node1", "shop", "checkout-1", "checkout", sick).pod("node2", "shop", "search-1", "search", calm).
		pod("node2", "", "", "", numbers{ports: 2, open: 2}, func(p *report.Pod) { p.Owner = report.Workload{Kind: "unit", Name: "kubelet.service"} }).
		pod(hostile, hostile, hostile, hostile, numbers{ports: 5, open: 5}).
		dest("node1", "shop", "checkout-1", "20.60.1.9", sick).dest("node2", "shop", "search-1", "2001:db8::9", calm).dest("node2", "", "", "20.8.1.2", numbers{open: 2})
	b := newWorld(later).
		node("node1", well, budget(2048), used(218)).
		node("node2", calm, budget(1024)).node("node3", calm, unseen("denied", "user jane may not create pods in kube-system")).node("node5", calm).
		node(hostile, numbers{ports: 60, open: 60}).
		pod("node1", "shop", "checkout-8", "checkout", numbers{ports: 111, open: 100, opens: 6}).pod("node1", "shop", "checkout-9", "checkout", numbers{ports: 110, open: 100, opens: 6}).
		pod("node2", "shop", "search-1", "search", calm).
		pod("node2", "", "", "", numbers{ports: 2, open: 2}, func(p *report.Pod) { p.Owner = report.Workload{Kind: "unit", Name: "kubelet.service"} }).
		pod(hostile, hostile, hostile, hostile, numbers{ports: 60, open: 60}).
		dest("node1", "shop", "checkout-8", "20.60.1.9", numbers{open: 100, opens: 6}).dest("node1", "shop", "checkout-9", "20.60.1.9", numbers{open: 100, opens: 6}).
		dest("node2", "shop", "search-1", "2001:db8::9", calm).dest("node2", "", "", "20.8.1.2", numbers{open: 2})
	c := proof.Compare(a.r, b.r)
	c.Before.File, c.After.File = "before.json", "after.json"
	return c
}

func golden(t *testing.T, name string, write func(io.Writer, *proof.Comparison) error, c *proof.Comparison) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, c); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, b.Bytes()) {
		t.Errorf("%s differs (go test -update writes it anew); got:\n%s", path, b.String())
	}
	return b.Bytes()
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	c := cluster()
	for name, write := range map[string]func(io.Writer, *proof.Comparison) error{
		"compare.json": proof.JSON, "compare.txt": proof.Table, "compare.md": proof.Markdown,
	} {
		for line := range strings.Lines(string(golden(t, name, write, c))) {
			if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), unicode.IsControl) || strings.ContainsRune(line, '\u202e') {
				t.Errorf("%s: %q", name, line)
			}
		}
	}
	empty := proof.Compare(&report.Report{}, &report.Report{})
	golden(t, "empty.json", proof.JSON, empty)
	golden(t, "empty.txt", proof.Table, empty)
	golden(t, "empty.md", proof.Markdown, empty)
}

// A name cannot break out of its cell.
func TestMarkdownCells(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := proof.Markdown(&b, cluster()); err != nil {
		t.Fatal(err)
	}
	columns := 0
	for line := range strings.Lines(b.String()) {
		if !strings.HasPrefix(line, "|") {
			columns = 0
			continue
		}
		bars := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
		if columns > 0 && bars != columns {
			t.Errorf("%d bars in a table of %d: %q", bars, columns, line)
		}
		columns = bars
	}
	if strings.Contains(strings.ReplaceAll(b.String(), `\<`, ""), "<") {
		t.Error("HTML gets through")
	}
}

// The document against the text of docs/proof.md: every key, and no other.
func TestSchema(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if page, err := os.ReadFile("../../../docs/proof.md"); err != nil || !strings.Contains(string(page), "```json\n"+string(text)+"```\n") {
		t.Errorf("docs/proof.md does not hold the schema (%v)", err)
	}
	var schema, doc map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := proof.JSON(&b, cluster()); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	figure, ok := schema["nodes"].([]any)[0].(map[string]any)["ports"]
	if !ok {
		t.Fatal("the schema has no figure")
	}
	conform(t, "", schema, doc, figure)
}

func conform(t *testing.T, path string, schema, doc, figure any) {
	t.Helper()
	switch s := schema.(type) {
	case map[string]any:
		if len(s) == 0 { // a figure, as of ports
			conform(t, path, figure, doc, figure)
			return
		}
		if doc == nil && (strings.HasSuffix(path, ".before") || strings.HasSuffix(path, ".after")) { // not known
			return
		}
		d, ok := doc.(map[string]any)
		if !ok {
			t.Errorf("%s is %T", path, doc)
			return
		}
		if want, got := slices.Sorted(maps.Keys(s)), slices.Sorted(maps.Keys(d)); !slices.Equal(want, got) {
			t.Errorf("%s has the keys %q, the page says %q", path, got, want)
		}
		for k := range s {
			conform(t, path+"."+k, s[k], d[k], figure)
		}
	case []any:
		d, ok := doc.([]any)
		if !ok || len(d) == 0 {
			t.Errorf("%s is %v: nothing to check", path, doc)
			return
		}
		for _, one := range d {
			conform(t, path+"[]", s[0], one, figure)
		}
	case string:
		if _, ok := doc.(string); !ok {
			t.Errorf("%s is %T", path, doc)
		}
	case float64:
		if _, ok := doc.(float64); !ok && !strings.HasSuffix(path, "seconds_between") {
			t.Errorf("%s is %T", path, doc)
		}
	case nil: // may be null
	}
}

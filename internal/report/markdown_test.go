package report_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/snattop/snattop/internal/report"
)

func TestMarkdown(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := report.Markdown(&b, build(report.Filter{})); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.md", b.Bytes())
}

func TestMarkdownOfNothing(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := report.Markdown(&b, &report.Report{}); err != nil {
		t.Fatal(err)
	}
	golden(t, "empty.md", b.Bytes())
}

// Names that want to be tables, links or code stay names, whatever field they
// stand in.
func TestMarkdownIsInert(t *testing.T) {
	t.Parallel()
	const evil = "a|b`c`[x](https://evil.example)<img src=x>\n# h\x1b[31m</text>"
	r := build(report.Filter{})
	r.Cluster.Context, r.Nodes[0].Name, r.Nodes[0].Error, r.Pods[0].Name, r.Destinations[0].Name = evil, evil, evil, evil, evil
	r.Destinations[0].Processes = []report.Process{{PID: 1, Command: evil}}
	for i := range 30 {
		r.Findings = append(r.Findings, report.Finding{
			ID: "x", Severity: evil, Summary: strings.Repeat("long ", i), Evidence: []report.Evidence{{Command: "echo ``` " + evil, Output: evil}},
			Remedies: []report.Remedy{{Text: evil, Command: evil, Warning: evil}},
		})
	}
	var b bytes.Buffer
	if err := report.Markdown(&b, r); err != nil {
		t.Fatal(err)
	}
	fence, columns := "", 0
	for _, line := range strings.Split(b.String(), "\n") {
		inner := strings.TrimSpace(line)
		switch {
		case fence != "":
			if inner == fence {
				fence = ""
			} else if strings.Trim(inner, "`") == "" && len(inner) >= len(fence) {
				t.Errorf("a fence ends early: %q", line)
			}
			continue
		case strings.HasPrefix(inner, "```"):
			fence = inner
			continue
		case strings.HasPrefix(line, "|"):
			n := strings.Count(line, "|") - strings.Count(line, `\|`)
			if columns > 0 && n != columns {
				t.Errorf("%d columns, want %d: %s", n, columns, line)
			}
			columns = n
		default:
			columns = 0
		}
		// What stands behind a backslash is a letter like others.
		bare := regexp.MustCompile(`\\.`).ReplaceAllString(line, "")
		for _, obeyed := range []string{"](", "://", "<", "`", "\x1b"} {
			if strings.Contains(bare, obeyed) {
				t.Fatalf("%q is obeyed: %q", obeyed, line)
			}
		}
	}
	if fence != "" {
		t.Error("a fence does not end")
	}
	if !strings.Contains(b.String(), "more: see the JSON document") {
		t.Error("what was left out is not told")
	}
}

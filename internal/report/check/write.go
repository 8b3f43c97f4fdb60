package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/snattop/snattop/internal/report/markdown"
	"github.com/snattop/snattop/internal/runbook/step"
)

// JSON writes the document whole, or nothing.
func JSON(w io.Writer, d *Document) error {
	b, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		return fmt.Errorf("encoding the steps: %w", err)
	}
	return write(w, append(b, '\n'))
}

// Table writes the steps for people: a line each, and under a problem what
// shows it and what to do.
func Table(w io.Writer, d *Document) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s  %s  %s\n%s\n\n", orDash(d.Cluster.Context), d.Runbook, d.GeneratedAt, d.sentence())
	t := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "\tSTEP\tSUBJECT\tSUMMARY")
	for i := range d.Steps {
		s := &d.Steps[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", mark(s.Verdict), s.ID, s.Subject, s.Summary)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("laying out the steps: %w", err)
	}
	for i := range d.Steps {
		if s := &d.Steps[i]; s.Verdict == string(step.Problem) {
			s.details(&b)
		}
	}
	return write(w, b.Bytes())
}

// details writes what shows a problem, and what to do about it.
func (s *Step) details(w io.Writer) {
	fmt.Fprintf(w, "\n%s %s: %s\n", s.ID, s.Subject, s.Summary)
	for _, e := range s.Evidence {
		fmt.Fprintf(w, "  $ %s\n", e.Command)
		for line := range strings.Lines(e.Output) {
			fmt.Fprintf(w, "    %s\n", strings.TrimRight(line, "\n"))
		}
	}
	for _, r := range s.Remedies {
		fmt.Fprintf(w, "  do: %s\n", r.Text)
		if r.Warning != "" {
			fmt.Fprintf(w, "      mind: %s\n", r.Warning)
		}
		if r.Command != "" {
			fmt.Fprintf(w, "      $ %s\n", r.Command)
		}
	}
}

// Markdown writes the steps for a ticket.
func Markdown(w io.Writer, d *Document) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "**%s**\n\n- Cluster %s, Kubernetes %s\n- Runbook %s, %s\n\n", markdown.Escape(d.sentence()),
		markdown.Escape(orDash(d.Cluster.Context)), markdown.Escape(orDash(d.Cluster.ServerVersion)), d.Runbook, d.GeneratedAt)
	fmt.Fprint(&b, markdown.Head("VERDICT", "STEP", "SUBJECT", "SUMMARY"))
	for i := range d.Steps {
		s := &d.Steps[i]
		fmt.Fprint(&b, markdown.Row(s.Verdict, s.ID, s.Subject, s.Summary))
	}
	for i := range d.Steps {
		s := &d.Steps[i]
		if s.Verdict != string(step.Problem) {
			continue
		}
		fmt.Fprintf(&b, "\n### %s: %s\n\n%s\n", s.ID, markdown.Escape(s.Subject), markdown.Escape(s.Summary))
		for _, e := range s.Evidence {
			fmt.Fprintf(&b, "\n%s", markdown.Code("", append([]string{"$ " + e.Command}, strings.Split(e.Output, "\n")...)...))
		}
		for _, r := range s.Remedies {
			fmt.Fprintf(&b, "\n- %s", markdown.Escape(r.Text))
			if r.Warning != "" {
				fmt.Fprintf(&b, " *Mind: %s*", markdown.Escape(r.Warning))
			}
			fmt.Fprintln(&b)
			if r.Command != "" {
				fmt.Fprintf(&b, "\n%s", markdown.Code("  ", r.Command))
			}
		}
	}
	return write(w, b.Bytes())
}

// sentence sums the steps up.
func (d *Document) sentence() string {
	n := map[string]int{}
	for i := range d.Steps {
		n[d.Steps[i].Verdict]++
	}
	return fmt.Sprintf("%d steps: %d with a problem, %d that could not be seen, %d all right, %d that do not apply.",
		len(d.Steps), n[string(step.Problem)], n[string(step.Unknown)], n[string(step.OK)], n[string(step.NotApplicable)])
}

// mark is a verdict that is told apart without colour.
func mark(verdict string) string {
	switch step.Verdict(verdict) {
	case step.Problem:
		return "✗ problem"
	case step.Unknown:
		return "? unknown"
	case step.OK:
		return "✓ ok"
	case step.NotApplicable:
		return "– n/a"
	default:
		return verdict
	}
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func write(w io.Writer, b []byte) error {
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("writing the steps: %w", err)
	}
	return nil
}

// Package check turns the steps of runbooks into documents: JSON for scripts, a
// table for people, Markdown for tickets.
package check

import (
	"time"

	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/internal/session"
)

// Schema names the format of the JSON document.
const Schema = "snattop.check/v1"

// Document is snattop.check/v1. Lists are never null; steps stand in the order
// of their runbook, within a step problems first.
type Document struct {
	Schema string `json:"schema"`
	// Runbook is "snat", "tunnel", "apiserver", "connectivity" or "all".
	Runbook     string  `json:"runbook"`
	GeneratedAt string  `json:"generated_at"`
	Cluster     Cluster `json:"cluster"`
	Steps       []Step  `json:"steps"`
}

// Cluster names the whole, as in snattop.report/v1.
type Cluster struct {
	Context       string `json:"context"`
	ServerVersion string `json:"server_version"`
	Provider      string `json:"provider"`
}

// Step is one answer on one subject.
type Step struct {
	ID       string     `json:"id"`
	Title    string     `json:"title"`
	Subject  string     `json:"subject"`
	Verdict  string     `json:"verdict"`
	Summary  string     `json:"summary"`
	Evidence []Evidence `json:"evidence"`
	Remedies []Remedy   `json:"remedies"`
}

// Evidence is a command and what it printed, which may have several lines.
type Evidence struct {
	Command string `json:"command"`
	Output  string `json:"output"`
}

// Remedy is something to do. Command and Warning may be empty.
type Remedy struct {
	Text    string `json:"text"`
	Command string `json:"command"`
	Warning string `json:"warning"`
}

// Build makes the document of a run.
func Build(runbook string, cluster session.ClusterInfo, provider string, now time.Time, steps []step.Step) *Document {
	d := &Document{
		Schema: Schema, Runbook: runbook, GeneratedAt: now.UTC().Format(time.RFC3339),
		Cluster: Cluster{Context: cluster.Context, ServerVersion: cluster.ServerVersion, Provider: provider},
		Steps:   make([]Step, 0, len(steps)),
	}
	for i := range steps {
		s := &steps[i]
		out := Step{
			ID: s.ID, Title: s.Title, Subject: s.Subject, Verdict: string(s.Verdict), Summary: s.Summary,
			Evidence: make([]Evidence, 0, len(s.Evidence)), Remedies: make([]Remedy, 0, len(s.Remedies)),
		}
		for _, e := range s.Evidence {
			out.Evidence = append(out.Evidence, Evidence(e))
		}
		for _, r := range s.Remedies {
			out.Remedies = append(out.Remedies, Remedy(r))
		}
		d.Steps = append(d.Steps, out)
	}
	return d
}

// Worst is the verdict that decides the exit code: a problem before what could
// not be seen, and that before all else.
func (d *Document) Worst() step.Verdict {
	worst := step.OK
	for i := range d.Steps {
		switch step.Verdict(d.Steps[i].Verdict) {
		case step.Problem:
			return step.Problem
		case step.Unknown:
			worst = step.Unknown
		case step.OK, step.NotApplicable:
		default:
			worst = step.Unknown
		}
	}
	if len(d.Steps) == 0 {
		return step.Unknown
	}
	return worst
}

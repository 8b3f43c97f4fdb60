// Package step runs runbooks: checks that look at a cluster side by side, each
// within its own time, and answer with a verdict on every subject that they
// looked at, the commands that an operator would have typed with what they
// print, and what to do. Nothing is changed by a check, and no remedy is run.
package step

import "github.com/snattop/snattop/internal/runbook"

// Verdict is what a check says of one subject. The zero value is no verdict.
type Verdict string

// The verdicts.
const (
	// OK: it was looked at and is as it should be.
	OK Verdict = "ok"
	// Problem: it was looked at and is not.
	Problem Verdict = "problem"
	// Unknown: it could not be seen; the summary says what is in the way.
	Unknown Verdict = "unknown"
	// NotApplicable: there is nothing of the kind here; the summary says why.
	NotApplicable Verdict = "not-applicable"
)

// Step is one check's answer on one subject.
type Step struct {
	// ID and Title are the check's ("tunnel.iptables"); Run sets them.
	ID, Title string
	// Subject is what was looked at: "node/node2", "pod/shop/checkout-x",
	// "cluster", "release/shop/web".
	Subject string
	Verdict Verdict
	// Summary is one sentence that could be read aloud.
	Summary  string
	Evidence []Evidence
	// Remedies are there with problems only, the best first.
	Remedies []runbook.Remedy
}

// Evidence is a command that an operator would have typed, and what it
// printed. Output may have several lines.
type Evidence struct{ Command, Output string }

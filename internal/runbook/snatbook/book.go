// Package snatbook is the runbook for SNAT exhaustion as steps that check
// themselves: which node, which pod, which connections, why, and whether it is
// better by now. It reads one picture; what it would take by hand stands beside
// each answer.
package snatbook

import (
	"context"
	"fmt"

	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/internal/session"
)

// mostSubjects bounds what one step says of one node: the worst.
const mostSubjects = 5

// New returns the runbook.
func New() step.Book {
	return step.Book{Name: "snat", Checks: []step.Check{
		{ID: "snat.node", Title: "Which node lacks ports", Run: onPicture(nodes)},
		{ID: "snat.pod", Title: "Which pod takes them", Run: onPicture(pods)},
		{ID: "snat.connections", Title: "Which destination they go to", Run: onPicture(connections)},
		{ID: "snat.cause", Title: "Why, and what to do", Run: onPicture(causes)},
		{ID: "snat.proof", Title: "Whether the fix has helped", Run: onPicture(proof)},
	}}
}

// onPicture makes a check of a function of the picture.
func onPicture(fn func(pic *session.Snapshot) []step.Step) func(context.Context, *step.Look, func(step.Step)) {
	return func(ctx context.Context, l *step.Look, found func(step.Step)) {
		pic, err := l.Snapshot(ctx)
		if err != nil {
			found(step.Step{Subject: "cluster", Verdict: step.Unknown, Summary: fmt.Sprintf("Connections could not be measured: %v.", err)})
			return
		}
		for _, s := range fn(pic) {
			found(s)
		}
	}
}

// watched are the nodes that were asked for.
func watched(pic *session.Snapshot) []*session.Node {
	var out []*session.Node
	for _, n := range pic.Nodes {
		if !n.LeftOut {
			out = append(out, n)
		}
	}
	return out
}

// short are those of them that lack ports, or soon will.
func short(pic *session.Snapshot) []*session.Node {
	var out []*session.Node
	for _, n := range watched(pic) {
		if lacking(n) {
			out = append(out, n)
		}
	}
	return out
}

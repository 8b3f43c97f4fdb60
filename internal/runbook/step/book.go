package step

import (
	"context"
	"time"

	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/facts"
)

// Book is a runbook: checks in the order in which an operator would go through
// them.
type Book struct {
	// Name is what it is called by: "tunnel".
	Name   string
	Checks []Check
	// Ask returns what a node is to be asked for; nil asks for nothing. All
	// books' questions go to a node together, in one visit.
	Ask func(ctx context.Context, l *Look, node inventory.Node) facts.Ask
}

// Check is one step of a runbook.
type Check struct {
	// ID is the contract's name of the step, Title a few words for a list.
	ID, Title string
	// Limit bounds it; 0 means DefaultLimit. When it has passed, what the check
	// has not said is Unknown.
	Limit time.Duration
	// Run looks, and calls found once for each subject, from any goroutine of
	// its own, all of which have ended when it returns. It fills in everything
	// but ID and Title.
	Run func(ctx context.Context, l *Look, found func(Step))
}

// DefaultLimit is how long a check may take, with a node that is reached by a
// way that needs a while.
const DefaultLimit = 75 * time.Second

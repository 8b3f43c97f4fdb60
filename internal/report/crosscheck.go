package report

import (
	"time"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/session"
)

// CrossCheck holds what different means count of a node against each other.
// What was not counted is null.
type CrossCheck struct {
	// Sockets are TCP connections of the node's programs, to any destination;
	// those in TIME_WAIT are among them.
	Sockets   *int           `json:"sockets"`
	Conntrack TrackedCounts  `json:"conntrack"`
	Cloud     CloudCounts    `json:"cloud"`
	Tracking  CheckedAgainst `json:"sockets_conntrack"`
	Measured  CheckedAgainst `json:"estimate_cloud"`
}

// TrackedCounts are entries of the node's connection tracking table: all of
// them, and TCP's by whether an address of the node opened them.
type TrackedCounts struct {
	Entries *int `json:"entries"`
	Own     *int `json:"own"`
	Other   *int `json:"other"`
}

// CloudCounts are what the cloud measured in the minute that ended at At, which
// is empty when it told nothing.
type CloudCounts struct {
	At        string `json:"at"`
	Used      *int   `json:"used"`
	Allocated *int   `json:"allocated"`
	Failed    *int   `json:"failed"`
}

// CheckedAgainst says whether two of them agree, and why not. "single" means
// that there is only one of them.
type CheckedAgainst struct {
	Agreement string   `json:"agreement"`
	Notes     []string `json:"notes"`
}

func crossCheck(s *session.Snapshot, n *session.Node) CrossCheck {
	c := runbook.CrossCheck(s, n)
	out := CrossCheck{
		Sockets:   c.Sockets,
		Conntrack: TrackedCounts{Entries: c.Entries, Own: c.OwnEntries, Other: c.OtherEntries},
		Cloud:     CloudCounts{Used: c.Used, Allocated: c.Allocated, Failed: c.Failed},
		Tracking:  checked(c.Tracking), Measured: checked(c.Cloud),
	}
	if !c.At.IsZero() {
		out.Cloud.At = c.At.UTC().Format(time.RFC3339)
	}
	return out
}

func checked(c runbook.Comparison) CheckedAgainst {
	return CheckedAgainst{Agreement: string(c.Agreement), Notes: append([]string{}, c.Notes...)}
}

package cli

import (
	"errors"
	"fmt"

	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/internal/snat"
)

// Exit codes, a promise to scripts.
const (
	ExitHealthy = 0
	ExitFailed  = 1
	ExitUsage   = 2
	ExitProblem = 3
	ExitUnknown = 4
)

// exitError is an error with an exit code of its own. A silent one has said
// everything on standard output already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usage marks an error as wrong usage.
func usage(format string, args ...any) error {
	return &exitError{code: ExitUsage, err: fmt.Errorf(format, args...)}
}

// cannotTell marks an error as something that could not be seen.
func cannotTell(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{code: ExitUnknown, err: err}
}

// codeOf returns an error's exit code, and whether it wants to be printed.
func codeOf(err error) (code int, show bool) {
	if err == nil {
		return ExitHealthy, false
	}
	var e *exitError
	if errors.As(err, &e) {
		return e.code, e.err != nil
	}
	return ExitFailed, true
}

// verdictCode is the exit code of a report: the worst of its nodes.
func verdictCode(r *report.Report) int {
	code := ExitHealthy
	if len(r.Nodes) == 0 {
		return ExitUnknown
	}
	for _, n := range r.Nodes {
		switch snat.Verdict(n.Verdict) {
		case snat.Exhausted, snat.Pressured, snat.NotSNAT:
			return ExitProblem
		case snat.Unknown:
			code = ExitUnknown
		case snat.Healthy:
		default:
			code = ExitUnknown
		}
	}
	return code
}

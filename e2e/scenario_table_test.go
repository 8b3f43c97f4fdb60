//go:build e2e && linux

package e2e

import (
	"fmt"
	"slices"
	"strings"
)

// row is a scenario's line of the table.
type row struct {
	scenario, about, cause, verdict string
	distinct, peak                  int
	min, estimate, max              int
	worst                           string
	late, forecast                  string
}

// heading is the table's; see docs/benchmarks.md for what the columns mean.
const heading = `| scenario | ports in use | fullest destination | min | estimate | max | error | verdict | called after | time to full | cause |
|---|---|---|---|---|---|---|---|---|---|---|
`

func table(rows []row) string {
	var out strings.Builder
	out.WriteString(heading)
	for _, r := range rows {
		fmt.Fprintf(&out, "| %s: %s | %d | %d | %d | %d | %d | %s | %s | %s | %s | %s |\n", r.scenario, r.about,
			r.distinct, r.peak, r.min, r.estimate, r.max, r.worst, r.verdict, r.late, r.forecast, r.cause)
	}
	return out.String()
}

// rowOf sums a story up; causes are those that were named.
func rowOf(s story, causes []string) row {
	r := row{scenario: s.name, about: s.about, worst: "–", late: "–", forecast: "–", cause: "–"}
	if x, distinct, peak, ok := s.last(); ok {
		r.distinct, r.peak = distinct.most, peak.most
		r.min, r.estimate, r.max = x.ports.Min, x.ports.Estimate, x.ports.Max
		r.verdict = string(x.verdict)
	}
	if errs, _ := s.errors(); len(errs) > 0 {
		r.worst = fmt.Sprintf("%.1f %%", 100*slices.Max(errs))
	}
	if _, dropped := s.firstDrop(); s.fills && dropped {
		if c := s.called(); c.never {
			r.late = "never"
		} else {
			r.late = fmt.Sprintf("%.1f s", c.late.Seconds())
		}
	}
	if s.linear {
		var offs []string
		for _, f := range s.forecasts() {
			if f.said == nil {
				offs = append(offs, "–")
				continue
			}
			offs = append(offs, fmt.Sprintf("%+.0f %%", 100*(f.said.Seconds()-f.real.Seconds())/f.real.Seconds()))
		}
		r.forecast = strings.Join(offs, ", ")
	}
	if len(causes) > 0 {
		r.cause = strings.Join(causes, ", ")
	}
	return r
}

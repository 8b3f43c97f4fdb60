package step

import (
	"strings"

	"github.com/snattop/snattop/internal/sanitize"
)

// Bounds of a step: an operator reads no more, and a hostile node sends more.
const (
	maxEvidence = 16
	maxOutput   = 4 << 10
	maxSummary  = 512
	maxRemedies = 8
)

// clean strips and bounds everything that a step says.
func (s *Step) clean() {
	s.Subject, s.Summary = oneLine(s.Subject, maxSummary), oneLine(s.Summary, maxSummary)
	s.Evidence = s.Evidence[:min(len(s.Evidence), maxEvidence)]
	for i := range s.Evidence {
		e := &s.Evidence[i]
		e.Command, e.Output = oneLine(e.Command, maxOutput), lines(e.Output, maxOutput)
	}
	s.Remedies = s.Remedies[:min(len(s.Remedies), maxRemedies)]
	for i := range s.Remedies {
		m := &s.Remedies[i]
		m.Text, m.Command, m.Warning = oneLine(m.Text, maxOutput), oneLine(m.Command, maxOutput), oneLine(m.Warning, maxOutput)
	}
}

func oneLine(text string, most int) string {
	return cut(strings.TrimSpace(sanitize.Text(text)), most)
}

// lines strips each line by itself, and the empty ones at either end.
func lines(text string, most int) string {
	split := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i, l := range split {
		split[i] = strings.TrimRight(sanitize.Text(strings.ReplaceAll(l, "\t", "  ")), " ")
	}
	return cut(strings.Trim(strings.Join(split, "\n"), "\n"), most)
}

func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most-len("…")], "") + "…"
}

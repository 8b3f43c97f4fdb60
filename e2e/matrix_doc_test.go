//go:build e2e && linux

package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// matrixFile is the published matrix, matrixEnv where a new one is written.
const (
	matrixFile = "../docs/faults.md"
	matrixEnv  = "SNATTOP_MATRIX_WRITE"
)

// matrix is what every step said under every fault.
type matrix struct {
	healthy answers
	rows    []matrixRow
}

type matrixRow struct {
	fault string
	// news are the answers that are not the healthy cluster's, by step.
	news map[string][]string
}

func (m *matrix) add(fault string, healthy, got answers) {
	row := matrixRow{fault: fault, news: map[string][]string{}}
	for key, verdict := range got {
		if healthy[key] != verdict {
			id, subject, _ := strings.Cut(key, " ")
			row.news[id] = append(row.news[id], verdict+" `"+subject+"`")
		}
	}
	for key := range healthy {
		if _, ok := got[key]; !ok {
			id, subject, _ := strings.Cut(key, " ")
			row.news[id] = append(row.news[id], "gone `"+subject+"`")
		}
	}
	for id := range row.news {
		slices.Sort(row.news[id])
	}
	m.rows = append(m.rows, row)
}

// lines are the matrix in Markdown: a fault, and the steps that answer
// otherwise than on the healthy cluster; every other step stays as it is there.
func (m *matrix) lines() []string {
	out := []string{"| fault | step | says |", "|---|---|---|"}
	for _, row := range m.rows {
		name := row.fault
		ids := make([]string, 0, len(row.news))
		for id := range row.news {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		for _, id := range ids {
			out = append(out, "| "+name+" | `"+id+"` | "+strings.Join(row.news[id], ", ")+" |")
			name = ""
		}
		if len(ids) == 0 {
			out = append(out, "| "+name+" | | |")
		}
	}
	return out
}

// compare holds the published matrix against what ran.
func (m *matrix) compare(t *testing.T) {
	t.Helper()
	lines := m.lines()
	if file := os.Getenv(matrixEnv); file != "" {
		writeFile(t, file, strings.Join(lines, "\n")+"\n")
	}
	text, err := os.ReadFile(matrixFile)
	if err != nil {
		t.Fatal(err)
	}
	published := strings.Split(string(text), "\n")
	for _, l := range lines {
		if !slices.Contains(published, l) {
			t.Errorf("%s does not have the line\n%s", matrixFile, l)
		}
	}
}

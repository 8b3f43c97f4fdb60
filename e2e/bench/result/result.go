// Package result carries what one benchmark measured to the table that ends a
// run of all of them, which spreads over several processes.
package result

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
)

// Verdict says whether a goal was met.
type Verdict string

// The verdicts. A line without a goal has none.
const (
	None   Verdict = ""
	Met    Verdict = "met"
	Missed Verdict = "MISSED"
)

// Line is one line of the table.
type Line struct {
	Work     string
	Measured string
	Goal     string
	Verdict  Verdict
}

// Judge turns the answer of a comparison into a verdict.
func Judge(met bool) Verdict {
	if met {
		return Met
	}
	return Missed
}

// Append adds a line to a file, which is made if there is none.
func Append(path string, l Line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("writing a result: %w", err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("writing a result: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	return errors.Join(err, f.Close())
}

// Read returns the lines of a file in the order in which they were added. Of
// several about the same work the last one counts, in the place of the first.
func Read(path string) ([]Line, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading results: %w", err)
	}
	defer func() { _ = f.Close() }()
	var lines []Line
	place := make(map[string]int)
	in := bufio.NewScanner(f)
	for in.Scan() {
		var l Line
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("reading results: %w", err)
		}
		if at, ok := place[l.Work]; ok {
			lines[at] = l
			continue
		}
		place[l.Work] = len(lines)
		lines = append(lines, l)
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("reading results: %w", err)
	}
	return lines, nil
}

// Print writes the lines as a table.
func Print(out io.Writer, lines []Line) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "work\tmeasured\tgoal\tmet?")
	fmt.Fprintln(w, "----\t--------\t----\t----")
	for _, l := range lines {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.Work, l.Measured, l.Goal, l.Verdict)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("printing the table: %w", err)
	}
	return nil
}

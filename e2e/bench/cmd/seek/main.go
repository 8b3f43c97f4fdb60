// Command seek copies the output of the benchmark of seeking, which stands with
// the recordings, and adds its line to a file of results.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/snattop/snattop/e2e/bench/result"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go test -bench Seek … | seek FILE")
		os.Exit(2)
	}
	if err := run(os.Stdin, os.Stdout, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "seek:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer, file string) error {
	found := false
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		fmt.Fprintln(out, lines.Text())
		m, ok := result.Metrics(lines.Text(), "Seek")
		if !ok {
			continue
		}
		found = true
		err := result.Append(file, result.Line{
			Work: "replay seeks to any minute of an hour, slowest", Goal: fmt.Sprintf("≤ %.0f ms", m["ms/goal"]),
			Measured: fmt.Sprintf("%.0f ms (mean %.0f; opening it %.0f; %.1f MiB)", m["ms/worst-seek"], m["ms/mean-seek"], m["ms/open"], m["MiB/hour"]),
			Verdict:  result.Judge(m["ms/worst-seek"] <= m["ms/goal"]),
		})
		if err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading the benchmark's output: %w", err)
	}
	if !found {
		return errors.New("nothing was measured")
	}
	return nil
}

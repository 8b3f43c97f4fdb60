// Command table prints the results that a run of the benchmarks left in a file.
package main

import (
	"fmt"
	"os"

	"github.com/snattop/snattop/e2e/bench/result"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: table FILE")
		os.Exit(2)
	}
	lines, err := result.Read(os.Args[1])
	if err == nil {
		err = result.Print(os.Stdout, lines)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(1)
	}
}

package result

import (
	"strconv"
	"strings"
)

// Metrics reads what a line of `go test -bench` says of a benchmark, by units;
// false is that the line is not about it.
func Metrics(line, benchmark string) (map[string]float64, bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 {
		return nil, false
	}
	name, _, _ := strings.Cut(fields[0], "-") // the number of processors
	if name != "Benchmark"+benchmark {
		return nil, false
	}
	found := make(map[string]float64)
	for i := 2; i+1 < len(fields); i += 2 {
		v, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return nil, false
		}
		found[fields[i+1]] = v
	}
	return found, true
}

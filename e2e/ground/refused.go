package ground

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strconv"
)

// counted is a line of `iptables-save -c` whose comment names a node.
var counted = regexp.MustCompile(`^\[(\d+):\d+\] -A .*--comment "?(node\d+)"?`)

// parseCounters reads what `iptables-save -c` prints, and returns the packets
// that the rules with a node's name for a comment have seen, by node.
func parseCounters(r io.Reader) (map[string]int, error) {
	packets := map[string]int{}
	scanner := bufio.NewScanner(r)
	for scanner.Scan() {
		match := counted.FindStringSubmatch(scanner.Text())
		if match == nil {
			continue
		}
		n, err := strconv.Atoi(match[1])
		if err != nil {
			return nil, fmt.Errorf("reading the counter of %s: %w", match[2], err)
		}
		packets[match[2]] += n
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("reading packet counters: %w", err)
	}
	return packets, nil
}

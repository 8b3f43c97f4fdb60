package ground

import (
	"strconv"
	"strings"
)

// parseStartTime takes the start time out of the text of /proc/PID/stat. It
// reports false for a zombie, which is as good as gone.
func parseStartTime(stat string) (uint64, bool) {
	// The second field is the command's name in parentheses, and may itself
	// hold spaces and parentheses: count from the last one.
	i := strings.LastIndexByte(stat, ')')
	if i < 0 {
		return 0, false
	}
	fields := strings.Fields(stat[i+1:])
	const state, start = 0, 19
	if len(fields) <= start || fields[state] == "Z" || fields[state] == "X" {
		return 0, false
	}
	ticks, err := strconv.ParseUint(fields[start], 10, 64)
	return ticks, err == nil
}

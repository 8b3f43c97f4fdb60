package probe

import (
	"strconv"
	"strings"
)

// sockStat is what /proc/<pid>/net/sockstat and sockstat6 say of one
// namespace (proc(5)): sockets in use, listeners among them, and TIME_WAIT.
// Orphans are in use as well; their own count is the whole machine's.
type sockStat struct{ inUse, timeWait int }

// parseSockStat adds the TCP lines of one file.
func parseSockStat(text string, st *sockStat) {
	for line := range strings.Lines(text) {
		name, rest, ok := strings.Cut(line, ":")
		if !ok || (name != "TCP" && name != "TCP6") {
			continue
		}
		fields := strings.Fields(rest)
		for i := 0; i+1 < len(fields); i += 2 {
			n, err := strconv.Atoi(fields[i+1])
			if err != nil {
				continue
			}
			switch fields[i] {
			case "inuse":
				st.inUse += n
			case "tw":
				st.timeWait += n
			}
		}
	}
}

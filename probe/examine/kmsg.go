package examine

import (
	"strconv"
	"strings"
	"time"

	"github.com/snattop/snattop/internal/sanitize"
)

// fullTable reads one record of /dev/kmsg (Documentation/ABI/testing/dev-kmsg):
// "priority,sequence,microseconds,flags;text", and reports whether it says that
// the connection tracking table of the namespace was full. Newer kernels name
// the namespace when it is not the machine's first; what names none is about
// the machine.
func fullTable(record string, namespace uint64) (at time.Duration, text string, ok bool) {
	head, text, found := strings.Cut(record, ";")
	if !found || !strings.Contains(text, "nf_conntrack: table full") {
		return 0, "", false
	}
	text, _, _ = strings.Cut(text, "\n")
	if _, rest, ok := strings.Cut(text, "in netns "); ok {
		number, _, _ := strings.Cut(rest, ",")
		if n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 64); err != nil || n != namespace {
			return 0, "", false
		}
	}
	fields := strings.Split(head, ",")
	if len(fields) < 3 {
		return 0, "", false
	}
	micro, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil || micro < 0 || micro > int64(1<<62/time.Microsecond) {
		return 0, "", false
	}
	return time.Duration(micro) * time.Microsecond, sanitize.Text(text), true
}

// memTotal reads the first line that counts of /proc/meminfo, in kB; 0 without.
func memTotal(text string) uint64 {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			f := strings.Fields(rest)
			if len(f) == 0 {
				return 0
			}
			n, _ := strconv.ParseUint(f[0], 10, 64) // 0 is what unknown is
			return n
		}
	}
	return 0
}

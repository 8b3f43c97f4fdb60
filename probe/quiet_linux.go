package probe

import (
	"os"
	"path/filepath"
	"strconv"
)

// A dump of any socket table walks the hash table of the whole machine, about
// a millisecond a namespace, however few sockets that has. Most pods of a busy
// node hold listeners only; the kernel's own count of sockets tells them apart
// for a fraction of the price.

// nsMemory is what the last read of a namespace found.
type nsMemory struct {
	listeners, flows int
	// skips counts snapshots since the last read.
	skips int
}

// maxSkips bounds for how many snapshots a namespace may pass as quiet: a
// connection that took the place of a listener in the count shows up then.
const maxSkips = 5

// quiet reports whether a namespace has had no flows, and has none still.
func (s *sampler) quiet(ns *namespace) bool {
	m, ok := s.memory[ns.id]
	if !ok || m.flows > 0 || m.skips >= maxSkips || len(ns.pids) == 0 {
		return false
	}
	var st sockStat
	for i, name := range []string{"sockstat", "sockstat6"} {
		text, err := os.ReadFile(filepath.Join(s.cfg.Proc, strconv.Itoa(ns.pids[0]), "net", name)) //nolint:gosec // a path under /proc that we listed
		if err != nil && i == 0 {
			return false
		}
		parseSockStat(string(text), &st)
	}
	if st.timeWait != 0 || st.inUse != m.listeners {
		return false
	}
	m.skips++
	s.memory[ns.id] = m
	return true
}

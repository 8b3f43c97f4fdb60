package probe

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// A dump of any socket table walks the hash table of the whole machine, 0.4 ms
// a namespace on a machine of 24 GiB, however few sockets that has
// (BenchmarkNamespaces). Most pods of a busy node hold listeners only; the
// kernel's own count of sockets tells them apart for a fifth of the price.

// nsMemory is what the last read of a namespace found.
type nsMemory struct{ listeners, flows int }

// quietFor bounds for how many snapshots a namespace may pass as quiet: a
// connection that took the place of a listener in the count shows up then.
const quietFor = 5

// quiet reports whether a namespace has had no flows, and has none still. The
// turns at which it is read all the same differ between namespaces, so that
// hundreds of them do not have it in the same snapshot.
func (s *sampler) quiet(ns *namespace) bool {
	m, ok := s.memory[ns.id]
	if !ok || m.flows > 0 || (s.agg.gen+ns.id)%(quietFor+1) == 0 {
		return false
	}
	st, err := s.sockStat(ns)
	return err == nil && st.timeWait == 0 && st.inUse == m.listeners
}

var errNoDoor = errors.New("no process shows the network namespace, and it cannot be entered")

// sockStat counts the sockets of a namespace: from outside through one of its
// processes, else, where there is none, from inside.
func (s *sampler) sockStat(ns *namespace) (st sockStat, err error) {
	if len(ns.pids) > 0 {
		return readSockStat(filepath.Join(s.cfg.Proc, strconv.Itoa(ns.pids[0]), "net"))
	}
	if !s.entering {
		return st, errNoDoor
	}
	err = s.inside(context.Background(), ns, func() (err error) {
		st, err = readSockStat("/proc/thread-self/net")
		return err
	})
	return st, err
}

// readSockStat reads sockstat and sockstat6 below a process's net folder.
func readSockStat(dir string) (st sockStat, err error) {
	for _, name := range []string{"sockstat", "sockstat6"} {
		text, err := os.ReadFile(filepath.Join(dir, name)) //nolint:gosec // a path under /proc that we listed
		switch {
		case name == "sockstat6" && errors.Is(err, fs.ErrNotExist):
			continue // a kernel without IPv6
		case err != nil:
			return st, err
		}
		parseSockStat(string(text), &st)
	}
	return st, nil
}

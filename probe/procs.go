package probe

import (
	"github.com/snattop/snattop/probe/cgroup"
)

// procInfo is one process as far as rows need it.
type procInfo struct {
	pid     uint32
	start   uint64
	command string
	owner   cgroup.Owner
}

// procTable numbers processes, so that a socket holds four bytes for its
// holder. Number 0 is the unknown process.
type procTable struct {
	refs  map[procKey]uint32
	infos map[uint32]procInfo
	next  uint32
}

type procKey struct {
	pid   uint32
	start uint64
}

func newProcTable() *procTable {
	return &procTable{refs: make(map[procKey]uint32), infos: make(map[uint32]procInfo)}
}

// get returns a process; the zero value when it is unknown.
func (t *procTable) get(ref uint32) procInfo { return t.infos[ref] }

// ref returns the number of a process, making it when it is new.
func (t *procTable) ref(p procInfo) uint32 {
	k := procKey{p.pid, p.start}
	if r, ok := t.refs[k]; ok {
		return r
	}
	t.next++
	t.refs[k] = t.next
	t.infos[t.next] = p
	return t.next
}

// retain forgets the processes that no socket refers to.
func (t *procTable) retain(used map[uint32]bool) {
	for k, r := range t.refs {
		if !used[r] {
			delete(t.refs, k)
			delete(t.infos, r)
		}
	}
}

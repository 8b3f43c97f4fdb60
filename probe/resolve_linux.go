package probe

import (
	"time"

	"github.com/snattop/snattop/probe/procfs"
)

// scanLimit keeps the look through open files to a small share of the time.
type scanLimit struct{ next time.Time }

// scanShare is how many times its own cost a look through open files waits
// before the next: at most a tenth of one core goes there.
const scanShare = 10

// maxTries bounds how often a socket's holder is looked for: a socket that
// three looks did not find has none, or hides it.
const maxTries = 3

// resolve finds the processes that hold the sockets whose owner, or whose
// process in a focused owner, is not known yet.
func (s *sampler) resolve(now time.Time, processes []*process, spaces []*namespace) {
	s.stopWaiting()
	if now.Before(s.scans.next) {
		return
	}
	want := s.wanted()
	if len(want) == 0 {
		return
	}
	began := time.Now()
	findHolders(s.cfg.Proc, s.candidates(processes, spaces, want), want)
	s.scans.next = now.Add(scanShare * time.Since(began))

	refs := make(map[*process]uint32)
	for i := range want {
		s.settle(&want[i], refs)
	}
	s.forget()
}

// stopWaiting drops the sockets that have ended, or were looked for in vain.
func (s *sampler) stopWaiting() {
	for key := range s.waiting {
		c, ok := s.agg.conns[key]
		// Nobody holds the file of a socket in TIME_WAIT any more.
		if !ok || c.tries >= maxTries || c.phase == phaseTimeWait {
			delete(s.waiting, key)
		}
	}
}

// wanted lists the sockets to look for: hundreds of thousands when an owner
// with so many comes into focus, so they are counted first.
func (s *sampler) wanted() []wantedSocket {
	n := len(s.waiting)
	if !s.agg.focus.empty() {
		for _, c := range s.agg.conns {
			if s.lacksProcess(c) {
				n++
			}
		}
	}
	if n == 0 {
		return nil
	}
	want := make([]wantedSocket, 0, n)
	for key, inode := range s.waiting {
		want = append(want, wantedSocket{inode: inode, key: key})
	}
	if n > len(want) {
		for key, c := range s.agg.conns {
			if s.lacksProcess(c) {
				want = append(want, wantedSocket{inode: c.inode, key: key})
			}
		}
	}
	return sortWanted(want)
}

// lacksProcess reports whether a focused owner's socket has no process yet.
func (s *sampler) lacksProcess(c conn) bool {
	if c.inode == 0 || c.proc != 0 || c.tries >= maxTries || c.row == 0 || c.phase == phaseTimeWait {
		return false
	}
	r := s.agg.byID[c.row]
	return r != nil && s.agg.focus.has(r.key.owner)
}

// candidates are the processes that can hold the wanted sockets. Those in the
// sockets' own namespaces come first. A process that moved elsewhere keeps its
// sockets, so the rest follows at the last try: most sockets that the first look
// misses were closed meanwhile, and the files of a whole node are many.
func (s *sampler) candidates(processes []*process, spaces []*namespace, want []wantedSocket) []*process {
	wanted := make(map[uint32]bool)
	everywhere := false
	for _, w := range want {
		c := s.agg.conns[w.key]
		wanted[c.ns] = true
		everywhere = everywhere || c.tries == maxTries-1
	}
	inodes := make(map[uint64]bool)
	for _, ns := range spaces {
		if wanted[ns.id] {
			inodes[ns.inode] = true
		}
	}
	out := make([]*process, 0, len(processes))
	for _, p := range processes {
		if inodes[p.netns] {
			out = append(out, p)
		}
	}
	if everywhere {
		for _, p := range processes {
			if !inodes[p.netns] {
				out = append(out, p)
			}
		}
	}
	return out
}

// settle notes what a look found for one socket.
func (s *sampler) settle(w *wantedSocket, refs map[*process]uint32) {
	c, ok := s.agg.conns[w.key]
	if !ok {
		return
	}
	if w.by == nil {
		c.tries++
		s.agg.conns[w.key] = c
		return
	}
	ref, ok := refs[w.by]
	if !ok {
		ref = s.procs.ref(procInfo{
			pid: uint32(w.by.pid), start: w.by.start, //nolint:gosec // a PID is below 2^22
			command: procfs.Command(s.list.proc, w.by.pid), owner: w.by.owner,
		})
		refs[w.by] = ref
	}
	c.proc = ref
	s.agg.conns[w.key] = c
	if _, waited := s.waiting[w.key]; waited {
		delete(s.waiting, w.key)
		host := &namespace{inode: s.hostNS, host: true}
		s.agg.move(w.key, s.ownerOf(host, w.by.owner, procfs.Comm(s.list.proc, w.by.pid)))
	}
}

// forget drops the processes that no socket refers to.
func (s *sampler) forget() {
	used := make(map[uint32]bool)
	for _, c := range s.agg.conns {
		if c.proc != 0 {
			used[c.proc] = true
		}
	}
	s.procs.retain(used)
}

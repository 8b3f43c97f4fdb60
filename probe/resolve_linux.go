package probe

import (
	"time"
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
	want := make(map[uint64]*holder)
	keys := make(map[uint64]uint64) // socket key → inode
	s.wantWaiting(want, keys)
	if now.Before(s.scans.next) {
		return
	}
	s.wantFocused(want, keys)
	if len(want) == 0 {
		return
	}
	began := time.Now()
	findHolders(s.cfg.Proc, s.candidates(processes, spaces, keys), want)
	s.scans.next = now.Add(scanShare * time.Since(began))

	refs := make(map[*process]uint32)
	for key, inode := range keys {
		s.settle(key, want[inode], refs)
	}
	s.forget()
}

func (s *sampler) wantWaiting(want map[uint64]*holder, keys map[uint64]uint64) {
	for key, inode := range s.waiting {
		c, ok := s.agg.conns[key]
		// Nobody holds the file of a socket in TIME_WAIT any more.
		if !ok || c.tries >= maxTries || c.phase == phaseTimeWait {
			delete(s.waiting, key)
			continue
		}
		want[inode] = &holder{}
		keys[key] = inode
	}
}

func (s *sampler) wantFocused(want map[uint64]*holder, keys map[uint64]uint64) {
	if s.agg.focus.empty() {
		return
	}
	for key, c := range s.agg.conns {
		if c.inode == 0 || c.proc != 0 || c.tries >= maxTries || c.row == 0 || c.phase == phaseTimeWait {
			continue
		}
		r := s.agg.byID[c.row]
		if r == nil || !s.agg.focus.has(r.key.owner) {
			continue
		}
		want[c.inode] = &holder{}
		keys[key] = c.inode
	}
}

// candidates are the processes that can hold the wanted sockets. Those in the
// sockets' own namespaces come first. A process that moved elsewhere keeps its
// sockets, so the rest follows at the last try: most sockets that the first look
// misses were closed meanwhile, and the files of a whole node are many.
func (s *sampler) candidates(processes []*process, spaces []*namespace, keys map[uint64]uint64) []*process {
	wanted := make(map[uint32]bool)
	everywhere := false
	for key := range keys {
		c := s.agg.conns[key]
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
func (s *sampler) settle(key uint64, h *holder, refs map[*process]uint32) {
	c, ok := s.agg.conns[key]
	if !ok {
		return
	}
	if h.proc == nil {
		c.tries++
		s.agg.conns[key] = c
		return
	}
	ref, ok := refs[h.proc]
	if !ok {
		ref = s.procs.ref(procInfo{
			pid: uint32(h.proc.pid), start: h.proc.start, //nolint:gosec // a PID is below 2^22
			command: s.list.command(h.proc.pid), owner: h.proc.owner,
		})
		refs[h.proc] = ref
	}
	c.proc = ref
	s.agg.conns[key] = c
	if _, waited := s.waiting[key]; waited {
		delete(s.waiting, key)
		host := &namespace{inode: s.hostNS, host: true}
		s.agg.move(key, s.ownerOf(host, h.proc.owner, s.list.comm(h.proc.pid)))
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

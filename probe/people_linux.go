package probe

import (
	"time"

	"github.com/snattop/snattop/probe/cgroup"
	"github.com/snattop/snattop/probe/count"
	"github.com/snattop/snattop/probe/procfs"
)

// identity is what a counter knows of who connects.
type identity struct {
	netns, cgroup uint64
	pid           uint32
}

// person is who that is. It is remembered for as long as there is something to
// tell, and a while longer: the process, its cgroup and even its namespace may
// be gone by the time the next connection of theirs ends.
type person struct {
	identity
	owner   cgroup.Owner
	command string
	// sure means that a later look would tell no more.
	sure bool
	// ref is its number in the table of processes, 0 until somebody asks.
	ref uint32
	gen uint64
}

// people remembers persons.
type people struct {
	known map[identity]*person
	gen   uint64
	// looks counts the processes that were looked at in this snapshot.
	looks int
}

const (
	// maxLooks bounds the processes whose command line is read in one snapshot;
	// the others keep the name that they had when they connected.
	maxLooks = 500
	// forgetAfter is how many snapshots without a row a person is remembered.
	forgetAfter = 10
)

func newPeople() *people { return &people{known: make(map[identity]*person)} }

// meet returns a person, who may be new and unsure.
func (l *people) meet(id identity) *person {
	p := l.known[id]
	if p == nil {
		p = &person{identity: id}
		l.known[id] = p
	}
	p.gen = l.gen
	return p
}

// retain ends a snapshot: who was not met for long is forgotten.
func (l *people) retain(procs *procTable) {
	used := make(map[uint32]bool)
	for id, p := range l.known {
		if l.gen-p.gen > forgetAfter {
			delete(l.known, id)
		} else if p.ref != 0 {
			used[p.ref] = true
		}
	}
	procs.retain(used)
	l.gen++
	l.looks = 0
}

// identify finds out whose a row is: by its pod's namespace, by the cgroup that
// made its sockets, by the process that connected if it is still there, and
// else by the name that it had.
func (s *sampler) identify(now time.Time, v *survey, p *person, row *count.Row) {
	host := p.netns == s.hostNS
	ns := v.byInode[p.netns]
	if !host && ns != nil && ns.owner.PodUID != "" {
		p.owner, p.sure = ns.owner, true
		return
	}
	if by := s.cgroupOwner(p.cgroup); !by.Zero() {
		p.owner, p.sure = by, true
		return
	}
	p.command = row.Command
	q, looked := s.alive(now, p)
	if q != nil {
		p.owner = q.owner
		if comm := procfs.Comm(s.list.proc, q.pid); comm != "" {
			p.command = comm
		}
	}
	switch {
	case !p.owner.Zero():
		p.sure = true
	case host:
		p.sure = looked // else another snapshot has time for it
	case ns != nil:
		p.owner, p.command, p.sure = ns.owner, ns.command, true
	}
}

// alive returns the process of a person if it still lives where it connected,
// and whether there was time to look.
func (s *sampler) alive(now time.Time, p *person) (q *process, looked bool) {
	if p.pid == 0 {
		return nil, true
	}
	if s.people.looks >= maxLooks {
		return nil, false
	}
	s.people.looks++
	q = s.list.one(int(p.pid), now)
	if q == nil || q.netns != p.netns {
		return nil, true
	}
	return q, true
}

// process returns the number of a person's process.
func (s *sampler) process(now time.Time, p *person, row *count.Row) uint32 {
	if p.ref != 0 || p.pid == 0 {
		return p.ref
	}
	// A process that is gone has no start any more; its cgroup tells it from
	// another that had the same PID.
	info := procInfo{pid: p.pid, start: 1<<63 | p.cgroup, owner: p.owner}
	if by, ok := s.cgroups.owner(p.cgroup); ok && by.ContainerID != "" {
		info.owner = by
	}
	if row.Command != "" {
		info.command = "[" + row.Command + "]"
	}
	q, looked := s.alive(now, p)
	if q != nil {
		info.start = q.start
		if command := procfs.Command(s.list.proc, q.pid); command != "" {
			info.command = command
		}
		if q.owner.ContainerID != "" {
			info.owner = q.owner
		}
	}
	ref := s.procs.ref(info)
	if looked {
		p.ref = ref // else another snapshot has time for it
	}
	return ref
}

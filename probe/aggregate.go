package probe

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/snattop/snattop/probe/count"
	"github.com/snattop/snattop/probe/wire"
)

// DefaultMaxRows bounds the destinations of a node. Beyond it, flows are
// counted as dropped destinations; nothing is dropped in silence.
const DefaultMaxRows = 20_000

// LimitMaxRows is how far that bound may be raised: a first tick with so many
// destinations still fits a frame.
const LimitMaxRows = 100_000

// rowKey is what makes a row: a destination of an owner.
type rowKey struct {
	owner uint32
	proto uint8
	ip    netip.Addr
	port  uint16
}

// gauges count sockets; of UDP, established counts all flows, and synSent those
// of them without an answer.
type gauges struct {
	established, closing, synSent, timeWait uint32
	// silent are those of established that wire.Row calls so.
	silent [wire.SilentBuckets]uint32
}

type row struct {
	key       rowKey
	id        uint32
	now, sent gauges
	// events are those since the last tick.
	events count.Events
	// waits are connections in TIME_WAIT that a counting collector told of.
	waits waits
	// told is false until the row's key has been sent once.
	told  bool
	procs map[uint32]*procCount
	// sentProcs is what the controller has of procs, to send changes only.
	sentProcs []wire.Process
	detailed  bool
}

type procCount struct{ established, synSent uint32 }

func (r *row) idle() bool {
	return r.now == gauges{} && r.events == count.Events{}
}

// flags of a conn.
const (
	connInbound uint8 = 1 << iota
	// connDropped means that there was no room for its row.
	connDropped
	// connOpened means that this snapshot counted its open.
	connOpened
	// connUnanswered is a flow of UDP that nobody has answered.
	connUnanswered
)

// conn is what is remembered of one socket between two reads; there may be
// hundreds of thousands, so it is small.
type conn struct {
	inode uint64
	row   uint32
	proc  uint32
	gen   uint32
	ns    uint32
	phase phase
	flags uint8
	// tries counts process look-ups that did not find a holder.
	tries uint8
	// silent is the silentBucket that was told last.
	silent uint8
}

// Aggregator turns snapshots of sockets into rows and events. It knows neither
// the kernel nor a clock, and is not safe for concurrent use.
//
// One snapshot is Begin, any number of add and tally, Failed for each namespace that
// could not be read, sweep, any number of move, finish.
type Aggregator struct {
	maxRows int
	// minute is the unit of silence.
	minute  time.Duration
	owners  *ownerTable
	conns   map[uint64]conn
	rows    map[rowKey]uint32
	byID    map[uint32]*row
	nextRow uint32
	gen     uint32
	seq     uint64
	seeded  bool
	// failed holds the namespaces that could not be read in this snapshot:
	// their sockets are unknown, not closed.
	failed map[uint32]bool
	// refused holds the destinations that did not fit, in this snapshot.
	refused map[rowKey]struct{}
	focus   focusSet
}

type focusSet struct {
	all    bool
	owners map[uint32]bool
}

func (f focusSet) has(owner uint32) bool { return f.all || f.owners[owner] }

func (f focusSet) empty() bool { return !f.all && len(f.owners) == 0 }

// NewAggregator returns an empty aggregator that keeps at most maxRows
// destinations (DefaultMaxRows when 0 or less).
func NewAggregator(maxRows int) *Aggregator {
	if maxRows <= 0 {
		maxRows = DefaultMaxRows
	}
	return &Aggregator{
		maxRows: maxRows,
		minute:  time.Minute,
		owners:  newOwnerTable(),
		conns:   make(map[uint64]conn),
		rows:    make(map[rowKey]uint32),
		byID:    make(map[uint32]*row),
		failed:  make(map[uint32]bool),
		refused: make(map[rowKey]struct{}),
	}
}

// restart forgets everything but the numbers of owners: the next snapshot is a
// new beginning, told in full.
func (a *Aggregator) restart() {
	clear(a.conns)
	clear(a.rows)
	clear(a.byID)
	a.seeded = false
	a.owners.untold()
}

// SetFocus replaces the owners whose processes are told.
func (a *Aggregator) SetFocus(f wire.Focus) {
	a.focus = focusSet{all: f.All, owners: make(map[uint32]bool, len(f.Owners))}
	for _, id := range f.Owners {
		a.focus.owners[id] = true
	}
}

// Begin starts a snapshot.
func (a *Aggregator) Begin() {
	a.gen++
	clear(a.failed)
	clear(a.refused)
	for _, r := range a.byID {
		r.now = gauges{}
		r.procs = nil
	}
}

// Failed says that a namespace could not be read: what was known of it stays.
func (a *Aggregator) Failed(ns uint32) { a.failed[ns] = true }

// knows reports whether a socket is remembered with its owner and direction, so
// that add needs neither.
func (a *Aggregator) knows(s *Socket) bool {
	c, ok := a.conns[s.Key]
	return ok && (c.gen == a.gen || c.flags&connDropped == 0 && !a.reborn(c, s))
}

// reborn reports whether a key names another connection than it did: procfs
// has no cookies, so a tuple that is used again has the key of its forerunner,
// and a program may connect the same socket a second time.
func (a *Aggregator) reborn(c conn, s *Socket) bool {
	if s.State.phase() < c.phase || s.Inode != 0 && c.inode != 0 && s.Inode != c.inode {
		return true
	}
	r := a.byID[c.row]
	return r != nil && (r.key.ip != s.Remote.Addr() || r.key.port != s.Remote.Port())
}

// add counts one socket of a namespace for an owner. It is called for sockets
// that are not listeners. It reports whether the socket has a row.
func (a *Aggregator) add(s *Socket, ns, owner uint32, inbound bool) bool {
	ph := s.State.phase()
	if ph == phaseNone || ph == phaseListen {
		return false
	}
	c, old := a.conns[s.Key]
	if old && c.gen == a.gen {
		return c.row != 0 // met twice: an interrupted dump was read again
	}
	if old && a.reborn(c, s) {
		a.end(c)
		old = false
	}
	switch {
	case old && c.flags&connDropped != 0:
		// Room may have been made; its open is long gone.
		if c.row = a.rowFor(rowKey{owner, s.Protocol, s.Remote.Addr(), s.Remote.Port()}); c.row != 0 {
			c.flags &^= connDropped
		}
	case !old:
		c = conn{ns: ns, inode: s.Inode}
		if inbound {
			c.flags |= connInbound
		} else {
			c.row = a.rowFor(rowKey{owner, s.Protocol, s.Remote.Addr(), s.Remote.Port()})
			if c.row == 0 {
				c.flags |= connDropped
			}
		}
	}
	if s.Inode != 0 {
		c.inode = s.Inode
	}
	was := c.phase
	if !old {
		was = phaseNone
	}
	c.phase, c.gen = ph, a.gen
	c.note(s, a.minute)
	if r := a.byID[c.row]; r != nil && a.count(r, was, &c) {
		c.flags |= connOpened
	}
	a.conns[s.Key] = c
	return c.row != 0
}

// note remembers what a snapshot tells of a socket beside its phase. One that
// does not tell silence leaves what was known of it.
func (c *conn) note(s *Socket, minute time.Duration) {
	c.flags &^= connOpened | connUnanswered
	if s.Unanswered {
		c.flags |= connUnanswered
	}
	switch {
	case c.phase != phaseEstablished:
		c.silent = 0
	case s.Silence.known:
		c.silent = silentBucket(s.Silence.idle, minute)
	}
}

// add counts a socket n times, which is once or, all bits set, once less.
func (g *gauges) add(c *conn, n uint32) {
	switch c.phase {
	case phaseEstablished:
		g.established += n
		if c.silent > 0 {
			g.silent[c.silent-1] += n
		}
		if c.flags&connUnanswered != 0 {
			g.synSent += n
		}
	case phaseClosing:
		g.closing += n
	case phaseAttempting:
		g.synSent += n
	case phaseTimeWait:
		g.timeWait += n
	case phaseNone, phaseListen:
	}
}

// count updates a row's gauges and events, and reports whether it counted an
// open. The first snapshot counts none: what stands there at the start did not
// come to be just now.
func (a *Aggregator) count(r *row, was phase, c *conn) (opened bool) {
	r.now.add(c, 1)
	switch c.phase {
	case phaseEstablished, phaseClosing:
	case phaseAttempting:
		return false
	case phaseTimeWait:
		// It lived and died between two reads, or before the first: the
		// balancer holds its port either way.
		if was != phaseTimeWait {
			r.events.Closes++
		}
	case phaseNone, phaseListen:
		return false
	}
	opened = a.seeded && (was == phaseNone || was == phaseAttempting)
	if opened {
		r.events.Opens++
	}
	return opened
}

// rowFor returns the ID of a destination's row, 0 when it does not fit.
func (a *Aggregator) rowFor(k rowKey) uint32 {
	if id, ok := a.rows[k]; ok {
		return id
	}
	if len(a.rows) >= a.maxRows {
		if len(a.refused) < a.maxRows {
			a.refused[k] = struct{}{}
		}
		return 0
	}
	a.nextRow++
	a.rows[k] = a.nextRow
	a.byID[a.nextRow] = &row{key: k, id: a.nextRow}
	return a.nextRow
}

// sweep turns the sockets that are no longer there into events.
func (a *Aggregator) sweep() {
	for key, c := range a.conns {
		if c.gen == a.gen {
			continue
		}
		if a.failed[c.ns] {
			c.gen = a.gen
			c.flags &^= connOpened
			a.conns[key] = c
			if r := a.byID[c.row]; r != nil {
				a.count(r, c.phase, &c)
			}
			continue
		}
		delete(a.conns, key)
		a.end(c)
	}
}

// end counts the event that a socket's end is.
func (a *Aggregator) end(c conn) {
	r := a.byID[c.row]
	if r == nil {
		return
	}
	switch c.phase {
	case phaseEstablished, phaseClosing:
		r.events.Closes++
	case phaseAttempting:
		r.events.Fails++
	case phaseNone, phaseTimeWait, phaseListen:
	}
}

// move gives a socket to another owner: its holder became known late.
func (a *Aggregator) move(key uint64, owner uint32) {
	c, ok := a.conns[key]
	if !ok || c.row == 0 {
		return
	}
	from := a.byID[c.row]
	if from == nil || from.key.owner == owner {
		return
	}
	k := from.key
	k.owner = owner
	id := a.rowFor(k)
	if id == 0 {
		return
	}
	to := a.byID[id]
	from.now.add(&c, ^uint32(0))
	to.now.add(&c, 1)
	// An open that was counted in this snapshot moves along.
	if c.flags&connOpened != 0 {
		from.events.Opens--
		to.events.Opens++
	}
	c.row = id
	a.conns[key] = c
}

// finish closes a snapshot and returns what changed since the last.
func (a *Aggregator) finish(now time.Time, elapsed time.Duration, procs *procTable) *wire.Tick {
	a.countProcesses()
	a.countWaits(now)
	a.seq++
	t := &wire.Tick{Seq: a.seq, UnixNanos: now.UnixNano(), Full: !a.seeded, Loss: wire.Loss{Destinations: uint64(len(a.refused))}}
	if a.seeded {
		t.ElapsedNanos = int64(elapsed)
	}
	a.seeded = true

	used := make(map[uint32]bool, len(a.byID))
	room := maxTickProcesses
	for _, id := range slices.Sorted(maps.Keys(a.byID)) {
		r := a.byID[id]
		if r.idle() && r.sent == (gauges{}) {
			// A row that lost its sockets to another owner before it was told
			// goes in silence.
			if r.told {
				t.GoneRows = append(t.GoneRows, id)
			}
			delete(a.byID, id)
			delete(a.rows, r.key)
			continue
		}
		used[r.key.owner] = true
		if w, changed := a.tell(r, procs, &room); changed {
			t.Rows = append(t.Rows, w)
		}
	}
	t.Owners, t.GoneOwners = a.owners.changes(used)
	return t
}

// tell returns a row's message, and whether there is anything to say. room is
// how many processes this tick may still name.
func (a *Aggregator) tell(r *row, procs *procTable, room *int) (wire.Row, bool) {
	w := wire.Row{
		ID:          r.id,
		Established: r.now.established, Closing: r.now.closing, SynSent: r.now.synSent, TimeWait: r.now.timeWait,
		Silent: tellSilence(&r.now),
	}
	changed := !r.told || r.now != r.sent
	if r.events != (count.Events{}) {
		changed = true
		tellEvents(&w, &r.events)
		r.events = count.Events{}
	}
	if !r.told {
		w.Owner, w.Protocol, w.IP, w.Port = r.key.owner, r.key.proto, r.key.ip, r.key.port
	}
	if detailed := a.focus.has(r.key.owner); detailed {
		list := tellProcesses(r.procs, procs, *room)
		*room -= len(list)
		if !r.detailed || !slices.Equal(list, r.sentProcs) {
			changed = true
		}
		w.Detailed, w.Processes = true, list
		r.detailed, r.sentProcs = true, list
	} else {
		r.detailed, r.sentProcs = false, nil
	}
	r.told, r.sent = true, r.now
	return w, changed
}

// tellSilence returns a row's silence without the zeroes at its end, nil when no
// connection is silent.
func tellSilence(g *gauges) []uint32 {
	for n := len(g.silent); n > 0; n-- {
		if g.silent[n-1] != 0 {
			return slices.Clone(g.silent[:n])
		}
	}
	return nil
}

// countProcesses counts the holders of the sockets of rows in focus.
func (a *Aggregator) countProcesses() {
	if a.focus.empty() {
		return
	}
	for _, c := range a.conns {
		r := a.byID[c.row]
		if r == nil || !a.focus.has(r.key.owner) {
			continue
		}
		switch c.phase {
		case phaseEstablished:
			if c.flags&connUnanswered != 0 {
				r.hold(c.proc, 1, 1)
			} else {
				r.hold(c.proc, 1, 0)
			}
		case phaseAttempting:
			r.hold(c.proc, 0, 1)
		case phaseNone, phaseClosing, phaseTimeWait, phaseListen:
		}
	}
}

const (
	// maxProcesses bounds the processes told of one row; they are the largest.
	maxProcesses = 256
	// maxTickProcesses bounds those of all rows together, so that a tick stays
	// below wire.MaxPayload even with every owner in focus.
	maxTickProcesses = 20_000
)

func tellProcesses(counts map[uint32]*procCount, procs *procTable, room int) []wire.Process {
	// Numbers decide among equals: a list whose order changes by itself would
	// be told again and again.
	refs := slices.Collect(maps.Keys(counts))
	slices.SortFunc(refs, func(x, y uint32) int {
		nx, ny := counts[x], counts[y]
		return cmp.Or(cmp.Compare(ny.established+ny.synSent, nx.established+nx.synSent), cmp.Compare(x, y))
	})
	refs = refs[:min(len(refs), maxProcesses, room)]
	out := make([]wire.Process, 0, len(refs))
	for _, ref := range refs {
		p, n := procs.get(ref), counts[ref]
		out = append(out, wire.Process{
			PID: p.pid, Command: p.command, ContainerID: p.owner.ContainerID,
			Established: n.established, SynSent: n.synSent,
		})
	}
	return out
}

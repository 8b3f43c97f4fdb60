package tcptracer

import (
	"math/bits"
	"time"

	"github.com/snattop/snattop/probe/count"
	"github.com/snattop/snattop/probe/wire"
)

// The bounds of a Table's memory.
const (
	// DefaultMaxConnections bounds the open connections that are known.
	DefaultMaxConnections = 1 << 18
	// maxRows bounds the rows, and so what can pile up between two readings.
	maxRows = 1 << 16
	// maxListening bounds the listening ports that are known.
	maxListening = 1 << 16
)

// Table keeps the open connections of events, and counts. It is not safe for
// concurrent use, and reads no clock.
//
// Events come from a buffer of each CPU, so a close may overtake its connect,
// and some are lost. A table therefore remembers for a while which connections
// have ended, and compares the times of events.
//
// # Connections that are older than the tool
//
// A new table is being seeded: the caller tells with Seed which connections it
// found open after the tool had attached, with SeedListener which sockets
// listen, and then calls Seeded. A close of a connection whose connect was not
// seen waits until then. Afterwards such a close counts for its destination when
// its local port is not one that listens. One on a listening port may be an
// accepted connection and is passed over; every accept tells one more such port.
// A refused non-blocking connect counts as a Close without an Open: the balancer
// may hold a port for it all the same, and our bounds err upwards.
//
// # Drift
//
// Lost events leave connections that never close. When Lost has grown, the
// caller can take a new dump: Reseed, Seed for each, Seeded.
type Table struct {
	max  int
	rows map[count.Key]*row
	open map[tuple]conn
	// ends are connections that ended of late.
	ends recent[tuple, end]
	// listening are the ports of which connections were accepted.
	listening recent[listener, struct{}]

	// seeding is whether Seeded is still to come, of this generation.
	seeding    bool
	generation uint32
	// waiting are closes that need to know what listens.
	waiting map[tuple]unknown

	lost uint64
	// untracked and malformed are since the last reading.
	untracked, malformed uint64
	out                  []count.Row
}

// row counts what one process does with one destination.
type row struct {
	command     string
	established uint32
	events      count.Events
}

// conn is an open connection.
type conn struct {
	row        *row
	opened     stamp
	generation uint32
}

// end is how a connection ended.
type end struct {
	// opened and closed are of the latest connection of the tuple, last is the
	// close that was handled last.
	opened, closed, last stamp
	generation           uint32
	// owed counts ends that were concluded from something else: their closes
	// count no more if they come after all.
	owed uint32
	// uncounted says that the close was taken for that of an accepted
	// connection, or waits to be.
	uncounted bool
}

// unknown is a close without a connect.
type unknown struct {
	key     count.Key
	command string
	times   uint32
}

type listener struct {
	netns uint64
	port  uint16
}

// NewTable makes a table of at most that many connections;
// DefaultMaxConnections for 0.
func NewTable(maxConnections int) *Table {
	if maxConnections <= 0 {
		maxConnections = DefaultMaxConnections
	}
	t := &Table{
		max: maxConnections, rows: make(map[count.Key]*row), open: make(map[tuple]conn),
		ends: newRecent[tuple, end](max(maxConnections/4, 64)), listening: newRecent[listener, struct{}](maxListening),
	}
	t.Reseed()
	return t
}

// Add counts one event.
func (t *Table) Add(e *Event) {
	switch e.Kind {
	case Connect:
		t.connect(e)
	case Accept:
		// The port is all that is kept: there is no bound to how many
		// connections a server has accepted.
		t.listening.put(listener{e.NetNS, e.Local.Port()}, struct{}{})
	case Close:
		t.close(e)
	}
}

// AddLost counts events that the tool says were lost before it.
func (t *Table) AddLost(n uint64) { t.lost += n }

// AddMalformed counts a line that did not parse, and was an event very likely.
func (t *Table) AddMalformed() {
	t.malformed++
	t.lost++
}

func (t *Table) connect(e *Event) {
	k, s := makeTuple(e.NetNS, e.Local, e.Remote), e.stamp()
	c, known := t.open[k]
	ended, hasEnded := t.ends.get(k)
	switch {
	case known && c.opened == s, !known && ended.owed > 0 && ended.opened == s:
		return // told twice
	case known && !c.opened.known():
		t.adopt(k, c, e)
		return
	case known && s.before(c.opened), !known && hasEnded && s.before(ended.closed):
		if ended.opened != s {
			t.connectLate(k, e, ended, known)
		}
		return
	case known:
		// The tuple is in use again: the end of the one before was missed.
		t.drop(k, c)
		ended.opened, ended.generation = c.opened, t.generation
		ended.owed++
		t.ends.put(k, ended)
	}
	r := t.row(keyOf(e), e.Command)
	if r == nil {
		return
	}
	r.events.Opens++
	t.track(k, conn{r, s, t.generation})
}

// adopt learns of a seeded connection who opened it and when.
func (t *Table) adopt(k tuple, c conn, e *Event) {
	r := t.row(keyOf(e), e.Command)
	if r == nil {
		r = c.row
	} else {
		r.events.Opens++
	}
	c.row.established--
	r.established++
	t.open[k] = conn{r, e.stamp(), t.generation}
}

// connectLate counts a connect that its own close, or even the connection that
// followed it, has overtaken.
func (t *Table) connectLate(k tuple, e *Event, ended end, reused bool) {
	r := t.row(keyOf(e), e.Command)
	if r == nil {
		return
	}
	s := e.stamp()
	r.events.Opens++
	if !reused {
		if ended.uncounted {
			r.events.Closes++
			ended.uncounted = false
			t.unwait(k)
		}
		if !ended.opened.known() {
			r.events.Lives[lifeBucket(ended.closed.at-s.at)]++
		}
	}
	ended.opened = s
	t.ends.put(k, ended)
}

func (t *Table) close(e *Event) {
	k, s := makeTuple(e.NetNS, e.Local, e.Remote), e.stamp()
	c, known := t.open[k]
	ended, hasEnded := t.ends.get(k)
	late := known && s.before(c.opened)
	if hasEnded && (!known || late || !c.opened.known()) && (ended.last == s || ended.closed == s) {
		return // told twice
	}
	ended.last, ended.generation = s, t.generation
	newest := !s.before(ended.closed)
	if newest {
		ended.closed = s
	}
	switch {
	case known && t.seeding && !c.opened.known():
		// It may turn out to be an accepted one.
		t.forget(k, c)
		ended.opened, ended.uncounted = stamp{}, t.closeUnknown(k, e, false)
	case known && !late:
		if c.opened.family == s.family {
			c.row.events.Lives[lifeBucket(s.at-c.opened.at)]++
		}
		t.drop(k, c)
		ended.opened, ended.uncounted = c.opened, false
	case ended.owed > 0:
		ended.owed--
	default:
		ended.uncounted = t.closeUnknown(k, e, late)
		if newest {
			ended.opened = stamp{}
		}
	}
	t.ends.put(k, ended)
}

// closeUnknown handles a close without a connect, and reports whether it is not
// counted, or not yet. sure says that the tuple is one of outbound connections.
func (t *Table) closeUnknown(k tuple, e *Event, sure bool) (uncounted bool) {
	switch {
	case sure:
		t.countCloses(keyOf(e), e.Command, 1)
	case t.seeding:
		w, ok := t.waiting[k]
		if !ok && len(t.waiting) >= t.max {
			t.lost++
			return true
		}
		if !ok {
			w.key, w.command = keyOf(e), e.Command
		}
		w.times++
		t.waiting[k] = w
		return true
	case t.listens(e.NetNS, e.Local.Port()):
		return true
	default:
		t.countCloses(keyOf(e), e.Command, 1)
	}
	return false
}

// unwait takes one waiting close back.
func (t *Table) unwait(k tuple) {
	w, ok := t.waiting[k]
	switch {
	case !ok:
	case w.times <= 1:
		delete(t.waiting, k)
	default:
		w.times--
		t.waiting[k] = w
	}
}

func (t *Table) countCloses(k count.Key, command string, n uint32) {
	if r := t.row(k, command); r != nil {
		r.events.Closes += n
	}
}

func (t *Table) listens(netns uint64, port uint16) bool {
	_, ok := t.listening.get(listener{netns, port})
	return ok
}

// track enters an open connection. One beyond the bound counts as lost: its
// open and its close are counted all the same, and the gauges lack it.
func (t *Table) track(k tuple, c conn) {
	if len(t.open) >= t.max {
		t.lost++
		t.untracked++
		return
	}
	c.row.established++
	t.open[k] = c
}

// drop counts the end of an open connection.
func (t *Table) drop(k tuple, c conn) {
	c.row.events.Closes++
	t.forget(k, c)
}

func (t *Table) forget(k tuple, c conn) {
	c.row.established--
	delete(t.open, k)
}

// row finds or makes a row; nil, and one event lost, when there are too many.
func (t *Table) row(k count.Key, command string) *row {
	r := t.rows[k]
	if r == nil {
		if len(t.rows) >= maxRows {
			t.lost++
			return nil
		}
		r = &row{}
		t.rows[k] = r
	}
	if r.command == "" {
		r.command = command
	}
	return r
}

func keyOf(e *Event) count.Key { return count.Key{NetNS: e.NetNS, PID: e.PID, Remote: e.Remote} }

// lifeBucket says in which bucket of wire.Life a life belongs.
func lifeBucket(life time.Duration) int {
	if life < time.Millisecond {
		return 0
	}
	return min(bits.Len64(uint64(life/time.Millisecond)), wire.LifeBuckets-1)
}

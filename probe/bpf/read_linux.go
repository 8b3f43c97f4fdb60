package bpf

import (
	"fmt"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/probe/count"
)

// part is a range of rows with a stack of its free ones.
type part struct {
	free       *ebpf.Map
	start, end int
	// state is of the rows from start to the last that was ever in use.
	state []rowState
}

// rowState is what is remembered of a row between two readings.
type rowState struct {
	told    count.Events
	waits   []count.Wait
	key     count.Key
	command string
	// live means that key and command are known.
	live bool
	// leaving means that the key has been taken away from the row, and left
	// which grace period has to end before the row is free.
	leaving bool
	left    uint32
	// idle counts readings without connections and events, up to idleReadings.
	idle uint8
}

// lookAhead is how far behind the last row in use another may be: rows are given
// out in order, but processors that fail to use theirs put them back.
const lookAhead = 1024

// idleReadings is how long a row is kept for the next connection.
const idleReadings = 5

// state returns the state of a row, making it when it is new.
func (c *Counter) state(index int) *rowState {
	for i := range c.parts {
		p := &c.parts[i]
		if index < p.start || index >= p.end {
			continue
		}
		for len(p.state) <= index-p.start {
			p.state = append(p.state, rowState{})
		}
		return &p.state[index-p.start]
	}
	return nil
}

// Read returns what has been counted. The reading is valid until the next.
func (c *Counter) Read() (*count.Reading, error) {
	c.reading.Rows = c.reading.Rows[:0]
	for i := range c.parts {
		if err := c.readPart(&c.parts[i]); err != nil {
			return nil, err
		}
	}
	c.grace.begin()
	rows, err := c.value(countVarLostRows)
	if err != nil {
		return nil, err
	}
	conns, err := c.value(countVarLostConns)
	if err != nil {
		return nil, err
	}
	unseeded, err := c.value(countVarUnseeded)
	if err != nil {
		return nil, err
	}
	c.reading.Lost = rows + conns + unseeded
	c.reading.Problems = c.reading.Problems[:0]
	if rows > 0 {
		c.reading.Problems = append(c.reading.Problems, fmt.Sprintf("eBPF: %d connections were not counted: %d destinations are all that the map holds", rows, len(c.table.rows)))
	}
	if conns+unseeded > 0 {
		c.reading.Problems = append(c.reading.Problems, fmt.Sprintf("eBPF: %d connections were not counted: the map of open connections is full", conns+unseeded))
	}
	return &c.reading, nil
}

// value reads one of the programs' own counters.
func (c *Counter) value(name string) (n uint64, err error) {
	if err := c.objects.Variables[name].Get(&n); err != nil {
		return 0, fmt.Errorf("reading a counter of the programs: %w", err)
	}
	return n, nil
}

// inUse is the end of the rows of a part that may be in use.
func (p *part) inUse() int { return min(p.start+len(p.state)+lookAhead, p.end) }

// eachRow calls fn for every row that may be in use.
func (c *Counter) eachRow(fn func(*countRow)) {
	for i := range c.parts {
		p := &c.parts[i]
		for j := p.start; j < p.inUse(); j++ {
			fn(&c.table.rows[j])
		}
	}
}

func (c *Counter) readPart(p *part) error {
	for i := p.start; i < p.inUse(); i++ {
		row := &c.table.rows[i]
		if atomic.LoadUint32(&row.Live) == 0 {
			continue
		}
		if err := c.readRow(p, i, row); err != nil {
			return err
		}
	}
	return nil
}

func (c *Counter) readRow(p *part, index int, row *countRow) error {
	st := c.state(index)
	if !st.live {
		st.live, st.key, st.command = true, row.key(), sanitize.Text(row.command())
	}
	// A connection on its way from one state to the next must be seen in one of
	// them, or in the events.
	gauges := row.gauges()
	var now count.Events
	row.events(&now)
	if gauges == (count.Gauges{}) && now == st.told && len(st.waits) == 0 {
		return c.rest(p, index, st)
	}
	st.idle = 0
	c.reading.Rows = append(c.reading.Rows, count.Row{
		Key: st.key, Command: st.command, Gauges: gauges, Events: now.Sub(&st.told), Waits: st.waits,
	})
	st.told, st.waits = now, nil
	return nil
}

// rest deals with a row that has nothing to tell. Its key is taken away first;
// when no program can be holding its index from before, it is free.
func (c *Counter) rest(p *part, index int, st *rowState) error {
	switch {
	case !st.leaving && st.idle < idleReadings:
		st.idle++
	case !st.leaving:
		key := c.table.rows[index].Key
		if err := c.objects.Maps[countMapKeys].Delete(&key); err != nil {
			return fmt.Errorf("giving up a row: %w", err)
		}
		st.leaving, st.left = true, c.grace.next()
	case c.grace.over(st.left):
		c.table.rows[index].clear()
		*st = rowState{}
		if err := p.free.Update(nil, uint32(index), ebpf.UpdateAny); err != nil { //nolint:gosec // an index
			return fmt.Errorf("giving back a row: %w", err)
		}
	}
	return nil
}

package tcptracer

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/probe/count"
	"github.com/snattop/snattop/probe/wire"
)

const (
	testNS   = 4026532785
	testHere = "10.244.1.7:50000"
	testDest = "20.60.1.4:443"
)

func event(kind Kind, when time.Duration) *Event {
	return &Event{Time: when, Kind: kind, Family: 4, PID: 10, Command: "curl", Local: at(testHere), Remote: at(testDest), NetNS: testNS}
}

// sums are what a table told, over all rows and readings.
type sums struct{ established, opens, closes, lives uint32 }

func (s *sums) read(r count.Reading) {
	s.established = 0
	for _, row := range r.Rows {
		s.established += row.Established
		s.opens += row.Events.Opens
		s.closes += row.Events.Closes
		for _, n := range row.Events.Lives {
			s.lives += n
		}
	}
}

// seededTable has nothing to wait for.
func seededTable() *Table {
	t := NewTable(0)
	t.Seeded()
	return t
}

func TestTableOrders(t *testing.T) {
	t.Parallel()
	c := func(when time.Duration) *Event { return event(Connect, when) }
	x := func(when time.Duration) *Event { return event(Close, when) }
	for name, tc := range map[string]struct {
		events []*Event
		want   sums
	}{
		"open":                           {[]*Event{c(1)}, sums{1, 1, 0, 0}},
		"a life":                         {[]*Event{c(1), x(2)}, sums{0, 1, 1, 1}},
		"told twice":                     {[]*Event{c(1), c(1), x(2), x(2)}, sums{0, 1, 1, 1}},
		"overtaken by its close":         {[]*Event{x(2), c(1)}, sums{0, 1, 1, 1}},
		"overtaken, told twice":          {[]*Event{x(2), x(2), c(1), c(1)}, sums{0, 1, 1, 1}},
		"in use again":                   {[]*Event{c(1), x(2), c(3)}, sums{1, 2, 1, 1}},
		"in use again, the close missed": {[]*Event{c(1), c(3), x(4)}, sums{0, 2, 2, 1}},
		"in use again, the close late":   {[]*Event{c(1), c(3), x(2), x(4)}, sums{0, 2, 2, 1}},
		"the close late and last":        {[]*Event{c(1), c(3), x(4), x(2), x(2)}, sums{0, 2, 2, 1}},
		"the connect late":               {[]*Event{c(3), c(1), c(1), x(2), x(4)}, sums{0, 2, 2, 1}},
		"all turned round":               {[]*Event{x(4), c(3), x(2), c(1)}, sums{0, 2, 2, 1}},
		"closes first":                   {[]*Event{x(4), x(2), c(3), c(1)}, sums{0, 2, 2, 1}},
		"older than the tool":            {[]*Event{x(2)}, sums{0, 0, 1, 0}},
		"older, in use again":            {[]*Event{x(2), c(3)}, sums{1, 1, 1, 0}},
	} {
		table := seededTable()
		for _, e := range tc.events {
			table.Add(e)
		}
		var got sums
		got.read(table.Read())
		if got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
		if lost := table.Read().Lost; lost != 0 {
			t.Errorf("%s: %d lost", name, lost)
		}
	}
}

func TestTableRows(t *testing.T) {
	t.Parallel()
	table := seededTable()
	table.Add(event(Connect, 0))
	closed := event(Close, 5*time.Millisecond)
	closed.PID, closed.Command = 11, "a child"
	table.Add(closed)
	old := event(Close, 1)
	old.Local, old.PID, old.Command = at("10.244.1.7:50001"), 11, "a child"
	table.Add(old)
	rows := map[uint32]count.Row{}
	for _, r := range table.Read().Rows {
		rows[r.PID] = r
	}
	var lives [wire.LifeBuckets]uint32
	lives[3] = 1 // 4 ms to 8 ms
	want := map[uint32]count.Row{
		10: {
			Key: count.Key{NetNS: testNS, PID: 10, Remote: at(testDest)}, Command: "curl",
			Events: count.Events{Opens: 1, Closes: 1, Lives: lives},
		},
		11: {
			Key: count.Key{NetNS: testNS, PID: 11, Remote: at(testDest)}, Command: "a child",
			Events: count.Events{Closes: 1},
		},
	}
	if !reflect.DeepEqual(rows, want) {
		t.Errorf("%+v", rows)
	}
	if again := table.Read(); len(again.Rows) != 0 {
		t.Errorf("rows that are over are told again: %+v", again.Rows)
	}
}

func TestLifeBuckets(t *testing.T) {
	t.Parallel()
	for life, want := range map[time.Duration]int{
		-1: 0, 0: 0, time.Millisecond - 1: 0, time.Millisecond: 1, 2 * time.Millisecond: 2, 3 * time.Millisecond: 2,
		time.Second: 10, 24 * time.Hour: wire.LifeBuckets - 1, time.Duration(1<<63 - 1): wire.LifeBuckets - 1,
	} {
		if got := lifeBucket(life); got != want {
			t.Errorf("%s is in bucket %d, want %d", life, got, want)
		}
	}
}

func TestAcceptedConnectionsDoNotCount(t *testing.T) {
	t.Parallel()
	served := func(kind Kind, when time.Duration) *Event {
		e := event(kind, when)
		e.Local = at("10.244.1.7:8080")
		return e
	}
	for name, do := range map[string]func(*Table){
		"an accept tells the port": func(table *Table) {
			table.Seeded()
			table.Add(served(Accept, 1))
			table.Add(served(Close, 2))
		},
		"a listener that was seeded": func(table *Table) {
			table.SeedListener(testNS, at("0.0.0.0:8080"))
			table.Seeded()
			table.Add(served(Close, 2))
		},
		"a close before the listener is seeded": func(table *Table) {
			table.Add(served(Close, 2))
			table.Add(served(Close, 3))
			table.SeedListener(testNS, at("[::]:8080"))
			table.Seeded()
		},
		"accepted connections of a dump": func(table *Table) {
			table.Seed(testNS, 0, at("10.244.1.7:8080"), at(testDest))
			table.Seed(testNS, 0, at("10.244.1.7:8080"), at("20.60.1.4:444"))
			table.Add(served(Close, 2))
			table.SeedListener(testNS, at("0.0.0.0:8080"))
			table.Seeded()
		},
	} {
		table := NewTable(0)
		do(table)
		if r := table.Read(); r.Lost != 0 || len(table.open) != 0 {
			t.Errorf("%s: %d lost, %d open", name, r.Lost, len(table.open))
		} else {
			for _, row := range r.Rows {
				if row.Established != 0 || row.Events != (count.Events{}) {
					t.Errorf("%s: %+v", name, row)
				}
			}
		}
	}
	// A connect says it all the same, even late and from a port that listens.
	table := NewTable(0)
	table.SeedListener(testNS, at("0.0.0.0:8080"))
	table.Seeded()
	table.Add(served(Close, 2))
	table.Add(served(Connect, 1))
	var got sums
	if got.read(table.Read()); got != (sums{0, 1, 1, 1}) {
		t.Errorf("%+v", got)
	}
}

func TestSeeding(t *testing.T) {
	t.Parallel()
	seed := func(table *Table) { table.Seed(testNS, 9, at(testHere), at("[::ffff:20.60.1.4]:443")) }
	for name, tc := range map[string]struct {
		do   func(*Table)
		want sums
	}{
		"seeded":                     {func(table *Table) { seed(table); seed(table); table.Seeded() }, sums{1, 0, 0, 0}},
		"seeded, ends":               {func(table *Table) { seed(table); table.Seeded(); table.Add(event(Close, 2)) }, sums{0, 0, 1, 0}},
		"seeded, ends while seeding": {func(table *Table) { seed(table); table.Add(event(Close, 2)); table.Seeded() }, sums{0, 0, 1, 0}},
		"ended before":               {func(table *Table) { table.Add(event(Close, 2)); seed(table); table.Seeded() }, sums{0, 0, 1, 0}},
		"opened and ended before": {func(table *Table) {
			table.Add(event(Connect, 1))
			table.Add(event(Close, 2))
			seed(table)
			table.Seeded()
		}, sums{0, 1, 1, 1}},
		"in the dump and told": {func(table *Table) {
			table.Add(event(Connect, 1))
			seed(table)
			table.Seeded()
		}, sums{1, 1, 0, 0}},
		"in the dump, told later": {func(table *Table) {
			seed(table)
			table.Add(event(Connect, 1))
			table.Seeded()
			table.Add(event(Close, 2))
		}, sums{0, 1, 1, 1}},
		"the close of one before waits": {func(table *Table) {
			table.Add(event(Close, 2))
			table.Add(event(Close, 3))
			table.Add(event(Connect, 4))
			seed(table)
			table.Seeded()
		}, sums{1, 1, 2, 0}},
		"a waiting close meets its connect": {func(table *Table) {
			table.Add(event(Close, 2))
			table.Add(event(Close, 4))
			table.Add(event(Connect, 3))
			table.Seeded()
		}, sums{0, 1, 2, 1}},
		"one waiting close meets its connect": {func(table *Table) {
			table.Add(event(Close, 4))
			table.Add(event(Connect, 3))
			table.Seeded()
		}, sums{0, 1, 1, 1}},
		"another family's tool has another clock": {func(table *Table) {
			table.Add(event(Close, 9))
			six := event(Connect, 1)
			six.Family = 6
			table.Add(six)
			table.Seeded()
		}, sums{1, 1, 1, 0}},
		"seeded again": {func(table *Table) {
			table.Seeded()
			table.Add(event(Connect, 1))
			table.Reseed()
			seed(table)
			table.Seeded()
			table.Add(event(Close, 3))
		}, sums{0, 1, 1, 1}},
		"seeded again, missed the end": {func(table *Table) {
			table.Seeded()
			table.Add(event(Connect, 1))
			table.Reseed()
			table.Seeded()
			table.Add(event(Close, 3)) // it comes after all
			table.Add(event(Connect, 4))
		}, sums{1, 2, 1, 0}},
		"seeded again, opened meanwhile": {func(table *Table) {
			table.Seeded()
			table.Reseed()
			table.Add(event(Connect, 1))
			table.Seeded()
		}, sums{1, 1, 0, 0}},
	} {
		table := NewTable(0)
		tc.do(table)
		var got sums
		got.read(table.Read())
		if got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
}

func TestTableIsBounded(t *testing.T) {
	t.Parallel()
	table := NewTable(3)
	for i := range 5 { // two too many wait
		e := event(Close, 1)
		e.Local = at(fmt.Sprintf("10.244.1.7:%d", 40000+i))
		table.Add(e)
	}
	table.Seeded()
	for i := range 5 { // two too many are open
		e := event(Connect, 2)
		e.Local = at(fmt.Sprintf("10.244.1.7:%d", 50000+i))
		table.Add(e)
	}
	table.Seed(testNS, 9, at(testHere), at("20.60.1.5:443")) // and one more
	r := table.Read()
	var got sums
	if got.read(r); got != (sums{3, 5, 3, 0}) || r.Lost != 5 {
		t.Errorf("%+v, %d lost", got, r.Lost)
	}
	if len(r.Problems) != 1 || !strings.Contains(r.Problems[0], "more than 3 connections") || !strings.Contains(r.Problems[0], "lacks 3") {
		t.Errorf("%q", r.Problems)
	}
	table.AddMalformed()
	table.AddLost(7)
	if r = table.Read(); r.Lost != 13 || len(r.Problems) != 1 || r.Problems[0] != "1 lines of tcptracer did not parse" {
		t.Errorf("%d lost, %q", r.Lost, r.Problems)
	}
	if r = table.Read(); len(r.Problems) != 0 {
		t.Errorf("told again: %q", r.Problems)
	}
}

func TestRowsAreBounded(t *testing.T) {
	t.Parallel()
	table := seededTable()
	for i := range maxRows {
		e := event(Connect, 1)
		e.PID, e.NetNS = uint32(i), uint64(i+1)
		table.Add(e)
	}
	late, done := event(Connect, 1), event(Close, 2)
	done.NetNS, late.NetNS = maxRows+7, maxRows+7 // has no row
	table.Add(done)
	table.Add(late)
	table.Add(event(Connect, 3)) // nor has this one
	r := table.Read()
	if len(r.Rows) != maxRows || r.Lost != 3 {
		t.Errorf("%d rows, %d lost", len(r.Rows), r.Lost)
	}
}

func TestAdoptedWithoutARow(t *testing.T) {
	t.Parallel()
	table := NewTable(0)
	table.Seed(testNS, 9, at(testHere), at(testDest))
	for i := range maxRows - 1 {
		e := event(Connect, 1)
		e.NetNS = uint64(i + 1)
		table.Add(e)
	}
	table.Seeded()
	table.Add(event(Connect, 2)) // by PID 10, which has no row
	table.Add(event(Close, 3))
	var got sums
	r := table.Read()
	if got.read(r); r.Lost != 1 || got.closes != 1 || got.established != maxRows-1 {
		t.Errorf("%+v, %d lost", got, r.Lost)
	}
}

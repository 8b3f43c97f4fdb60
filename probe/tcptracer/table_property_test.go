package tcptracer

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// life is one connection of the model, with its true times; 0 is before the
// tool attached, and never.
type life struct {
	local, remote  netip.AddrPort
	opened, closed time.Duration
	inbound        bool
}

const listensOn = 8080

// drawLives makes connections on few tuples, one after the other on each, so
// that tuples come back as ephemeral ports do.
func drawLives(t *rapid.T) (all []life, end time.Duration) {
	// Every event has a time of its own, as in the kernel.
	now := map[int]time.Duration{}
	const tuples = 6
	for range rapid.IntRange(1, 25).Draw(t, "lives") {
		n := rapid.IntRange(0, tuples-1).Draw(t, "tuple")
		if now[n] < 0 {
			continue // its last one never ends
		}
		l := life{
			local:   at(fmt.Sprintf("10.0.0.1:%d", 40000+n)),
			remote:  at(fmt.Sprintf("20.0.0.%d:443", 1+n%3)),
			inbound: n == 0,
		}
		if l.inbound {
			l.local = netip.AddrPortFrom(l.local.Addr(), listensOn)
		}
		step := func(what string) time.Duration {
			now[n] = (now[n]/tuples+time.Duration(rapid.IntRange(1, 9).Draw(t, what)))*tuples + time.Duration(n)
			end = max(end, now[n])
			return now[n]
		}
		if now[n] != 0 || rapid.Bool().Draw(t, "after the start") {
			l.opened = step("opened")
		}
		if rapid.IntRange(0, 4).Draw(t, "stays") == 0 {
			now[n] = -1
		} else {
			l.closed = step("closed")
		}
		all = append(all, l)
	}
	return all, end
}

// lines are what the tool prints, in the order of time.
func lines(all []life) []*Event {
	var out []*Event
	add := func(kind Kind, l life, when time.Duration) {
		out = append(out, &Event{Time: when, Kind: kind, Family: 4, PID: 5, Local: l.local, Remote: l.remote, NetNS: 1})
	}
	for _, l := range all {
		switch {
		case l.opened == 0:
		case l.inbound:
			add(Accept, l, l.opened)
		default:
			add(Connect, l, l.opened)
		}
		if l.closed != 0 {
			add(Close, l, l.closed)
		}
	}
	slices.SortStableFunc(out, func(a, b *Event) int { return int(a.Time - b.Time) })
	return out
}

// disorder has events overtake each other, and tells some twice.
func disorder(t *rapid.T, in []*Event) []*Event {
	var out []*Event
	for len(in) > 0 {
		n := min(rapid.IntRange(1, 6).Draw(t, "burst"), len(in))
		for _, e := range rapid.Permutation(in[:n]).Draw(t, "order") {
			out = append(out, e)
			if rapid.IntRange(0, 5).Draw(t, "again") == 0 {
				out = append(out, e)
			}
		}
		in = in[n:]
	}
	return out
}

// seed tells a table what a dump shows that was taken at a moment.
func seed(t *rapid.T, table *Table, all []life, dumped time.Duration) {
	for _, l := range rapid.Permutation(all).Draw(t, "dump") {
		if l.opened <= dumped && (l.closed == 0 || l.closed > dumped) {
			table.Seed(1, 0, l.local, l.remote)
		}
	}
	table.SeedListener(1, netip.AddrPortFrom(netip.IPv4Unspecified(), listensOn))
	table.Seeded()
}

// However events overtake each other, and wherever among them the dump is
// taken, nothing is missed, told twice or left open.
func TestTableTellsTheTruth(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all, end := drawLives(t)
		table := NewTable(0)
		var got, want sums
		for _, l := range all {
			if l.inbound {
				continue
			}
			if l.opened != 0 {
				want.opens++
			}
			if l.closed != 0 {
				want.closes++
			} else {
				want.established++
			}
		}
		told := disorder(t, lines(all))
		// The dump is of one moment, and is told at another: never before it.
		dumped := time.Duration(rapid.IntRange(0, int(end)).Draw(t, "dumped"))
		first := 0
		for first < len(told) && told[first].Time < dumped {
			first++
		}
		seeded := rapid.IntRange(first, len(told)).Draw(t, "seeded")
		for i := range len(told) + 1 {
			if i == seeded {
				seed(t, table, all, dumped)
			}
			if i < len(told) {
				table.Add(told[i])
			}
			if rapid.IntRange(0, 4).Draw(t, "read") == 0 {
				got.read(table.Read())
			}
		}
		r := table.Read()
		got.read(r)
		got.lives = 0
		if got != want || r.Lost != 0 {
			t.Fatalf("%+v and %d lost, want %+v", got, r.Lost, want)
		}
		if n := int(want.established); len(table.open) != n || len(table.waiting) != 0 {
			t.Fatalf("%d open, %d waiting, want %d", len(table.open), len(table.waiting), n)
		}
	})
}

// Another dump mends what losses have done, and what follows is exact again.
func TestReseedMends(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all, _ := drawLives(t)
		told := lines(all)
		table := NewTable(0)
		seed(t, table, all, 0)
		mended := rapid.IntRange(0, len(told)).Draw(t, "mended")
		var now time.Duration
		for _, e := range told[:mended] {
			now = e.Time
			if rapid.Bool().Draw(t, "told") {
				table.Add(e)
			}
		}
		table.Read()
		table.Reseed()
		seed(t, table, all, now)
		var got sums
		got.read(table.Read())
		got = sums{established: got.established}
		want := sums{}
		for _, l := range all {
			if !l.inbound && l.opened <= now && (l.closed == 0 || l.closed > now) {
				want.established++
			}
		}
		if got != want {
			t.Fatalf("%+v after the dump, want %+v", got, want)
		}
		for _, e := range told[mended:] {
			table.Add(e)
			switch {
			case e.Local.Port() == listensOn:
			case e.Kind == Connect:
				want.established, want.opens = want.established+1, want.opens+1
			default:
				want.established, want.closes = want.established-1, want.closes+1
			}
		}
		got.read(table.Read())
		got.lives = 0
		if got != want {
			t.Fatalf("%+v at the end, want %+v", got, want)
		}
	})
}

// With losses and too little room nothing is exact, but memory stays bounded
// and no count falls below zero.
func TestTableSurvivesLoss(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const limit = 3
		table := NewTable(limit)
		all, _ := drawLives(t)
		for _, e := range disorder(t, lines(all)) {
			if rapid.IntRange(0, 3).Draw(t, "lost") != 0 {
				table.Add(e)
			}
			switch rapid.IntRange(0, 9).Draw(t, "caller") {
			case 0:
				table.Reseed()
			case 1:
				table.Seed(1, 0, e.Local, e.Remote)
			case 2:
				table.Seeded()
			case 3:
				var got sums
				if got.read(table.Read()); got.established > limit {
					t.Fatalf("%d established of at most %d", got.established, limit)
				}
			}
			if len(table.open) > limit || len(table.waiting) > limit {
				t.Fatalf("%d open and %d waiting of at most %d", len(table.open), len(table.waiting), limit)
			}
		}
		table.Seeded()
		var got sums
		if got.read(table.Read()); int(got.established) != len(table.open) {
			t.Fatalf("%d established, %d open", got.established, len(table.open))
		}
	})
}

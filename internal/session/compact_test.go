package session

import (
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/snattop/snattop/internal/snat"
)

// What is kept packed says the same as what is kept plain.

func TestCoolingRingIsAListOfEnds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		epoch := time.Unix(1_700_000_000, 0)
		var ring coolingRing
		ends := map[int64]uint32{}
		now := epoch
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "wait")) * time.Second)
			n := rapid.SampledFrom([]uint32{0, 1, 2, 200, 1 << 20}).Draw(t, "n")
			until := now.Add(time.Duration(rapid.IntRange(-1, 300).Draw(t, "hold")) * time.Second)
			ring.add(n, until)
			if n > 0 {
				ends[until.Unix()] += n
			}
			at := now.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "later")) * time.Second)
			if got, want := ring.after(at), beyond(ends, at); got != want {
				t.Fatalf("%d held after %s, want %d", got, at.Sub(epoch), want)
			}
			if rapid.Bool().Draw(t, "forget") {
				maps.DeleteFunc(ends, func(until int64, _ uint32) bool { return until <= now.Unix() })
				if got, want := ring.at(now), beyond(ends, now); got != want {
					t.Fatalf("%d held at %s, want %d", got, now.Sub(epoch), want)
				}
			}
			var want []coolingBucket
			for _, until := range slices.Sorted(maps.Keys(ends)) {
				want = append(want, coolingBucket{until, ends[until]})
			}
			if got := slices.Collect(ring.kept.all()); !slices.Equal(got, want) {
				t.Fatalf("ends are %v, want %v", got, want)
			}
		}
	})
}

func beyond(ends map[int64]uint32, at time.Time) (sum int) {
	for until, n := range ends {
		if until > at.Unix() {
			sum += int(n)
		}
	}
	return sum
}

// A number of ports has an end; what is beyond it is not counted, and released
// neither.
func TestCoolingBucketIsFull(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	var ring coolingRing
	ring.add(math.MaxUint32, now.Add(time.Second))
	ring.add(7, now.Add(2*time.Second))
	ring.add(9, now.Add(time.Second))
	if got := ring.at(now); got != math.MaxUint32+7 {
		t.Errorf("%d held", got)
	}
	if got := ring.at(now.Add(time.Second)); got != 7 {
		t.Errorf("%d held after the first second", got)
	}
	if ring.at(now.Add(2*time.Second)) != 0 || ring.kept != nil {
		t.Error("something is kept of what is released")
	}
}

func TestPackedNumbersComeOutAsTheyWentIn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Int(), 0, trendLength).Draw(t, "list")
		p := pack(list)
		got := p.unpack(nil)
		if !slices.Equal(got, list) {
			t.Fatalf("%v became %v", list, got)
		}
		if again := p.unpack(got); len(got) > 0 && &again[0] != &got[0] {
			t.Fatal("what is known already was made a second time")
		}
	})
}

func TestRowTableIsAMap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		table, want := newRowTable(), map[uint32]*flow{}
		ids := rapid.OneOf(rapid.Uint32Range(0, 50), rapid.Uint32())
		for range rapid.IntRange(0, 100).Draw(t, "steps") {
			id := ids.Draw(t, "id")
			if table.get(id) != want[id] {
				t.Fatalf("row %d is another's", id)
			}
			if want[id] != nil {
				table.drop(id)
				delete(want, id)
				continue
			}
			want[id] = &flow{}
			table.put(id, want[id])
		}
		if got := maps.Collect(table.all()); !maps.Equal(got, want) || table.count != len(want) {
			t.Fatalf("%d rows, %d counted, of %d", len(got), table.count, len(want))
		}
		for id := range want {
			table.drop(id)
		}
		if len(table.pages) > 0 {
			t.Fatalf("%d pages are left of no row", len(table.pages))
		}
	})
}

// Owners of many destinations have an index of them, through growth and loss.
func TestIndexFindsWhatIsThere(t *testing.T) {
	t.Parallel()
	h := &holder{}
	at := func(i int) target {
		return target{ip: [16]byte{15: byte(i), 14: byte(i >> 8)}, port: 443, protocol: snat.TCP}
	}
	for i := range 1000 {
		if h.find(at(i)) != nil {
			t.Fatalf("destination %d is there already", i)
		}
		f := h.add(at(i))
		f.set(hasRow, i%3 == 0)
	}
	h.tidy(time.Unix(1_700_000_000, 0), func(*flow) {})
	for i := range 1000 {
		f := h.find(at(i))
		if there := i%3 == 0; (f != nil) != there || there && f.card.at != at(i) {
			t.Fatalf("destination %d is there: %v, want %v", i, f != nil, there)
		}
	}
}

// A card has room for few sockets of some kinds; more stand beside it, and what
// else is said stays.
func TestCardCountsAnyNumber(t *testing.T) {
	t.Parallel()
	quiet := &events{silent: &Silence{3}}
	c := &card{kind: &kind{silence: true}, at: target{protocol: snat.TCP}}
	c.hush(quiet)
	for _, g := range []gauges{
		{established: 5, closing: 1, synSent: 2, timeWait: 3},
		{established: math.MaxUint32, closing: 70_000, synSent: 65_535, timeWait: 1},
		{closing: 1, timeWait: 1 << 30},
		{closing: 65_535},
	} {
		before := *c
		said := c.said()
		c.count(g)
		if got := c.gauges(); got != g {
			t.Errorf("counted %+v, want %+v", got, g)
		}
		if c.silent() == nil || *c.silent() != *quiet.silent {
			t.Errorf("with %+v it is forgotten who is silent", g)
		}
		if before.events != nil && *before.events != said {
			t.Errorf("with %+v what a picture may have was written", g)
		}
	}
	c.hush(nil)
	if c.events != nil {
		t.Errorf("%+v is said of nothing", *c.events)
	}
}

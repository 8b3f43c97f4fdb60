package table

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/theme"
	"github.com/snattop/snattop/tui/tuitest"
)

// pod is a row of about the size and the columns of those on the pages.
type pod struct {
	namespace, name, owner, cause string
	ports, open, trying, cooling  int
	opens, closes, fails, life    float64
	public                        int
}

func (p *pod) title() string { return p.namespace + "/" + p.name }

func podColumns(th *theme.Theme) []Column[*pod] {
	word := func(id, title string, least, priority int, text func(*pod) string) Column[*pod] {
		return Column[*pod]{
			ID: id, Title: title, Min: least, Max: 60, Priority: priority, Middle: true, Text: text,
			Word: func(dst []byte, p *pod) []byte { return append(dst, text(p)...) },
			Look: func(*pod) theme.Style { return th.Dim },
		}
	}
	number := func(id string, priority int, value func(*pod) float64) Column[*pod] {
		return Column[*pod]{
			ID: id, Title: id, Min: 6, Max: 9, Priority: priority, Right: true, Descending: true, Number: value,
			Text: func(p *pod) string { return format.Rate(value(p)) },
			Look: func(p *pod) theme.Style {
				if value(p) == 0 {
					return th.Dim
				}
				return th.Text
			},
		}
	}
	pods := word("pod", "POD", 24, 0, (*pod).title)
	pods.Word = func(dst []byte, p *pod) []byte { return append(append(append(dst, p.namespace...), '/'), p.name...) }
	return []Column[*pod]{
		pods,
		word("owner", "OWNER", 12, 3, func(p *pod) string { return p.owner }),
		word("cause", "CAUSE", 10, 2, func(p *pod) string { return p.cause }),
		number("PORTS", 0, func(p *pod) float64 { return float64(p.ports) }),
		number("OPEN", 0, func(p *pod) float64 { return float64(p.open) }),
		number("TRYING", 0, func(p *pod) float64 { return float64(p.trying) }),
		number("COOLING", 4, func(p *pod) float64 { return float64(p.cooling) }),
		number("NEW/S", 2, func(p *pod) float64 { return p.opens }),
		number("CLOSE/S", 6, func(p *pod) float64 { return p.closes }),
		number("FAIL/S", 1, func(p *pod) float64 { return p.fails }),
		number("LIFE", 5, func(p *pod) float64 { return p.life }),
		number("PUBLIC", 5, func(p *pod) float64 { return float64(p.public) }),
	}
}

// pictures are n pods as they are second by second: all rows are new each time,
// one in ten has new numbers, one in a thousand is another, and they come worst
// first as from a session.
func pictures(n, count int) [][]*pod {
	rnd := rand.New(rand.NewPCG(1, 2))
	make1 := func(id int) pod {
		ns, app := fmt.Sprintf("team-%02d", id%37), fmt.Sprintf("service-%03d", id%911)
		p := pod{namespace: ns, name: fmt.Sprintf("%s-%08x-%05x", app, id%911*2654435761&0xffffffff, id), owner: "deploy/" + app, cause: []string{"none", "leak", "—"}[id%3]}
		return p
	}
	renew := func(p *pod) {
		p.open, p.trying, p.cooling = rnd.IntN(900), rnd.IntN(3), rnd.IntN(100)
		p.ports, p.public = p.open+p.cooling, p.open
		p.opens, p.closes, p.fails, p.life = rnd.Float64()*50, rnd.Float64()*50, rnd.Float64(), rnd.Float64()*100
	}
	all := make([]pod, n)
	for i := range all {
		all[i] = make1(i)
		renew(&all[i])
	}
	next := n
	out := make([][]*pod, count)
	for c := range out {
		for i := range all {
			if rnd.IntN(1000) == 0 {
				all[i] = make1(next)
				renew(&all[i])
				next++
			} else if rnd.IntN(10) == 0 {
				renew(&all[i])
			}
		}
		copied := slices.Clone(all)
		rows := make([]*pod, n)
		for i := range copied {
			rows[i] = &copied[i]
		}
		slices.SortStableFunc(rows, func(a, b *pod) int { return b.ports - a.ports })
		out[c] = rows
	}
	return out
}

// works are what a frame may have to do before it is drawn.
func works() []struct {
	name string
	do   func(t *Table[*pod, string], i int)
} {
	return []struct {
		name string
		do   func(t *Table[*pod, string], i int)
	}{
		{"Picture", nil},
		{"Move", func(t *Table[*pod, string], i int) { pressOn(t, []string{"j", "pgdown", "k", "pgup"}[i%4]) }},
		{"Filter", func(t *Table[*pod, string], i int) {
			text := "team-07 service-12"
			i %= 2 * len(text)
			t.SetFilter(text[:min(i, 2*len(text)-i)])
		}},
		{"Sort", func(t *Table[*pod, string], i int) { pressOn(t, []string{">", ">", "r"}[i%3]) }},
	}
}

// BenchmarkFrame measures one frame each: something is done to the table, and
// it is drawn in 200×60. p99-ms is what 99 of 100 frames take at most.
func BenchmarkFrame(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		pics := pictures(n, 4)
		for _, w := range works() {
			b.Run(fmt.Sprintf("%s/%d", w.name, n), func(b *testing.B) {
				th := theme.New(true, false)
				t := New(Options[*pod, string]{Columns: podColumns(th), Key: func(p *pod) string { return p.name }, Sort: "PORTS", Spread: true}, th)
				t.SetSize(200, 60)
				now := time.Unix(1_700_000_000, 0)
				picture := func(i int) {
					now = now.Add(time.Second)
					t.SetTime(now, time.Time{})
					t.SetRows(pics[i%len(pics)])
				}
				took := make([]time.Duration, 0, 4096)
				frames := func(do func()) { // it and all that come of it
					for next := []func(){do}; len(next) > 0; {
						began := time.Now()
						next[0]()
						_ = t.View()
						took = append(took, time.Since(began))
						next = next[1:]
						for _, msg := range tuitest.Come(t.Work()) {
							next = append(next, func() { t.Worked(msg) })
						}
					}
				}
				for i := range 2*n/sweep + 8 { // the table has been on the screen for a while
					frames(func() { picture(i) })
				}
				took = took[:0]
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if w.do == nil {
						frames(func() { picture(i) })
					} else {
						frames(func() { w.do(t, i) })
					}
				}
				b.ReportMetric(float64(len(took))/float64(b.N), "frames/op")
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)*99/100])/1e6, "p99-ms")
				b.ReportMetric(float64(took[len(took)/2])/1e6, "p50-ms")
			})
		}
	}
}

//go:build bench && linux

package bench

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	peer "charm.land/bubbles/v2/table"
	tea "charm.land/bubbletea/v2"
	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/e2e/bench/result"
	"github.com/snattop/snattop/tui/component/table"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/theme"
	"github.com/snattop/snattop/tui/tuitest"
)

// frameGoal is how long a frame may take, 99 times of 100.
const frameGoal = 16 * time.Millisecond

// orderGoal is how long an order may be waited for that is found beside the
// frames.
const orderGoal = 200 * time.Millisecond

const (
	frameRows           = 100_000
	frameWidth, frameHi = 200, 60
)

// frameRow is a row of about the size of a pod's.
type frameRow struct {
	namespace, name, owner string
	numbers                [8]float64
}

// framePictures are n rows as they are second by second: all are new each time,
// one in ten has new numbers, one in a thousand is another, worst first.
func framePictures(n, count int) [][]*frameRow {
	rnd := rand.New(rand.NewPCG(1, 2))
	all := make([]frameRow, n)
	next := 0
	anew := func(r *frameRow) {
		app := fmt.Sprintf("service-%03d", next%911)
		*r = frameRow{namespace: fmt.Sprintf("team-%02d", next%37), name: fmt.Sprintf("%s-%08x-%05x", app, next%911*2654435761&0xffffffff, next), owner: "deploy/" + app}
		next++
	}
	renew := func(r *frameRow) {
		for i := range r.numbers {
			r.numbers[i] = float64(rnd.IntN(1000))
		}
	}
	for i := range all {
		anew(&all[i])
		renew(&all[i])
	}
	out := make([][]*frameRow, count)
	for c := range out {
		for i := range all {
			switch x := rnd.IntN(1000); {
			case x == 0:
				anew(&all[i])
				renew(&all[i])
			case x <= 100:
				renew(&all[i])
			}
		}
		held := slices.Clone(all)
		rows := make([]*frameRow, n)
		for i := range held {
			rows[i] = &held[i]
		}
		slices.SortStableFunc(rows, func(a, b *frameRow) int { return cmp.Compare(b.numbers[0], a.numbers[0]) })
		out[c] = rows
	}
	return out
}

func frameTable() *table.Table[*frameRow, string] {
	th := theme.New(true, false)
	text := func(id string, value func(*frameRow) string, word func(dst []byte, r *frameRow) []byte) table.Column[*frameRow] {
		return table.Column[*frameRow]{ID: id, Title: id, Min: 16, Max: 60, Middle: true, Text: value, Word: word}
	}
	columns := []table.Column[*frameRow]{
		text("POD", func(r *frameRow) string { return r.namespace + "/" + r.name }, func(dst []byte, r *frameRow) []byte {
			return append(append(append(dst, r.namespace...), '/'), r.name...)
		}),
		text("OWNER", func(r *frameRow) string { return r.owner }, func(dst []byte, r *frameRow) []byte { return append(dst, r.owner...) }),
	}
	for i := range (frameRow{}).numbers {
		columns = append(columns, table.Column[*frameRow]{
			ID: strconv.Itoa(i), Title: "COUNT " + strconv.Itoa(i), Min: 7, Max: 9, Right: true, Descending: true,
			Text:   func(r *frameRow) string { return format.Count(int(r.numbers[i])) },
			Look:   func(*frameRow) theme.Style { return th.Dim },
			Number: func(r *frameRow) float64 { return r.numbers[i] },
		})
	}
	t := table.New(table.Options[*frameRow, string]{Columns: columns, Key: func(r *frameRow) string { return r.name }, Sort: "0", Spread: true}, th)
	t.SetSize(frameWidth, frameHi)
	return t
}

// frames is what frames took, by the clock and by the processor.
type frames struct {
	wall, cpu []time.Duration
	// whole is from what happened until nothing was left to do for it.
	whole  []time.Duration
	allocs uint64
}

// spreader is a table that spreads its work over frames.
type spreader interface {
	Work() tea.Cmd
	Worked(tea.Msg) bool
	View() string
}

// idle is a table that has done everything.
type idle struct{}

func (idle) Work() tea.Cmd       { return nil }
func (idle) Worked(tea.Msg) bool { return false }
func (idle) View() string        { return "" }

// measureFrames does something n times and measures each, and each frame that a
// table then brings for it. What is ranked beside the UI is in none of them.
func measureFrames(n int, w spreader, do func(i int)) frames {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, after runtime.MemStats
	f := frames{wall: make([]time.Duration, 0, 16*n), cpu: make([]time.Duration, 0, 16*n), whole: make([]time.Duration, 0, n)}
	frame := func(do func()) {
		began, spent := time.Now(), threadTime()
		do()
		f.wall, f.cpu = append(f.wall, time.Since(began)), append(f.cpu, threadTime()-spent)
	}
	runtime.ReadMemStats(&before)
	for i := range n {
		began := time.Now()
		frame(func() { do(i) })
		for todo := tuitest.Come(w.Work()); len(todo) > 0; {
			msg := todo[0]
			frame(func() {
				w.Worked(msg)
				_ = w.View()
			})
			todo = append(todo[1:], tuitest.Come(w.Work())...)
		}
		f.whole = append(f.whole, time.Since(began))
	}
	runtime.ReadMemStats(&after)
	f.allocs = (after.Mallocs - before.Mallocs) / uint64(len(f.wall))
	for _, list := range [][]time.Duration{f.wall, f.cpu, f.whole} {
		slices.Sort(list)
	}
	return f
}

func (f frames) p99() time.Duration { return f.wall[len(f.wall)*99/100] }

func (f frames) String() string {
	s := fmt.Sprintf("%.1f ms (median %.1f; processor %.1f", ms(f.p99()), ms(f.wall[len(f.wall)/2]), ms(f.cpu[len(f.cpu)*99/100]))
	if len(f.wall) > len(f.whole) {
		s += fmt.Sprintf("; done in %.1f frames after %.1f ms", float64(len(f.wall))/float64(len(f.whole)), ms(f.whole[len(f.whole)*99/100]))
	}
	return s + fmt.Sprintf("; %d allocations)", f.allocs)
}

// threadTime is the processor time that this thread has had.
func threadTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// BenchmarkFrames is one frame of a table of 100,000 rows on 200×60: something
// happens, and what is on the screen is drawn. The peer is the table of
// bubbles, whose rows are made of text before it is measured.
func BenchmarkFrames(b *testing.B) {
	const many, some = 300, 100
	pics := framePictures(frameRows, 4)
	now := time.Unix(1_700_000_000, 0)
	t := frameTable()
	picture := func(rows []*frameRow) {
		now = now.Add(time.Second)
		t.SetTime(now, time.Time{})
		t.SetRows(rows)
		_ = t.View()
	}
	press := func(keys ...string) {
		for _, k := range keys {
			t.Update(tea.KeyPressMsg{Code: []rune(k)[0], Text: k})
		}
		_ = t.View()
	}
	for b.Loop() {
		measureFrames(40, t, func(i int) { picture(pics[i%4]) }) // it has been on the screen for a while
		row := func(work string, f frames) {
			record(b, result.Line{
				Work: work, Measured: f.String(), Goal: fmt.Sprintf("≤ %.0f ms", ms(frameGoal)), Verdict: result.Judge(f.p99() <= frameGoal),
			})
		}
		anew := measureFrames(many, t, func(i int) { picture(pics[i%4]) })
		row("frame of 100,000 rows, p99: a new picture, a tenth of it changed", anew)
		row("… the cursor moves", measureFrames(many, t, func(i int) { press([]string{"j", "k"}[i/10%2]) }))
		typed := "team-07 service-12"
		row("… a letter of a filter is typed", measureFrames(many, t, func(i int) {
			i %= 2 * len(typed)
			t.SetFilter(typed[:min(i, 2*len(typed)-i)])
			_ = t.View()
		}))
		t.SetFilter("")
		row("… ordered by another number", measureFrames(many, t, func(i int) {
			if i%8 == 7 {
				press("r")
				return
			}
			press([]string{">", "<"}[i/8%2])
		}))
		for title := ""; title != "POD"; title, _ = t.SortedBy() {
			press("<")
		}
		first := measureFrames(some, t, func(i int) { press([]string{">", "<"}[i%2]) })
		row("… ordered by a text that it was not ordered by before", first)
		after := first.whole[len(first.whole)*99/100]
		record(b, result.Line{
			Work: "… until it stands in that order, p99", Measured: fmt.Sprintf("%.0f ms (median %.0f)", ms(after), ms(first.whole[len(first.whole)/2])),
			Goal: fmt.Sprintf("≤ %.0f ms", ms(orderGoal)), Verdict: result.Judge(after <= orderGoal),
		})
		row("… ordered by that text the other way round", measureFrames(some, t, func(int) { press("r") }))

		few := frameTable()
		small := framePictures(1_000, 4)
		step := func(i int) {
			now = now.Add(time.Second)
			few.SetTime(now, time.Time{})
			few.SetRows(small[i%4])
			_ = few.View()
		}
		measureFrames(40, few, step)
		record(b, result.Line{
			Work: "… allocations in a frame with a new picture, of 1,000 rows and of 100,000", Measured: fmt.Sprintf("%d, %d", measureFrames(many, few, step).allocs, anew.allocs),
			Goal: "independent", Verdict: result.Judge(float64(anew.allocs) < 1.5*float64(measureFrames(many, few, step).allocs)),
		})

		p, rows := peerTable(pics)
		record(b, result.Line{Work: "… bubbles' table beside it: new rows, neither ordered nor filtered", Measured: measureFrames(some, idle{}, func(i int) {
			p.SetRows(rows[i%len(rows)])
			_ = p.View()
		}).String()})
		record(b, result.Line{Work: "… … the cursor moves", Measured: measureFrames(some, idle{}, func(int) {
			p.MoveDown(1)
			_ = p.View()
		}).String()})
	}
}

func peerTable(pics [][]*frameRow) (*peer.Model, [][]peer.Row) {
	columns := []peer.Column{{Title: "POD", Width: 50}, {Title: "OWNER", Width: 40}}
	for i := range (frameRow{}).numbers {
		columns = append(columns, peer.Column{Title: "COUNT " + strconv.Itoa(i), Width: 9})
	}
	out := make([][]peer.Row, len(pics))
	for i, pic := range pics {
		for _, r := range pic {
			row := peer.Row{r.namespace + "/" + r.name, r.owner}
			for _, n := range r.numbers {
				row = append(row, format.Count(int(n)))
			}
			out[i] = append(out[i], row)
		}
	}
	m := peer.New(peer.WithColumns(columns), peer.WithRows(out[0]), peer.WithFocused(true), peer.WithWidth(frameWidth), peer.WithHeight(frameHi))
	return &m, out
}

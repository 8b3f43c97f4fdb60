package app

import (
	"fmt"
	"slices"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/rollup"
	"github.com/snattop/snattop/tui/tuitest"
)

// BenchmarkTurned100000Dests is a frame of a page that is turned to 100,000
// destinations: first one for which only a key was pressed, then one of a new
// picture, whose adding up goes on beside the UI and is not in it, and then those
// that take over what was added up.
func BenchmarkTurned100000Dests(b *testing.B) {
	var owners []*session.Owner
	for i := range 1000 {
		var loads []tuitest.Load
		for j := range 100 {
			loads = append(loads, tuitest.Load{Addr: fmt.Sprintf("20.%d.%d.%d:443", i/250, i%250, j), Established: 3})
		}
		owners = append(owners, tuitest.Owner("n1", fmt.Sprint("team-", i%10), fmt.Sprint("app-", i), session.Workload{Kind: "Deployment", Name: fmt.Sprint("app-", i%50)}, loads...))
	}
	n := tuitest.Node("n1", "10.0.0.1", 1024, owners...)
	m, v := start(tuitest.Snapshot(1, n), 120, 40)
	m.turns = append(m.turns, turned{step: stepNodes})
	m.turns[0].subject.By = rollup.Dest
	m.enter(stepNodes)
	m.Update(m.turn.Work()())
	down, up := tea.KeyPressMsg{Code: tea.KeyDown}, tea.KeyPressMsg{Code: tea.KeyUp}
	b.Run("key", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.Update(down)
			m.View()
			m.Update(up)
			m.View()
		}
	})
	b.Run("picture", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			v.Set(tuitest.Snapshot(uint64(i), n))
			m.look()
			m.Update(secondMsg{})
			m.View()
		}
	})
	b.Run("sum shown", func(b *testing.B) {
		var took []time.Duration
		frame := func(msg tea.Msg) tea.Cmd {
			began := time.Now()
			cmd := m.take(msg)
			m.layout()
			m.View()
			took = append(took, time.Since(began))
			return cmd
		}
		show := func(version uint64) {
			v.Set(tuitest.Snapshot(version, n))
			m.look()
			var rest tea.Cmd
			for todo := tuitest.Come(m.turn.Work()); len(todo) > 0; {
				rest = tea.Batch(rest, frame(todo[0]))
				todo = append(todo[1:], tuitest.Come(m.turn.Work())...)
			}
			for _, msg := range tuitest.Come(rest) {
				m.take(msg)
			}
		}
		m.turn.Open(m.turns[0].subject, "")
		show(0) // an empty table shows its rows at once
		took = took[:0]
		for i := 1; b.Loop(); i++ {
			show(uint64(i))
		}
		slices.Sort(took)
		b.ReportMetric(float64(len(took))/float64(b.N), "frames/op")
		b.ReportMetric(float64(took[len(took)*99/100])/1e6, "p99-ms")
		b.ReportMetric(float64(took[len(took)/2])/1e6, "p50-ms")
	})
}

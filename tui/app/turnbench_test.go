package app

import (
	"fmt"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/rollup"
	"github.com/snattop/snattop/tui/tuitest"
)

// BenchmarkTurned100000Dests is a frame of a page that is turned to 100,000
// destinations: first one for which only a key was pressed, then one of a new
// picture, whose adding up goes on beside the UI and is not in it, and then one
// that takes what was added up.
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
		b.ReportAllocs()
		m.turn.Open(m.turns[0].subject, "")
		_, rest := m.Update(m.turn.Work()())
		m.View()
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			v.Set(tuitest.Snapshot(uint64(i), n))
			m.look()
			_, work := m.Update(alone(rest)())
			sum := alone(work)()
			b.StartTimer()
			_, rest = m.Update(sum)
			m.View()
		}
	})
}

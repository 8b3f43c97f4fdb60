package proof

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/internal/report/proof"
	"github.com/snattop/snattop/tui/page"
)

const (
	// pace is the least time between two comparisons: levels are of half a minute,
	// so more often would show nothing else.
	pace = 2 * time.Second
	// restFor is how many times as long as it took nothing is compared again: a
	// crowd is compared less often, and never takes more than a fifth of a core.
	restFor = 4
	// standsFor is how far the picture that was compared may be from the one on the
	// screen before the page says of when its answer is.
	standsFor = 5 * time.Second
)

// answered is a comparison, and what of.
type answered struct {
	// number says with which baseline, so that a late answer is not taken for
	// another's.
	number int
	pic    page.Picture
	before *proof.Baseline
	result *proof.Comparison
	rows   []*row
}

// work is the comparing that is done beside the UI.
type work struct {
	// number counts the baselines.
	number int
	// busy means that it is under way, rests that it is too soon for the next.
	busy, rests bool
}

type (
	// comparedMsg is what was found beside the UI, and how long that took.
	comparedMsg struct {
		answered
		took time.Duration
	}
	// restedMsg says that there may be another comparison.
	restedMsg struct{ number int }
)

// answer compares a picture with the baseline. It looks at nothing of the page
// that changes afterwards.
func (p *Page) answer() func() answered {
	number, baseline, before, pic := p.work.number, p.baseline, p.before, p.pic
	return func() answered {
		if before == nil {
			before = proof.From(reportOf(baseline), baseline.Snap.Timers)
		}
		result := before.Compare(reportOf(pic))
		return answered{number: number, pic: pic, before: before, result: result, rows: rowsOf(result)}
	}
}

func reportOf(pic page.Picture) *report.Report {
	return report.Numbers(pic.Snap, pic.Now, pic.Snap.Time.Sub(pic.Snap.Started))
}

// take shows an answer.
func (p *Page) take(a answered) {
	p.before, p.result, p.compared, p.at = a.before, a.result, a.pic.Snap, a.pic.Now
	p.measured = false
	for i := range a.result.Nodes {
		m := a.result.Nodes[i].Measured
		p.measured = p.measured || m.Before != nil || m.After != nil
	}
	p.table.SetRows(a.rows)
}

// compare returns the comparison that is shown, nil before there is one. That of
// few destinations is made here, when there is something new.
func (p *Page) compare() *proof.Comparison {
	if p.due() && !p.beside() {
		p.take(p.answer()())
	}
	return p.result
}

// due reports whether there is something new to compare.
func (p *Page) due() bool {
	if !p.HasBaseline() || p.compared == p.pic.Snap {
		return false
	}
	since := p.pic.Now.Sub(p.at)
	return p.result == nil || p.pic.Snap.Done || since < 0 || since >= pace
}

// beside reports whether there is so much to compare that it is done beside the
// UI.
func (p *Page) beside() bool {
	return !p.pic.Waits() && (page.Crowded(page.ManyDests, p.baseline.Snap.Nodes...) || page.Crowded(page.ManyDests, p.pic.Snap.Nodes...))
}

// Waiting reports whether the first answer for the baseline is still being found.
func (p *Page) Waiting() bool { return p.HasBaseline() && p.compare() == nil }

// stands reports whether the answer is one that stands in for that of the
// picture on the screen, and of another time.
func (p *Page) stands() bool {
	return p.result != nil && p.compared != p.pic.Snap && p.pic.Now.Sub(p.at).Abs() >= standsFor
}

// Work returns what is to be done beside the keys while the page is seen: the
// table's work, and comparing.
func (p *Page) Work() tea.Cmd { return tea.Batch(p.compareBeside(), p.table.Work()) }

// compareBeside returns a command that compares beside the UI, one at a time;
// nil when there is nothing new, or so little that it is compared at once.
func (p *Page) compareBeside() tea.Cmd {
	if p.work.busy || p.work.rests || !p.due() || !p.beside() {
		return nil
	}
	p.work.busy = true
	answer := p.answer()
	return func() tea.Msg {
		began := time.Now()
		found := answer()
		return comparedMsg{found, time.Since(began)}
	}
}

// Worked takes what Work has come to; ok is false when the message is another's.
func (p *Page) Worked(msg tea.Msg) (cmd tea.Cmd, ok bool) {
	switch msg := msg.(type) {
	case comparedMsg:
		p.work.busy = false
		if msg.number != p.work.number {
			return nil, true // it is of the baseline before
		}
		p.work.rests = true
		p.take(msg.answered)
		return tea.Tick(restFor*msg.took, func(time.Time) tea.Msg { return restedMsg{msg.number} }), true
	case restedMsg:
		if msg.number == p.work.number {
			p.work.rests = false
		}
		return nil, true
	default:
		return nil, p.table.Worked(msg)
	}
}

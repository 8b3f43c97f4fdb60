package proof_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/page"
	"github.com/snattop/snattop/tui/proof"
	"github.com/snattop/snattop/tui/tuitest"
)

// crowd is a picture of more destinations than are compared at once, taken some
// time later.
func crowd(later time.Duration) page.Picture {
	s := tuitest.Watched(tuitest.Crowded())
	s.Time = s.Time.Add(later)
	return page.Picture{Snap: s, Now: tuitest.Now().Add(later), Doctor: &page.Doctor{}}
}

// begin returns the work that the page has, which there must be; while it is
// done there is no other.
func begin(t *testing.T, p *proof.Page) tea.Cmd {
	t.Helper()
	work := p.Work()
	if work == nil {
		t.Fatal("there is nothing to do beside the keys")
	}
	if p.Work() != nil {
		t.Error("two comparisons at a time")
	}
	return work
}

// end brings the page what its work came to, and returns what ends the rest; nil
// where there is none.
func end(t *testing.T, p *proof.Page, work tea.Cmd) (rested tea.Msg) {
	t.Helper()
	rest, ok := p.Worked(work())
	if !ok {
		t.Fatal("the page does not know its own answer")
	}
	if rest == nil {
		return nil
	}
	return rest()
}

// says wants words on the page, in its state or in its sentence.
func says(t *testing.T, p *proof.Page, when string, words ...string) {
	t.Helper()
	s := ansi.Strip(screen(p, 200))
	for _, w := range words {
		if without, ok := strings.CutPrefix(w, "no "); ok && strings.Contains(s, without) || !ok && !strings.Contains(s, w) {
			t.Errorf("%s: want %q in\n%s", when, w, s)
		}
	}
}

func TestCrowdIsComparedBeside(t *testing.T) {
	t.Parallel()
	p := newPage(120, 20, true)
	p.SetBaseline(crowd(0))
	p.SetPicture(crowd(3 * time.Second))
	says(t, p, "before the answer", "| comparing …", "Comparing now with the baseline of 12:04:31Z …", "no SUBJECT")
	if !p.Waiting() || p.Copy() != "" || len(p.Columns().Items) > 0 {
		t.Error("there is something of an answer before there is one")
	}
	p.Know()
	p.Update(tea.KeyPressMsg{Code: 'j', Text: "j"})
	rested := end(t, p, begin(t, p))
	says(t, p, "with the answer", "SUBJECT", "shop/checkout", "no omparing")
	if p.Waiting() || p.Copy() == "" {
		t.Error("the answer is not there")
	}

	// A newer picture: the answer stands in for its own until there is one.
	p.SetPicture(crowd(6 * time.Second))
	says(t, p, "with the next picture", "SUBJECT", "shop/checkout", "no omparing")
	if p.Work() != nil {
		t.Error("a crowd is compared without a rest")
	}
	p.SetPicture(crowd(60 * time.Second))
	says(t, p, "much later", "SUBJECT", "| of 12:04:34Z, comparing … · ")
	p.Worked(rested)
	end(t, p, begin(t, p))
	says(t, p, "with the next answer", "SUBJECT", "no omparing")
	if p.Work() != nil {
		t.Error("the same picture is compared again")
	}
}

// An answer is of its baseline, and is never shown beside another.
func TestAnswerOfAnotherBaseline(t *testing.T) {
	t.Parallel()
	p := newPage(120, 20, true)
	p.SetPicture(crowd(3 * time.Second))
	p.SetBaseline(crowd(0))
	late := begin(t, p)
	p.SetBaseline(crowd(2 * time.Second))
	if p.Work() != nil {
		t.Error("two comparisons at a time")
	}
	if rested := end(t, p, late); rested != nil {
		t.Error("who has no answer rests")
	}
	says(t, p, "with the answer of the baseline before", "Comparing now with the baseline of 12:04:33Z …", "no SUBJECT")
	rested := end(t, p, begin(t, p))
	says(t, p, "with its own", "SUBJECT")

	p.SetBaseline(crowd(3 * time.Second))
	says(t, p, "with a third", "Comparing now", "no SUBJECT")
	work := begin(t, p) // at once: the rest is over
	p.Worked(rested)    // this one was of the second, and ends nothing
	end(t, p, work)
	p.SetPicture(crowd(6 * time.Second))
	p.Worked(rested)
	if p.Work() != nil {
		t.Error("the rest was ended by another's end")
	}
	p.SetBaseline(page.Picture{})
	says(t, p, "without one", "No baseline yet", "no omparing")
	if p.Work() != nil {
		t.Error("there is something to do without a baseline")
	}
}

// What takes no time, or has nobody to bring an answer to, is compared at once.
func TestComparedAtOnce(t *testing.T) {
	t.Parallel()
	few, some := before(), after(time.Minute)
	few.Doctor, some.Doctor = &page.Doctor{}, &page.Doctor{}
	still := crowd(time.Second)
	still.Doctor.Waits = true
	none := crowd(time.Second)
	none.Doctor = nil
	for name, pair := range map[string][2]page.Picture{
		"few": {few, some}, "a still": {crowd(0), still}, "nobody waits": {crowd(0), none},
	} {
		p := newPage(120, 20, true)
		p.SetBaseline(pair[0])
		p.SetPicture(pair[1])
		if p.Work() != nil || p.Waiting() {
			t.Errorf("%s: there is something to do beside the keys", name)
		}
		says(t, p, name, "SUBJECT", "no omparing")
	}
}

// A baseline of a crowd is looked through beside the keys, too.
func TestCrowdedBaseline(t *testing.T) {
	t.Parallel()
	p := newPage(120, 20, true)
	p.SetBaseline(crowd(0))
	few := after(time.Minute)
	few.Doctor = &page.Doctor{}
	p.SetPicture(few)
	says(t, p, "before the answer", "Comparing now")
	end(t, p, begin(t, p))
	says(t, p, "with the answer", "SUBJECT", "* new", "· gone")
}

// BenchmarkCrowd is the first answer for 100,000 destinations and names as long
// as they may be: what is done beside the keys, and then what a key may meet.
func BenchmarkCrowd(b *testing.B) {
	loads := make([]tuitest.Load, 100_000)
	for i := range loads {
		loads[i] = tuitest.Load{Addr: fmt.Sprintf("20.%d.%d.%d:443", i>>16, i>>8&255, i&255), Established: 1 + i%7}
	}
	node, pod := strings.Repeat("node.", 50), strings.Repeat("pod.", 62)
	s := tuitest.Watched(tuitest.Snapshot(1, tuitest.Node(node, "10.0.0.1", 64000, tuitest.Owner(node, "load", pod, session.Workload{}, loads...))))
	pic := page.Picture{Snap: s, Now: tuitest.Now(), Clock: tuitest.Now(), Doctor: &page.Doctor{}}
	begin := func() (*proof.Page, tea.Cmd) {
		p := newPage(120, 34, true)
		p.SetBaseline(pic)
		p.SetPicture(pic)
		work := p.Work()
		return p, work
	}
	b.Run("beside", func(b *testing.B) {
		for b.Loop() {
			_, work := begin()
			work()
		}
	})
	b.Run("key", func(b *testing.B) {
		_, work := begin()
		found := work()
		for b.Loop() {
			p, _ := begin()
			p.Worked(found)
			p.View()
		}
	})
}

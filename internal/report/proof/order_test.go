package proof_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/internal/report/proof"
)

// What is as bad stands in one order, however often it is asked, also where only
// the kinds of workloads differ.
func TestOrderIsOne(t *testing.T) {
	t.Parallel()
	n := numbers{ports: 50, open: 50}
	one := func(offset int) *report.Report {
		w := newWorld(noon).node("n1", n)
		for i := range 40 {
			pod := fmt.Sprintf("web-%d", i)
			kind := func(p *report.Pod) { p.Owner.Kind = []string{"Deployment", "StatefulSet"}[i%2] }
			w.pod("n1", "shop", pod, "web", n, kind).dest("n1", "shop", pod, fmt.Sprintf("20.0.0.%d", (i+offset)/2), n)
		}
		return w.r
	}
	write := func() []byte {
		var b bytes.Buffer
		if err := proof.JSON(&b, proof.Compare(one(0), one(10))); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	first := write()
	for range 20 {
		if again := write(); !bytes.Equal(again, first) {
			t.Fatalf("%s\nand then\n%s", first, again)
		}
	}
	c := proof.Compare(one(0), one(0))
	var last string
	for i := range c.Destinations {
		d := &c.Destinations[i]
		if name := d.Title() + " " + d.Kind; name <= last {
			t.Errorf("%q after %q", name, last)
		} else {
			last = name
		}
	}
}

func TestWorstFirst(t *testing.T) {
	t.Parallel()
	at := func(before, after float64) proof.Figure {
		return proof.Figure{Before: &proof.Value{Mean: before}, After: &proof.Value{Mean: after}}
	}
	rows := []proof.Row{
		{Answer: proof.Same, Open: at(5, 6), Why: "6"},
		{Answer: proof.Same, Open: at(50, 51), Why: "4"},
		{Answer: proof.CannotTell, Why: "8"},
		{Answer: proof.Less, Open: at(9, 1), Why: "3"},
		{Answer: proof.Same, Open: at(51, 50), Why: "5"},
		{Answer: proof.More, Open: at(1, 3), Why: "2"},
		{Answer: proof.Same, Open: at(6, 5), Why: "7"},
		{Answer: proof.More, Open: at(1, 9), Why: "1"},
	}
	var got []string
	for _, r := range proof.WorstFirst(rows, func(r *proof.Row) *proof.Row { return r }) {
		got = append(got, r.Why)
	}
	if want := []string{"1", "2", "3", "4", "5", "6", "7", "8"}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

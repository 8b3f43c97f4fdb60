package proof

import (
	"cmp"
	"math"
	"strings"

	"github.com/snattop/snattop/internal/report/proof"
	"github.com/snattop/snattop/tui/component/table"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/theme"
)

type column = table.Column[*row]

func (p *Page) columns() []column {
	dim := func(*row) theme.Style { return p.theme.Dim }
	return []column{
		{
			ID: "subject", Title: "SUBJECT", Min: 18, Soft: 40, Max: 90, Middle: true,
			Text: func(r *row) string { return r.title },
			Word: func(dst []byte, r *row) []byte { return append(dst, r.title...) },
		},
		{
			ID: "kind", Title: "KIND", Min: 11, Max: 12, Priority: 4,
			Text: func(r *row) string { return r.kind }, Look: dim,
			Compare: func(a, b *row) int { return cmp.Or(strings.Compare(a.kind, b.kind), cmp.Compare(a.place, b.place)) },
		},
		{
			ID: "what", Title: "OF", Min: 5, Max: 6,
			Text: func(r *row) string { return r.what }, Look: dim,
			Word: func(dst []byte, r *row) []byte { return append(dst, r.what...) },
		},
		{
			ID: "before", Title: "BASELINE", Min: 8, Max: 10, Right: true, Descending: true,
			Text:   func(r *row) string { b, _ := texts(r.Headline(), r.estimated); return b },
			Number: bySide(func(f *proof.Figure) *proof.Value { return f.Before }),
		},
		{
			ID: "now", Title: "NOW", Min: 7, Max: 10, Right: true, Descending: true,
			Text:   func(r *row) string { _, a := texts(r.Headline(), r.estimated); return a },
			Look:   func(r *row) theme.Style { return p.look(r.Answer) },
			Number: bySide(func(f *proof.Figure) *proof.Value { return f.After }),
		},
		{
			ID: "change", Title: "CHANGE", Min: 7, Max: 9, Right: true, Descending: true,
			Text:   func(r *row) string { return percent(r.Headline().Change) },
			Look:   func(r *row) theme.Style { return p.look(r.Answer) },
			Number: share,
		},
		{
			ID: "answer", Title: "ANSWER", Min: 13, Max: 14,
			Text:   func(r *row) string { return answer(r.Answer) },
			Look:   func(r *row) theme.Style { return p.look(r.Answer) },
			Number: func(r *row) float64 { return float64(r.place) },
		},
		{
			ID: "measured-before", Title: "MEASURED THEN", Short: "MEAS. THEN", Min: 12, Max: 15, Right: true, Priority: 3,
			Text: func(r *row) string { return whole(r.measured.Before) }, Look: dim,
			Absent: func() bool { return !p.measured },
		},
		{
			ID: "measured-now", Title: "MEASURED NOW", Short: "MEAS. NOW", Min: 11, Max: 14, Right: true, Priority: 3,
			Text: func(r *row) string { return whole(r.measured.After) }, Look: dim,
			Absent: func() bool { return !p.measured },
		},
		p.pair("fail", "FAIL/S", 3, func(r *row) *proof.Figure { return &r.Fails }, true),
		p.pair("new", "NEW/S", 5, func(r *row) *proof.Figure { return &r.Opens }, false),
		{
			ID: "beyond", Title: "NOISE", Min: 7, Max: 9, Right: true, Priority: 6,
			Text: func(r *row) string {
				if b := r.Headline().Beyond; b != nil {
					return "±" + format.Rate(*b)
				}
				return format.Dash
			},
			Look: dim,
		},
		{
			ID: "why", Name: "WHY", Min: 20, Max: 120, Weight: 1, Priority: 7,
			Text: func(r *row) string { return r.Why }, Look: dim,
		},
	}
}

// pair is a column with both sides of a rate and a mark of its answer. judged
// gives it the colour of the answer: failures are worse when there are more,
// and new connections are neither good nor bad.
func (p *Page) pair(id, title string, priority int, figure func(*row) *proof.Figure, judged bool) column {
	return column{
		ID: id, Title: title, Min: 13, Max: 20, Right: true, Descending: true, Priority: priority,
		Text: func(r *row) string {
			f := figure(r)
			b, a := texts(f, false)
			if b == format.Dash && a == format.Dash {
				return format.Dash
			}
			return b + " → " + a + " " + mark(f.Answer)
		},
		Look: func(r *row) theme.Style {
			if judged {
				return p.look(figure(r).Answer)
			}
			return p.theme.Text
		},
		Number: func(r *row) float64 { return figure(r).Size() },
	}
}

// look is the colour of an answer; its mark and word say the same.
func (p *Page) look(a proof.Answer) theme.Style {
	switch a {
	case proof.Less:
		return p.theme.Good
	case proof.More:
		return p.theme.Bad
	case proof.New:
		return p.theme.Warn
	case proof.Same:
		return p.theme.Text
	case proof.CannotTell, proof.Gone:
		return p.theme.Dim
	default:
		return p.theme.Text
	}
}

func mark(a proof.Answer) string {
	switch a {
	case proof.Less:
		return "✓"
	case proof.More:
		return "▲"
	case proof.Same:
		return "="
	case proof.New:
		return "*"
	case proof.Gone:
		return "·"
	case proof.CannotTell:
		return "?"
	default:
		return "?"
	}
}

func answer(a proof.Answer) string { return mark(a) + " " + string(a) }

// texts writes both sides with the pages' own dash for what is not known.
func texts(f *proof.Figure, estimated bool) (before, after string) {
	before, after = f.Texts(estimated)
	if f.Before == nil {
		before = format.Dash
	}
	if f.After == nil {
		after = format.Dash
	}
	return before, after
}

func percent(change *float64) string {
	if change == nil {
		return format.Dash
	}
	return strings.ReplaceAll(proof.Percent(change), " %", "%")
}

func whole(n *int) string {
	if n == nil {
		return format.Dash
	}
	return format.Count(*n)
}

// bySide orders by one side; what is not known comes below zero.
func bySide(side func(*proof.Figure) *proof.Value) func(*row) float64 {
	return func(r *row) float64 {
		if v := side(r.Headline()); v != nil {
			return v.Mean
		}
		return -1
	}
}

func share(r *row) float64 {
	if c := r.Headline().Change; c != nil {
		return *c
	}
	return math.Inf(-1)
}

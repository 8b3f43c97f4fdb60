package proof

import (
	"fmt"

	"github.com/snattop/snattop/internal/report/proof"
	"github.com/snattop/snattop/tui/evidence"
	"github.com/snattop/snattop/tui/format"
)

// Know says how the answer of the selected row was found.
func (p *Page) Know() evidence.Sheet {
	r := p.selected()
	if r == nil {
		return evidence.Sheet{
			Title:    "How do you know? There is nothing to compare yet.",
			Sections: []evidence.Section{byHand()},
		}
	}
	sheet := evidence.Sheet{Title: "How do you know? " + r.title}
	headline := evidence.Section{Title: heading(r)}
	headline.Items = figure(r.Headline(), r.estimated)
	sheet.Sections = append(sheet.Sections, headline)
	if r.kind == "node" && (r.measured.Before != nil || r.measured.After != nil) {
		sheet.Sections = append(sheet.Sections, evidence.Section{Title: "Ports in use, measured by the cloud", Items: []evidence.Item{
			fact("then → now", "%s → %s (%s): told once a minute and without its swing, so it is shown and not judged",
				whole(r.measured.Before), whole(r.measured.After), percent(r.measured.Change)),
		}})
	}
	if r.Ports != nil {
		sheet.Sections = append(sheet.Sections, evidence.Section{Title: "Open connections, counted", Items: figure(&r.Open, false)})
	}
	sheet.Sections = append(sheet.Sections,
		evidence.Section{Title: "New connections a second", Items: figure(&r.Opens, false)},
		evidence.Section{Title: "Failed connections a second", Items: figure(&r.Fails, false)},
		p.cautions(), rules(), byHand())
	return sheet
}

func heading(r *row) string {
	if r.estimated {
		return "Ports in use, estimated"
	}
	return "Open connections, counted"
}

// figure explains one number of a row.
func figure(f *proof.Figure, estimated bool) []evidence.Item {
	b, a := texts(f, estimated)
	items := []evidence.Item{
		fact("baseline", "%s", side(f.Before, b)),
		fact("now", "%s", side(f.After, a)),
	}
	if d, ok := f.Difference(); ok && f.Beyond != nil {
		items = append(items, fact("difference", "%s (%s); it counts beyond ±%s", signed(d), percent(f.Change), format.Rate(*f.Beyond)))
	}
	word := answer(f.Answer)
	if f.Why != "" {
		word += ": " + f.Why
	}
	return append(items, fact("answer", "%s", word))
}

// side writes a number with how far it swung and for how long it was watched.
func side(v *proof.Value, text string) string {
	if v == nil {
		return format.Dash
	}
	if v.SD == nil || v.Seconds == nil {
		return text + ", as it stood at the end; how far it swings is not known"
	}
	s := fmt.Sprintf("%s, swinging by %s, watched for %s s", text, format.Rate(*v.SD), format.Rate(*v.Seconds))
	if v.Unwatched >= 1 {
		s += fmt.Sprintf("; up to %s more may be held by connections that closed before that", format.Rate(v.Unwatched))
	}
	return s
}

func signed(d float64) string {
	if d < 0 {
		return "−" + format.Rate(-d)
	}
	return "+" + format.Rate(d)
}

// cautions are what should be known before the comparison is believed.
func (p *Page) cautions() evidence.Section {
	sec := evidence.Section{Title: "Check before you believe it"}
	if until, early := p.early(); early {
		sec.Items = append(sec.Items, fact("early", "ports that were cooling at the baseline are held until %s, and levels take two minutes to settle", format.Clock(until)))
	}
	for _, c := range p.result.Cautions {
		sec.Items = append(sec.Items, fact("", "%s", about(c)))
	}
	return sec
}

// rules is docs/proof.md in a few lines.
func rules() evidence.Section {
	return evidence.Section{Title: "How it is judged", Items: []evidence.Item{
		fact("", "A difference counts beyond three standard deviations of both sides together, and beyond one connection and 5 %%."),
		fact("", "A gauge's swing is never divided by the number of readings: they are not independent. Connections that come and go by chance are allowed the square root of their number; for rates, of the number of events counted."),
		fact("", "More pods, nodes and destinations give chance more tries, so the sentence of the whole asks for more than a row does."),
	}}
}

func byHand() evidence.Section {
	return evidence.Section{Title: "The same by hand", Items: []evidence.Item{
		{Command: "snattop report -o json --duration 5m > before.json", Note: "before the change; as long as ports are held, or longer"},
		{Command: "snattop report -o json --duration 5m > after.json", Note: "after it"},
		{Command: "snattop compare before.json after.json", Note: "the same comparison, for a ticket: -o markdown"},
	}}
}

func fact(label, note string, args ...any) evidence.Item {
	return evidence.Item{Label: label, Note: fmt.Sprintf(note, args...)}
}

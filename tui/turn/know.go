package turn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session/rollup"
	"github.com/snattop/snattop/tui/evidence"
	"github.com/snattop/snattop/tui/format"
)

// mostParts bounds the parts of a sum that are listed.
const mostParts = 20

// Know says what the selected row is the sum of, and how its largest part is
// known.
func (p *Page) Know() evidence.Sheet {
	r := p.Selected()
	if r == nil {
		return evidence.Sheet{Title: "How do you know? There is no row to speak of."}
	}
	by := p.subject.By
	sheet := evidence.Sheet{
		Title: "How do you know? " + by.String() + " " + sanitize.Text(r.Name),
		Sections: []evidence.Section{
			{Title: "The sum as it stands", Items: p.figures(r)},
			{Title: "How it is added up", Items: arithmetic(by)},
		},
	}
	if r.Missing == rollup.Placed && !by.Detail() && by != rollup.Pod {
		sheet.Sections = append(sheet.Sections, p.parts(r))
	}
	if r.Node == nil || r.Owner == nil {
		return sheet
	}
	largest := evidence.Owner(p.pic.Snap, r.Node, r.Owner)
	for _, s := range largest.Sections {
		s.Title += ": " + sanitize.Text(r.Owner.Title()) + ", which has most of it"
		sheet.Sections = append(sheet.Sections, s)
	}
	return sheet
}

func fact(label, note string, args ...any) evidence.Item {
	return evidence.Item{Label: label, Note: sanitize.Text(fmt.Sprintf(note, args...))}
}

func (p *Page) figures(r *rollup.Row) []evidence.Item {
	items := []evidence.Item{
		fact("of", "%s, %s, %s", format.Plural(r.Nodes, "node"), format.Plural(r.Owners, "pod"), format.Plural(r.Dests, "destination")),
	}
	if p.part(r) {
		items = append(items,
			fact("ports in use", "≥ %s, by the sockets that it holds; ports that cool down have no process any more", format.Count(r.Ports.Min)),
			fact("open", "%s established, counted", format.Count(r.Open)))
	} else {
		items = append(items,
			fact("ports in use", "≥ %s · ~%s · ≤ %s (derived from the sockets, not measured at the balancer)", format.Count(r.Ports.Min), format.Count(r.Ports.Estimate), format.Count(r.Ports.Max)),
			fact("open", "%s sockets established or closing, counted", format.Count(r.Open)),
			fact("cooling", "%s closed, port probably still held (derived as well)", format.About(r.Cooling)))
	}
	if r.Fullest.Node != nil && r.Ports.Max > 0 {
		items = append(items, fact("most of", "%s", p.fullest(r)))
	}
	items = append(items, fact("all flows", "%s, to any destination", format.Count(r.All)))
	if r.UDPFlows > 0 {
		items = append(items, fact("udp", "%s flows; the balancer keeps UDP's ports apart, and they are in no sum here", format.Count(r.UDPFlows)))
	}
	if r.Blind > 0 {
		items = append(items, fact("not seen", "attempts on %s of %s: their collectors show established connections only", format.Count(r.Blind), format.Plural(r.Nodes, "node")))
	}
	if r.Unrated > 0 {
		items = append(items, fact("not known", "rates on %s of %s: they need a second look", format.Count(r.Unrated), format.Plural(r.Nodes, "node")))
	}
	if p.sum != nil && p.sum.Seen < p.sum.Nodes {
		items = append(items, fact("not seen", "%s of %s: what is there is in no sum", format.Count(p.sum.Nodes-p.sum.Seen), format.Plural(p.sum.Nodes, "node")))
	}
	return items
}

// arithmetic explains why the rows do not add up the way one would expect.
func arithmetic(by rollup.By) []evidence.Item {
	items := []evidence.Item{
		fact("flows", "counts: open, trying and cooling add up over everything in the row"),
		fact("ports", "on one node the fullest destination counts, since a balancer uses a port once for each destination; what different nodes use adds up"),
		fact("so", "the ports of rows may come to more than those of their node: rows share ports that go to different destinations"),
		fact("measured", "nothing here: what a cloud measures is a node's, and is not taken apart"),
	}
	if by.Detail() {
		items = append(items, fact("processes", "known of pods that page ③ has asked for; the rest stands in rows of its own"))
	}
	return items
}

// parts lists the owners of a row, worst first.
func (p *Page) parts(r *rollup.Row) evidence.Section {
	scope := p.subject.Scope
	scope.Within = append(slices.Clone(scope.Within), r.Member(p.subject.By))
	rows := rollup.Sum(p.pic.Snap, rollup.Pod, scope).Rows
	sec := evidence.Section{Title: "What it is the sum of"}
	for _, o := range rows[:min(len(rows), mostParts)] {
		sec.Items = append(sec.Items, fact(strings.TrimSpace(sanitize.Text(o.Name)), "~%s ports · %s open · %s trying · %s cooling, on %s",
			format.Count(o.Ports.Estimate), format.Count(o.Open), format.Count(o.Trying), format.About(o.Cooling), o.Node.Name))
	}
	if more := len(rows) - mostParts; more > 0 {
		sec.Items = append(sec.Items, fact("", "and %s more", format.Count(more)))
	}
	return sec
}

package dests

import "github.com/snattop/snattop/tui/page"

var _ page.Chooser = (*Page)(nil)

// What the tables are called among the choices.
const destsName, procsName = "connections", "processes"

// Columns are those of the pane that has the keys.
func (p *Page) Columns() page.Columns {
	if p.right {
		c := page.Columns{Of: procsName, Title: "processes", Items: p.procs.Items()}
		if !p.sideBySide() {
			c.Line = max(0, p.height-p.below()+1)
		}
		return c
	}
	return page.Columns{Of: destsName, Title: "connections", Items: p.dests.Items()}
}

// Choose shows columns as the operator wants them.
func (p *Page) Choose(c page.Choices) {
	p.dests.Choose(c[destsName])
	p.procs.Choose(c[procsName])
}

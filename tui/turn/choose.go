package turn

import "github.com/snattop/snattop/tui/page"

var _ page.Chooser = (*Page)(nil)

// tableName is what the table is called among the choices. It is one for all
// sides: their columns are the same but for what they have nothing to show in.
const tableName = "turned"

// Columns are those of the sums.
func (p *Page) Columns() page.Columns {
	p.fresh()
	return page.Columns{Of: tableName, Title: "turned tables", Items: p.table.Items()}
}

// Choose shows columns as the operator wants them.
func (p *Page) Choose(c page.Choices) {
	p.choices = c[tableName]
	p.table.Choose(p.choices)
}

package proof

import "github.com/snattop/snattop/tui/page"

var _ page.Chooser = (*Page)(nil)

// tableName is what the table is called among the choices.
const tableName = "proof"

// Columns are those of the comparison; none before there is one.
func (p *Page) Columns() page.Columns {
	if p.compare() == nil {
		return page.Columns{}
	}
	return page.Columns{Of: tableName, Title: "the proof", Items: p.table.Items()}
}

// Choose shows columns as the operator wants them.
func (p *Page) Choose(c page.Choices) { p.table.Choose(c[tableName]) }

package pods

import "github.com/snattop/snattop/tui/page"

var _ page.Chooser = (*Page)(nil)

// tableName is what the table is called among the choices.
const tableName = "pods"

// Columns are those of the pods.
func (p *Page) Columns() page.Columns {
	return page.Columns{Of: tableName, Title: "pods", Items: p.table.Items()}
}

// Choose shows columns as the operator wants them.
func (p *Page) Choose(c page.Choices) { p.table.Choose(c[tableName]) }

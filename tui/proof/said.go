package proof

import "github.com/snattop/snattop/tui/page"

// Said says the rows.
func (p *Page) Said() page.Said { return page.SayTable(p.table) }

package dests

import "github.com/snattop/snattop/tui/page"

// Said says the rows of the pane that has the keys: destinations, with the
// processes of the chosen one, or these alone.
func (p *Page) Said() page.Said {
	procs := page.SayTable(p.procs)
	if p.right {
		return procs
	}
	said := page.SayTable(p.dests)
	said.Detail = procs.Rows
	return said
}

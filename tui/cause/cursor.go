package cause

import "github.com/snattop/snattop/tui/format"

// laid returns the blocks, laid out anew when something has changed. The cursor
// stays on what it was on.
func (p *Page) laid() []block {
	if p.blocks == nil {
		p.blocks = p.write()
		p.cursor = max(0, min(p.cursor, p.choices()-1))
	}
	return p.blocks
}

func (p *Page) choices() int {
	n := 0
	for _, b := range p.blocks {
		if b.choosable() {
			n++
		}
	}
	return n
}

// chosen is the block under the cursor.
func (p *Page) chosen() (block, bool) {
	at := 0
	for _, b := range p.laid() {
		if !b.choosable() {
			continue
		}
		if at == p.cursor {
			return b, true
		}
		at++
	}
	return block{}, false
}

// lines draws all of the page.
func (p *Page) lines() []string {
	var out []string
	at := -1
	for _, b := range p.laid() {
		mark := " "
		if b.choosable() {
			if at++; at == p.cursor {
				mark = p.theme.Accent.Render("▌")
			}
		}
		for _, l := range b.lines {
			line := format.Left(mark+l, p.width)
			if b.choosable() && at == p.cursor {
				line = p.theme.Selected.Over(line)
			}
			out = append(out, line)
		}
	}
	return out
}

// span is where the nth block that can be chosen lies, in lines.
func (p *Page) span(n int) (from, to int) {
	at, line := -1, 0
	for _, b := range p.laid() {
		if b.choosable() {
			at++
			if at == n {
				return line, line + len(b.lines)
			}
		}
		line += len(b.lines)
	}
	return line, line
}

// height of all of the page.
func (p *Page) total() int {
	n := 0
	for _, b := range p.laid() {
		n += len(b.lines)
	}
	return n
}

// choose puts the cursor on a block and scrolls as little as shows all of it.
func (p *Page) choose(n int) {
	p.laid()
	last := p.choices() - 1
	if last < 0 {
		p.scroll(n - p.cursor)
		return
	}
	p.cursor = max(0, min(n, last))
	from, to := p.span(p.cursor)
	switch {
	case n < 0:
		p.offset = max(0, p.offset-beyond)
	case n > last:
		p.offset = max(0, min(p.offset+beyond, p.total()-p.height))
	default:
		p.offset = max(p.offset, to-p.height)
		p.offset = min(p.offset, from)
	}
}

// beyond is by how many lines a move beyond the first or the last choice
// scrolls.
const beyond = 3

// bottom goes to the end of the page.
func (p *Page) bottom() {
	p.laid()
	p.cursor = max(0, p.choices()-1)
	p.offset = max(0, p.total()-p.height)
}

// scroll moves the window, and the cursor into it.
func (p *Page) scroll(by int) {
	p.offset = max(0, min(p.offset+by, p.total()-p.height))
	if from, to := p.span(p.cursor); from >= p.offset && to <= p.offset+p.height {
		return
	}
	for n := range p.choices() {
		if from, _ := p.span(n); from >= p.offset && from < p.offset+p.height {
			p.cursor = n
			return
		}
	}
}

// click chooses what was clicked.
func (p *Page) click(y int) {
	line := p.offset + y
	for n := range p.choices() {
		if from, to := p.span(n); line >= from && line < to {
			p.cursor = n
			return
		}
	}
}

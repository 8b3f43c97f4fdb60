package app

import (
	"strings"

	"github.com/snattop/snattop/tui/filter"
)

// termed is a page whose filter knows terms.
type termed interface {
	FilterProblem() error
	FilterTerms() filter.Terms
}

// filterProblem says what is wrong with the filter that is typed, and whether
// anything is.
func (m *Model) filterProblem() bool {
	p, ok := m.current().(termed)
	if !ok || p.FilterProblem() == nil {
		return false
	}
	m.notice = notice{text: p.FilterProblem().Error(), bad: true}
	return true
}

// hintFilter says what may be typed next: terms at the beginning of a word, and
// the states of the page after state:.
func (m *Model) hintFilter() {
	p, ok := m.current().(termed)
	if m.prompt != promptFilter || !ok {
		return
	}
	text, terms := m.line.Value(), p.FilterTerms()
	word := text[strings.LastIndex(text, " ")+1:]
	switch {
	case word == "" && len(terms.Fields) > 0:
		m.line.Hint = terms.Hint() + " or a name"
	case strings.HasSuffix(word, string(filter.State)+":"):
		m.line.Hint = strings.Join(terms.States, " ")
	default:
		m.line.Hint = "enter keeps · esc clears"
	}
}

// Package ascii draws the screen for a terminal that has no other characters.
// It is the last step before the terminal: pages draw as ever, and what they
// have drawn is spelled anew, character by character in the same place.
package ascii

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// twins are the characters that snattop itself draws with, each with one of
// ASCII. What stands for different things in one place differs here as well;
// see the test.
var twins = map[rune]byte{
	// Verdicts and answers.
	'▲': '^', '■': '#', '✓': '+', '✗': 'x',
	// How a node is seen: live, stale, none yet; a gap, and a job.
	'●': '*', '◌': '%', '○': 'o', '↓': 'v', '◷': '@',
	// Bounds, and what is not known.
	'≥': '>', '≤': '<', '≈': '~', '±': '+', '−': '-', '—': '-', '–': '-', '×': 'x',
	// The cursor, its faint form, and the order of rows.
	'▌': '>', '▏': '|', '▼': 'v',
	// Gauges: full, at least half, less than half. The cursor's two marks are
	// their eighths as well.
	'█': '#', '▉': '>', '▊': '>', '▋': '>', '▍': '-', '▎': '-',
	// Sparklines, by how much ink.
	'▁': '_', '▂': '.', '▃': ':', '▄': '-', '▅': '=', '▆': '+', '▇': '*',
	// Steps: those elsewhere keep their number, and the present one points.
	'①': '1', '②': '2', '③': '3', '④': '4', '⑤': '5',
	'❶': '>', '❷': '>', '❸': '>', '❹': '>', '❺': '>',
	// Lines and signs.
	'─': '-', '━': '=', '│': '|', '·': '|', '›': '>', '→': '>', '←': '<', '↑': '^', '…': '*', '⏎': '/',
	// Quotation marks of what others wrote, and bytes that are no text.
	'\ufffd': '?',
	'“':      '"', '”': '"', '‘': '\'', '’': '\'',
}

// foreign stands for each cell of a character that is not ours.
const foreign = "?"

// Screen spells a drawn screen in ASCII. Every line keeps its width, and the
// sequences that style it stay as they are.
func Screen(s string) string {
	if plain(s) {
		return s
	}
	out := make([]byte, 0, len(s))
	var state byte
	for s != "" {
		seq, width, n, next := ansi.DecodeSequence(s, state, nil)
		state, s = next, s[n:]
		if plain(seq) {
			out = append(out, seq...)
			continue
		}
		r, _ := utf8.DecodeRuneInString(seq)
		twin := twins[r]
		switch {
		case width != 1 || twin == 0:
			out = append(out, strings.Repeat(foreign, width)...)
		case r == '→' && len(out) > 0 && out[len(out)-1] == ' ':
			// An arrow takes the space beside it for its shaft: "≥ 996 → ~100"
			// is "> 996-> ~100", where a bound is told from an arrow.
			out[len(out)-1] = '-'
			out = append(out, twin)
		case r == '←' && strings.HasPrefix(s, " "):
			out = append(out, twin, '-')
			s = s[1:]
		default:
			out = append(out, twin)
		}
	}
	return string(out)
}

// Has reports whether a character has one of ASCII to stand for it.
func Has(r rune) bool { return r < utf8.RuneSelf || twins[r] != 0 }

func plain(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Package aloud says in words what the pages draw, for those to whom the screen
// is read: a mark becomes its meaning, a heading the words it stands for, and
// what is only drawn falls away.
package aloud

import (
	"regexp"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/sanitize"
)

// bounds are the marks before numbers.
var bounds = strings.NewReplacer(
	"~", "about ", "≥ ", "at least ", "≥", "at least ", "≤ ", "at most ", "≤", "at most ",
	"≈ ", "about ", "≈", "about ", "±", "plus or minus ", "−", "minus ",
)

// spanned is a range of numbers, "230–240".
var spanned = regexp.MustCompile(`(\d%?)–(~|≥|≤)?(\d)`)

// marks are all the others. A verdict's mark falls away: its word follows.
var marks = strings.NewReplacer(
	"✗", "problem", " ↑↓", "", "↑↓", "",
	"● REC", "recording", "●", "live", "○", "nothing seen", "◌ stale", "stale", "◌ ", "stale, ", " ◌", "", "◌", "stale",
	"↓ ", "after a gap, ", " ↓", "", "↓", "after a gap", "◷ ", "runs to an end: ", "◷", "runs to an end",
	" → ", " to ", "→", "to", " ← ", " of ", "←", "of", "↑", "up", " › ", ", ", "›", ",", " · ", ", ", "·", ",",
	" — ", ", ", "—", "not known", " – ", ", ", "–", "not known", "×", " times", " ⏎ ", "; ", "⏎", ";", " …", "", "…", "...",
	"①", "step 1", "②", "step 2", "③", "step 3", "④", "step 4", "⑤", "step 5",
	"❶", "step 1", "❷", "step 2", "❸", "step 3", "❹", "step 4", "❺", "step 5",
	"“", `"`, "”", `"`, "‘", "'", "’", "'", "\ufffd", "?",
)

// less and more are what is too small or too large to be written.
var less, more = regexp.MustCompile(`<(\d)`), regexp.MustCompile(`^>(\d)`)

// leading and closing are marks before and behind what says the same in words.
var (
	leading = regexp.MustCompile(`^[▲!■✓?=*·+…] `)
	closing = regexp.MustCompile(` [▲✓?=*·+◌↓]$`)
)

// drawn is what says nothing: lines, bars and sparklines.
var drawn = regexp.MustCompile(`[─━│▁▂▃▄▅▆▇█▉▊▋▌▍▎▏▲▼■✓]+`)

var blanks = regexp.MustCompile(` {2,}`)

// Text says a text of the screen.
func Text(s string) string {
	s = sanitize.Text(ansi.Strip(s))
	s = closing.ReplaceAllString(leading.ReplaceAllString(strings.TrimSpace(s), ""), "")
	s = more.ReplaceAllString(less.ReplaceAllString(strings.ReplaceAll(s, "~<", "<"), "less than $1"), "more than $1")
	s = spanned.ReplaceAllString(s, "$1 to $3")
	s = marks.Replace(bounds.Replace(s))
	s = drawn.ReplaceAllString(s, " ")
	return strings.TrimSpace(blanks.ReplaceAllString(s, " "))
}

// Value says what stands in a cell: one that holds a mark alone as well.
func Value(s string) string {
	switch strings.TrimSpace(s) {
	case "—", "–", "?":
		return "not known"
	}
	return Text(s)
}

// keyNames are the keys that are not read as what they are.
var keyNames = map[string]string{
	"?": "question mark", ":": "colon", "/": "slash", "<": "less-than sign", ">": "greater-than sign", ".": "full stop", "-": "minus",
	"+": "plus", "↑/k": "up or k", "↓/j": "down or j", "↑↓": "up and down", "←": "left", "→": "right", "shift ←": "shift left", "shift →": "shift right",
	"← →": "left and right", "- +": "minus and plus", "pgup": "page up", "pgdn": "page down", "↑↓ pgdn": "up, down and page down",
	"S": "capital S", "R": "capital R", "G": "capital G", "T": "capital T", "esc": "escape",
}

// Key says the name of a key.
func Key(s string) string {
	if name, ok := keyNames[s]; ok {
		return name
	}
	return Text(s)
}

// labels are the headings of columns that are not read as what they are.
var labels = map[string]string{
	"IP": "address", "PID": "process number", "MIN": "", "MAX": "", "FULL IN": "full in", "5 MIN": "last five minutes",
	"NEW/S": "new a second", "FAIL/S": "failed a second", "CLOSE/S": "closed a second", "SYN-R/S": "repeated attempts a second", "RST/S": "resets a second",
	"RETR/S": "sent again a second", "LIFE p50": "median life", "COUNTS?": "takes a port", "OF": "counted in", "PUBLIC ESTABLISHED": "established to public addresses",
	"MOST OF": "most of a node's budget",
}

// Label says the heading of a column.
func Label(title string) string {
	if l, ok := labels[title]; ok {
		return l
	}
	return strings.ToLower(strings.TrimSuffix(title, "?"))
}

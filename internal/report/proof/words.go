package proof

import (
	"math"
	"strconv"
	"strings"
)

// dash stands for what is not known, as in the report's table.
const dash = "–"

// number writes a count or a rate: whole from ten up, with at most two
// decimals below.
func number(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return dash
	}
	digits := 0
	switch {
	case math.Abs(f) < 1:
		digits = 2
	case math.Abs(f) < 9.95:
		digits = 1
	}
	s := strconv.FormatFloat(f, 'f', digits, 64)
	if digits > 0 {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	if s == "0" && f > 0 {
		return "<0.01"
	}
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "−", s[1:]
	}
	whole, rest, _ := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		whole += "." + rest
	}
	return sign + whole
}

// Percent writes a change: "−78 %", "+4 %", or a dash.
func Percent(change *float64) string {
	if change == nil {
		return dash
	}
	r := math.Round(*change)
	switch {
	case r > 0:
		return "+" + number(r) + " %"
	case r < 0:
		return "−" + number(-r) + " %"
	default:
		return "0 %"
	}
}

// Texts writes both sides. Estimates of ports are marked as such, and with ≥
// where the budget cut them off; nothing is nothing and has no mark.
func (f *Figure) Texts(estimated bool) (before, after string) {
	mark := ""
	if estimated {
		mark = "~"
	}
	return side2text(f.Before, mark, f.fullBefore), side2text(f.After, mark, f.fullAfter)
}

func side2text(v *Value, mark string, full bool) string {
	switch {
	case v == nil:
		return dash
	case full:
		return "≥ " + number(v.Mean)
	case v.Mean == 0:
		return "0"
	case mark != "":
		return mark + number(math.Round(v.Mean))
	default:
		return number(v.Mean)
	}
}

// arrow writes a figure with its change: "~987 → ~221 (−78 %)".
func (f *Figure) arrow(estimated bool, unit string) string {
	b, a := f.Texts(estimated)
	s := b + unit + " → " + a + unit
	if f.Change != nil {
		s += " (" + Percent(f.Change) + ")"
	}
	return s
}

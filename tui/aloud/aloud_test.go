package aloud_test

import (
	"testing"

	"github.com/snattop/snattop/tui/aloud"
	"github.com/snattop/snattop/tui/ascii"
)

func TestText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                "",
		"~612":                            "about 612",
		"≥ 987 → ~100":                    "at least 987 to about 100",
		"≤1,024":                          "at most 1,024",
		"96–100%":                         "96 to 100%",
		"~<1%":                            "less than 1%",
		"<1 ms":                           "less than 1 ms",
		">1e12":                           "more than 1e12",
		"−77 %":                           "minus 77 %",
		"\x1b[31m▲ exhausted\x1b[m":       "exhausted",
		"! pressured":                     "pressured",
		"? unknown":                       "unknown",
		"✓ less":                          "less",
		"38 → 0 ✓":                        "38 to 0",
		"◌ aks-1":                         "stale, aks-1",
		"↓ aks-1":                         "after a gap, aks-1",
		"◷ job/report":                    "runs to an end: job/report",
		"eBPF · node pod · since 12:01Z":  "eBPF, node pod, since 12:01Z",
		"prod › nodes":                    "prod, nodes",
		"1–18 of 53 ↑↓":                   "1 to 18 of 53",
		"20.60.1.9:443 tcp ← shop/search": "20.60.1.9:443 tcp of shop/search",
		"① Which node? Watch it":          "step 1 Which node? Watch it",
		"── processes ─────":              "processes",
		"███▉ ▁▂▃▄▅▆▇█":                   "",
		"支払い":                             "支払い",
		"evil\x1b[2J\x07\n\u202ename":     "evil name",
	} {
		if got := aloud.Text(in); got != want {
			t.Errorf("%q is said %q, want %q", in, got, want)
		}
	}
	for _, dash := range []string{"—", "–", " ? "} {
		if got := aloud.Value(dash); got != "not known" {
			t.Errorf("%q is said %q", dash, got)
		}
	}
}

// Every character that is drawn has words, or falls away: none is left to be
// read out by its name.
func TestNothingDrawnIsLeft(t *testing.T) {
	t.Parallel()
	found := 0
	for r := rune(0x80); r <= 0xffff; r++ {
		if !ascii.Has(r) {
			continue
		}
		found++
		for _, text := range []string{string(r), "a " + string(r) + " b", "a" + string(r) + "b"} {
			for _, left := range aloud.Text(text) {
				if left > 0x7e {
					t.Errorf("of %q, %q is left", text, left)
				}
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d characters are drawn with", found)
	}
}

func TestKeysAndLabels(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"?": "question mark", "enter": "enter", "↑/k": "up or k", "S": "capital S", "shift ←": "shift left"} {
		if got := aloud.Key(in); got != want {
			t.Errorf("the key %s is said %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"NODE": "node", "FAIL/S": "failed a second", "COUNTS?": "takes a port", "MIN": ""} {
		if got := aloud.Label(in); got != want {
			t.Errorf("the column %s is said %q, want %q", in, got, want)
		}
	}
}

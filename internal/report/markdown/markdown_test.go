package markdown_test

import (
	"strings"
	"testing"

	"github.com/snattop/snattop/internal/report/markdown"
)

func TestEscape(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"shop/checkout-7d9f8b6c5-x2x9q": "shop/checkout-7d9f8b6c5-x2x9q",
		"a|b":                           `a\|b`,
		"`rm`":                          "\\`rm\\`",
		"[x](https://evil.example)":     `\[x\](https\://evil.example)`,
		"WWW.evil.example":              `WWW\.evil.example`,
		"<script>&amp;":                 `\<script\>\&amp;`,
		"@team #1 $x$":                  `\@team \#1 \$x\$`,
		"10.0.0.7:443 +4 %":             "10.0.0.7:443 +4 %",
		"a\n\x1b[2Jb\u202e":             "a b",
		"\\":                            `\\`,
		"":                              "",
	} {
		if got := markdown.Escape(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	got := markdown.Head("NODE", "PORTS|") + markdown.Row("n|1", "5")
	if want := "| NODE | PORTS |\n| --- | ---: |\n| n\\|1 | 5 |\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestCode(t *testing.T) {
	t.Parallel()
	got := markdown.Code("   ", "echo ```` x", "b\nc")
	if want := "   `````\n   echo ```` x\n   b c\n   `````\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// FuzzEscape: one line comes out, and each character that Markdown would obey
// stands behind a backslash.
func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "a|b", "\\|", "`x`", "www.www.", "1.", "http://x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := markdown.Escape(s)
		if strings.ContainsAny(got, "\n\r\x1b\x00") {
			t.Fatalf("%q: %q", s, got)
		}
		for i := 0; i < len(got); i++ {
			switch {
			case got[i] == '\\':
				i++
				if i == len(got) {
					t.Fatalf("%q: %q ends in a lone backslash", s, got)
				}
			case strings.IndexByte("`*_[]<>|~&#@$", got[i]) >= 0, strings.HasPrefix(got[i:], "://"):
				t.Fatalf("%q: %q obeys at %d", s, got, i)
			}
		}
	})
}

package sanitize_test

import (
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/snattop/snattop/internal/sanitize"
)

func TestText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                               "",
		"shop/checkout-7d9f8b6c5":        "shop/checkout-7d9f8b6c5",
		"\x1b[31mred\x1b[0m":             "red",
		"a\x1b]0;title\x07b":             "ab",
		"a\x1b]8;;http://x\x1b\\b":       "ab",
		"a\x1b]0;never ends":             "a0;never ends",
		"a\u009b31mb":                    "ab",
		"two\nlines\r\n":                 "two lines  ",
		"a\tb":                           "a b",
		"safe\u202etxt.exe":              "safetxt.exe",
		"\u2066x\u2069":                  "x",
		"zero\u200bwidth\ufeff":          "zerowidth",
		"\xff\xfe":                       "\ufffd\ufffd",
		"日本語-pod":                        "日本語-pod",
		"e\u0301":                        "e\u0301",
		"\x00\x07\x7f":                   "",
		"\x1b":                           "",
		"\x1bc-reset":                    "-reset",
		"line\u2028separator\u2029here":  "line separator here",
		"\x1b\x1b[2Jx":                   "x",
		"\x9b31m raw byte is not UTF-8":  "\ufffd31m raw byte is not UTF-8",
		"\x1b[12\n34mstill the same row": "12 34mstill the same row",
	} {
		if got := sanitize.Text(in); got != want {
			t.Errorf("Text(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"plain", "\x1b[31m", "\x1b]0;t\x07", "\u009d\u009c", "\u202e", "\xff", "日本", "\x1b\x1b\x1b["} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := sanitize.Text(s)
		if !utf8.ValidString(got) {
			t.Fatalf("Text(%q) = %q is no UTF-8", s, got)
		}
		for _, r := range got {
			if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
				t.Fatalf("Text(%q) = %q holds %U", s, got, r)
			}
		}
		if again := sanitize.Text(got); again != got {
			t.Fatalf("Text is not idempotent: %q, then %q", got, again)
		}
	})
}

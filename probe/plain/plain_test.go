package plain

import (
	"testing"
)

func TestPrintable(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                     "",
		"/usr/bin/curl\x00-v\x00https://x\x00": "/usr/bin/curl -v https://x",
		"nginx: worker process":                "nginx: worker process",
		"\x1b[2J\x1b[31mred":                   "red",
		"a\x1b]0;title\x07b":                   "ab",
		"two\nlines":                           "two lines",
		"safe\u202etxt.exe":                    "safetxt.exe",
		"\x00\x00":                             "",
		"日本\x00語":                              "日本 語",
		"\xff":                                 "\ufffd",
		"\u009b31mx":                           "x",
	} {
		if got := Line(in); got != want {
			t.Errorf("Line(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in    string
		limit int
		want  string
	}{{"abc", 3, "abc"}, {"abcd", 3, "abc"}, {"aé", 2, "a"}, {"日本", 5, "日"}, {"日", 2, ""}, {"", 0, ""}} {
		if got := Cut(tc.in, tc.limit); got != tc.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", tc.in, tc.limit, got, tc.want)
		}
	}
}

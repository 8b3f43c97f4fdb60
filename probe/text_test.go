package probe

import (
	"strings"
	"testing"
	"unicode/utf8"
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
		if got := printable(in); got != want {
			t.Errorf("printable(%q) = %q, want %q", in, got, want)
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
		if got := cut(tc.in, tc.limit); got != tc.want {
			t.Errorf("cut(%q, %d) = %q, want %q", tc.in, tc.limit, got, tc.want)
		}
	}
}

// A cgroup's name is chosen by whoever may make one. It must neither speak to
// the terminal nor end the stream: frames hold UTF-8 only.
func TestUnitIsText(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"\xff\xfe.service", "\x1b[2J.scope", strings.Repeat("é", 400) + ".service"} {
		unit := ParseCgroupPath("/system.slice/" + name).Unit
		if unit == "" || !utf8.ValidString(unit) || strings.ContainsRune(unit, 0x1b) || len(unit) > maxUnit {
			t.Errorf("%q became %q", name, unit)
		}
	}
}

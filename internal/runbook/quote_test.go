package runbook

import "testing"

func TestQuote(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain-name.1": "plain-name.1",
		"":             "''",
		"a b":          "'a b'",
		"$(reboot)":    "'$(reboot)'",
		"it's":         `'it'\''s'`,
		"-rf":          "'-rf'",
		"x\x1b[2J\n;y": "'x ;y'",
		"[::1]:443":    "'[::1]:443'",
	} {
		if got := Quote(in); got != want {
			t.Errorf("Quote(%q) = %s, want %s", in, got, want)
		}
	}
}

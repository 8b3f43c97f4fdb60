package cli

import "testing"

func TestASCIIOnly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env  map[string]string
		goos string
		want bool
	}{
		{map[string]string{}, "linux", false},
		{map[string]string{"TERM": "xterm-256color", "LANG": "en_GB.UTF-8"}, "linux", false},
		{map[string]string{"TERM": "tmux-256color", "LANG": "C.utf8"}, "linux", false},
		{map[string]string{"LANG": "de_DE.UTF-8@euro"}, "linux", false},
		{map[string]string{"LC_CTYPE": "UTF-8"}, "darwin", false},
		{map[string]string{"LANG": "C"}, "linux", true},
		{map[string]string{"LANG": "POSIX"}, "linux", true},
		{map[string]string{"LANG": "de_DE"}, "linux", true},
		{map[string]string{"LANG": "de_DE.ISO-8859-15@euro"}, "linux", true},
		{map[string]string{"LC_ALL": "C", "LANG": "en_GB.UTF-8"}, "linux", true},
		{map[string]string{"LC_CTYPE": "en_GB.UTF-8", "LANG": "C"}, "linux", false},
		{map[string]string{"TERM": "linux", "LANG": "en_GB.UTF-8"}, "linux", true},
		{map[string]string{"TERM": "vt220", "LANG": "en_GB.UTF-8"}, "linux", true},
		{map[string]string{"TERM": "dumb"}, "linux", true},
		{map[string]string{"LANG": "C"}, "windows", false},
	} {
		if got := asciiOnly(func(name string) string { return c.env[name] }, c.goos); got != c.want {
			t.Errorf("%v on %s: %t", c.env, c.goos, got)
		}
	}
}

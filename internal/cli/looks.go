package cli

import (
	"cmp"
	"runtime"
	"strings"

	"github.com/snattop/snattop/tui/app"
)

// looks sets how the UI speaks to this terminal.
func (o *options) looks(ui *app.Options) {
	ui.NoColor = o.noColor
	if o.plain {
		ui.Plain = o.streams.Out
	}
	ui.ASCII = o.ascii
	if !o.asciiChosen {
		ui.ASCII = asciiOnly(o.getenv, runtime.GOOS)
	}
}

// asciiOnly reports whether the locale or the terminal says that it shows
// nothing but ASCII. Where neither says anything, as over many an ssh or in a
// container, the terminal is taken for one of today.
func asciiOnly(getenv func(string) string, goos string) bool {
	switch term := getenv("TERM"); {
	case term == "linux", term == "dumb", term == "ansi", strings.HasPrefix(term, "vt"):
		// The console's font has no circled digits and no eighth blocks, and a
		// vt220 has no UTF-8.
		return true
	}
	if goos == "windows" {
		return false // these variables are not what its console goes by
	}
	locale := cmp.Or(getenv("LC_ALL"), getenv("LC_CTYPE"), getenv("LANG"))
	_, charset, named := strings.Cut(locale, ".")
	charset, _, _ = strings.Cut(charset, "@")
	charset = strings.ToLower(strings.ReplaceAll(charset, "-", ""))
	switch {
	case locale == "":
		return false
	case locale == "UTF-8": // macOS sets LC_CTYPE so
		return false
	case named:
		return charset != "utf8"
	default:
		// "C", "POSIX", and "de_DE", whose character set is an old one.
		return true
	}
}

package proof

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/report/proof"
	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/tui/format"
)

// levels is for how long a change must have lasted to stand in the levels, and
// to be forgotten as a swing: four times their memory.
const levels = 2 * time.Minute

// hold is for how long the provider keeps a port of a connection that closed.
func (p *Page) hold() time.Duration {
	return p.pic.Snap.Cluster.Provider.Timers().With(p.pic.Snap.Timers).FIN
}

// patience is how long a change takes to show.
func (p *Page) patience() time.Duration { return max(p.hold(), levels) }

// invitation says how to come by a baseline, and what to expect of it.
func (p *Page) invitation() []string {
	provider := sanitize.Text(string(p.pic.Snap.Cluster.Provider))
	if provider == "" {
		provider = "unknown"
	}
	return []string{
		"No baseline yet. Press b before you change anything: it freezes the numbers as they stand, and this page then holds them beside now.",
		fmt.Sprintf("Then wait: a change shows after about %s. Ports of closed connections stay held for %s (%s), and levels take two minutes to settle.",
			format.Age(p.patience()), format.Age(p.hold()), provider),
	}
}

// comparing says that the first answer is being found.
func (p *Page) comparing() string {
	return "Comparing now with the baseline of " + format.Clock(p.baseline.Snap.Time) + " " + format.Ellipsis
}

// lines is a page of texts, wrapped.
func (p *Page) lines(texts ...string) string {
	lines := []string{""}
	for _, t := range texts {
		for _, l := range strings.Split(ansi.Wordwrap(t, max(1, p.width-2), ""), "\n") {
			lines = append(lines, " "+l)
		}
	}
	out := make([]string, max(0, p.height))
	for i := range out {
		if i < len(lines) {
			out[i] = format.Left(lines[i], p.width)
			continue
		}
		out[i] = format.Spaces(p.width)
	}
	return strings.Join(out, "\n")
}

// Sentence is the comparison in one sentence, with what must be known before
// it is believed.
func (p *Page) Sentence(width int) string {
	c := p.compare()
	if p.Waiting() {
		return format.Fit(width, p.comparing())
	}
	if c == nil {
		return format.Fit(width, "Press b to take the baseline, change what you want to change, and come back.")
	}
	parts := []string{sentence(c.Sentence)}
	if until, early := p.early(); early {
		parts = append(parts, " Early: ports of then are held until "+format.Clock(until)+".")
	}
	for _, caution := range c.Cautions {
		if caution.Subject != "" { // what concerns the whole stands in x
			parts = append(parts, " Check: "+about(caution)+".")
		}
	}
	if !p.roomy() {
		parts = append(parts, " Numbers are means of about half a minute.")
	}
	return format.Fit(width, parts...)
}

func about(c proof.Caution) string {
	if c.Subject == "" {
		return c.Text
	}
	_, name, _ := strings.Cut(c.Subject, "/")
	return name + ": " + c.Text
}

// sentence begins with a capital and ends with a full stop.
func sentence(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + strings.TrimSuffix(s[size:], ".") + "."
}

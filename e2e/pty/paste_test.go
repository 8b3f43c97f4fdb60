//go:build unix

package pty

import (
	"strings"
	"testing"
)

// hostilePaste is what a terminal would obey, were it ever written to one: it
// clears the screen, sets a title, turns text round and breaks the line.
const hostilePaste = "node2\x1b[2J\x1b[H\x1b]0;owned\x07\u202e\u200b\nsecond\r\nthird\x1b[?1049l\x9b31m"

// paste sends a text as a terminal does with bracketed paste.
func (p *terminal) paste(text string) { p.keys(pasteBegin + text + pasteClose) }

func TestPaste(t *testing.T) {
	t.Parallel()
	p := demo(t, setting{})

	// Nothing is open: it is a place to go to.
	p.paste("10.224.0.6")
	p.shows("go to: 10.224.0.6")
	p.keys(enter)
	p.shows("▌node2")

	for _, prompt := range []struct{ key, label string }{{":", "go to: "}, {"/", "/ "}} {
		p.keys(prompt.key)
		p.shows(prompt.label)
		p.paste(hostilePaste)
		s := p.shows(prompt.label + "node2")
		if !wholePage(strings.Replace(s, prompt.label+"node2", "q quit", 1), "❶", 40) || strings.ContainsAny(s, "\x1b\u202e\u200b\x07") {
			t.Errorf("the screen after a hostile paste into %q:\n%s", prompt.key, s)
		}
		p.keys(escape)
		p.hides(prompt.label + "node2")
	}
	if title := p.title(); strings.Contains(title, "owned") {
		t.Errorf("the title is %q", title)
	}
	p.keys("q")
	p.exits(0)
	p.restored()
}

// A megabyte is taken, cut and answered, and the next key as well.
func TestPasteOfAMegabyte(t *testing.T) {
	t.Parallel()
	for _, prompt := range []string{":", "/"} {
		t.Run(prompt, func(t *testing.T) {
			t.Parallel()
			p := demo(t, setting{width: 80, height: 24})
			p.keys(prompt)
			p.paste(strings.Repeat("node2 支払い\x1b[31m\n", 1<<20/20))
			p.shows("node2")
			p.keys(enter)
			p.shows("q quit")
			p.keys(ctrlC)
			p.exits(0)
			p.restored()
		})
	}
}

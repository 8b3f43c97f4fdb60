package app

import (
	"testing"

	"github.com/snattop/snattop/tui/tuitest"
)

func TestFilterTerms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		open  []string
		typed string
		want  string
	}{
		{nil, "state:exhausted", "1 of 10"},
		{nil, "state:denied,not-linux", "2 of 10"},
		{nil, "ns:shop dst:40.1.1.1 port:500-600", "1 of 10"},
		{nil, "-state:seen", "4 of 10"},
		{[]string{"enter"}, "owner:checkout", "1 of 10"},
		{[]string{"enter"}, "ns:kube-system state:private", "1 of 10"},
		{[]string{"enter"}, "dst:20.60.0.0/16", "2 of 10"},
		{[]string{"enter", "enter"}, "port:443 state:eligible", "3 of 6"},
		{[]string{"b", "5"}, "node:np1 state:same,cannot-tell", " of "},
	} {
		m, _ := start(tuitest.Sick(), 80, 24)
		press(m, c.open...)
		press(m, "/")
		wants(t, m, "state: or a name")
		typeText(m, c.typed)
		fits(t, m)
		wants(t, m, c.want)
	}
}

// TestFilterThatCannotBeRead filters nothing, says why, and is not left behind.
func TestFilterThatCannotBeRead(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 120, 24)
	press(m, "/")
	typeText(m, "port:http")
	wants(t, m, "port:http is no port; type a number up to 65535", "10 of 10")
	press(m, "enter")
	wants(t, m, "port:http is no port")
	if m.prompt != promptFilter {
		t.Fatal("enter keeps a filter that cannot be read")
	}
	for range len("http") {
		press(m, "backspace")
	}
	typeText(m, "587")
	wants(t, m, "1 of 10")
	lacks(t, m, "is no port")
	press(m, "enter")
	if m.prompt != promptNone {
		t.Error("the prompt stays open")
	}
	press(m, "esc", "t", "/")
	typeText(m, "ns:x")
	wants(t, m, "there are no terms on this page")
}

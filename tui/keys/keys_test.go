package keys_test

import (
	"testing"

	"charm.land/bubbles/v2/key"

	"github.com/snattop/snattop/tui/keys"
)

func TestNoKeyMeansTwoThings(t *testing.T) {
	t.Parallel()
	m := keys.Default()
	g, mv, tb := m.Global, m.Move, m.Table
	seen := map[string]string{}
	for _, b := range []key.Binding{
		g.Open, g.Back, g.Nodes, g.Pods, g.Connections, g.Freeze, g.Know, g.Copy, g.Ticket, g.GoTo, g.Palette, g.Split, g.Filter, g.Public, g.Eligible, g.Help, g.Quit, g.Interrupt, g.Suspend,
		mv.Up, mv.Down, mv.PageUp, mv.PageDown, mv.Top, mv.Bottom, tb.SortLeft, tb.SortRight, tb.Reverse, tb.NextPane, tb.Turn, tb.TurnBack, tb.Columns,
	} {
		if b.Help().Key == "" || b.Help().Desc == "" {
			t.Errorf("%v has no help", b.Keys())
		}
		for _, k := range b.Keys() {
			if other, ok := seen[k]; ok {
				t.Errorf("%q means %q and %q", k, other, b.Help().Desc)
			}
			seen[k] = b.Help().Desc
		}
	}
}

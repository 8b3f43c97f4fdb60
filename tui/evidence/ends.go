package evidence

import (
	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/format"
)

// ends is how connections fail and end, and how long they live: what only
// collectors see that count every event.
func ends(n *session.Node, t *session.Trouble, l *session.Lives) []Item {
	unseen := "not seen by " + format.Collector(n.Collector)
	var items []Item
	switch {
	case t == nil:
		items = append(items, fact("endings", "resets, causes of failures, segments sent again: %s", unseen))
	case !n.Counting():
		items = append(items, fact("endings", "not known yet: rates need a second look"))
	default:
		items = append(items,
			fact("failures", "%s refused · %s timed out · %s without a local port, a second; the rest was given up by the program",
				format.Rate(t.Refused), format.Rate(t.TimedOut), format.Rate(t.NoPort)),
			fact("resets", "%s connections a second ended by one; RST segments: %s received · %s sent",
				format.Rate(t.Resets), format.Rate(t.ResetsIn), format.Rate(t.ResetsOut)),
			fact("sent again", "%s SYNs · %s other segments a second", format.Rate(t.SynRetransmits), format.Rate(t.Retransmits)))
	}
	if l == nil {
		return append(items, fact("lives", "%s", unseen))
	}
	half, ok := l.Quantile(0.5)
	if !ok {
		return append(items, fact("lives", "no connection has ended since %s", format.Clock(n.CountedSince)))
	}
	most, _ := l.Quantile(0.9)
	return append(items, fact("lives", "half of the connections that ended lived %s; 9 of 10 %s; of %s since %s",
		lived(half), lived(most), format.Count(l.Ended()), format.Clock(n.CountedSince)))
}

func lived(s session.Span) string {
	if s.Below == 0 {
		return s.Bound() + " or longer"
	}
	return "under " + s.Bound()
}

// counting says what the counts of opens and closes miss.
func counting(n *session.Node) Item {
	if n.Sight().Events {
		return fact("counting", "every open and close, as it happens")
	}
	return fact("counting", "differences between two looks: a connection that came and went in between is missed")
}

// gaps are the hand-overs of a node's collectors.
func gaps(n *session.Node) []Item {
	items := make([]Item, 0, len(n.Handovers))
	for _, h := range n.Handovers {
		from := "the collector"
		if h.From != "" {
			from = format.Collector(h.From)
		}
		items = append(items, fact("gap", "%s: %s failed, %s took over%s", format.Clock(h.At), from, format.Collector(h.To), colon(h.Reason)))
	}
	return items
}

func colon(s string) string {
	if s == "" {
		return ""
	}
	return ": " + s
}

// mostTracked bounds the sources in an answer; the report holds more.
const mostTracked = 10

// tracked is who opened the connections that the node tracks: where sockets
// live elsewhere, all there is to see of them.
func tracked(n *session.Node) []Section {
	if len(n.Tracked) == 0 {
		return nil
	}
	sec := Section{Title: "Who opened the connections that the node tracks"}
	for _, s := range n.Tracked[:min(len(n.Tracked), mostTracked)] {
		note := format.Count(s.TCP) + " TCP · " + format.Count(s.UDP) + " UDP"
		if s.Name != "" {
			note += " · " + sanitize.Text(s.Name)
		}
		if !s.Local {
			note += " · its sockets are not on this node: it is in no other number here"
		}
		sec.Items = append(sec.Items, fact(s.IP.String(), "%s", note))
	}
	if more := len(n.Tracked) - mostTracked; more > 0 {
		sec.Items = append(sec.Items, fact("", "and %s more: see snattop report -o json", format.Plural(more, "source")))
	}
	return []Section{sec}
}

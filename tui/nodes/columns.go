package nodes

import (
	"math"
	"net/netip"
	"time"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/component/meter"
	"github.com/snattop/snattop/tui/component/table"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/page"
	"github.com/snattop/snattop/tui/theme"
)

type column = table.Column[*session.Node]

// trendSteps is the number of trend values in five minutes.
const trendSteps = 60

func (p *Page) columns() []column {
	return []column{
		{
			ID: "node", Title: "NODE", Min: 16, Soft: 24, Max: 63, Middle: true,
			Text: p.name,
			Word: func(dst []byte, n *session.Node) []byte { return append(dst, n.Name...) },
		},
		{
			ID: "ip", Title: "IP", Min: 10, Soft: 15, Max: 39, Priority: 2,
			Text: func(n *session.Node) string { return orDash(sanitize.Text(n.InternalIP)) },
			Word: addressOf,
		},
		{
			ID: "gauge", Name: "GAUGE", Min: 8, Max: 32, Weight: 3, Priority: 4,
			Draw: p.gauge,
		},
		{
			ID: "ports", Title: "PORTS", Min: 6, Max: 9, Right: true, Descending: true,
			Text:   func(n *session.Node) string { return format.About(n.Ports.Estimate) },
			Look:   p.verdictLook,
			Number: by(func(n *session.Node) int { return n.Ports.Estimate }),
		},
		{
			ID: "min", Title: "MIN", Min: 6, Max: 9, Right: true, Descending: true, Priority: 8,
			Text:   func(n *session.Node) string { return bound("≥", n.Ports.Min) },
			Look:   p.quiet,
			Number: by(func(n *session.Node) int { return n.Ports.Min }),
		},
		{
			ID: "max", Title: "MAX", Min: 6, Max: 9, Right: true, Descending: true, Priority: 8,
			Text:   func(n *session.Node) string { return bound("≤", n.Ports.Max) },
			Look:   p.quiet,
			Number: by(func(n *session.Node) int { return n.Ports.Max }),
		},
		{
			ID: "used", Title: "USED", Min: 5, Max: 7, Right: true, Descending: true, Priority: 1,
			Text:   used,
			Look:   p.verdictLook,
			Number: known(pressure),
		},
		{
			ID: "measured", Title: "MEASURED", Min: 8, Max: 9, Right: true, Descending: true, Priority: 3,
			Text:   measured,
			Look:   func(*session.Node) theme.Style { return p.theme.Text },
			Number: known(measuredUsed),
			Absent: func() bool { return !p.cloudTells },
		},
		{
			ID: "full", Title: "FULL IN", Min: 7, Max: 9, Right: true, Priority: 2,
			Text:   func(n *session.Node) string { return format.FullIn(n.FullIn) },
			Look:   p.urgency,
			Number: left,
		},
		{
			ID: "trend", Title: "5 MIN", Min: 8, Max: 30, Weight: 1, Priority: 7,
			Draw: func(n *session.Node, w int) string {
				return p.theme.Dim.Render(meter.Spark(n.Trend, budget(n), trendSteps, w))
			},
		},
		p.counter("open", "OPEN", 5, false, func(n *session.Node) int { return n.Open }),
		p.counter("trying", "TRYING", 6, true, func(n *session.Node) int { return n.Trying }),
		{
			ID: "cooling", Title: "COOLING", Min: 7, Max: 8, Right: true, Descending: true, Priority: 6,
			Text:   func(n *session.Node) string { return format.About(n.Cooling) },
			Look:   func(n *session.Node) theme.Style { return page.Counter(p.theme, float64(n.Cooling)) },
			Number: by(func(n *session.Node) int { return n.Cooling }),
		},
		p.rate("new", "NEW/S", 5, false, func(n *session.Node) float64 { return n.OpensPerSecond }),
		p.rate("fail", "FAIL/S", 2, true, func(n *session.Node) float64 { return n.FailedPerSecond }),
		{
			ID: "verdict", Title: "VERDICT", Min: 11, Max: 12,
			Text: func(n *session.Node) string {
				mark, word, _ := p.theme.Verdict(n.Verdict)
				return mark + " " + word
			},
			Look: func(n *session.Node) theme.Style {
				_, _, look := p.theme.Verdict(n.Verdict)
				return look
			},
			Number: func(n *session.Node) float64 { return float64(n.Verdict.Rank()) },
		},
	}
}

// name marks a node whose numbers have aged, or have a gap.
func (p *Page) name(n *session.Node) string {
	if _, stale := p.pic.Stale(n); stale {
		return "◌ " + sanitize.Text(n.Name)
	}
	if _, gap := p.pic.Gap(n); gap {
		return page.GapMark + " " + sanitize.Text(n.Name)
	}
	return sanitize.Text(n.Name)
}

func (p *Page) counter(id, title string, width int, alarm bool, value func(*session.Node) int) column {
	return column{
		ID: id, Title: title, Min: width, Max: 9, Right: true, Descending: true,
		Text: func(n *session.Node) string {
			if alarm && !page.SeesAttempts(n) {
				return format.Dash
			}
			return format.Count(value(n))
		},
		Look: func(n *session.Node) theme.Style {
			if alarm {
				return page.Alarm(p.theme, float64(value(n)))
			}
			return page.Counter(p.theme, float64(value(n)))
		},
		Number: by(value),
	}
}

func (p *Page) rate(id, title string, priority int, alarm bool, value func(*session.Node) float64) column {
	return column{
		ID: id, Title: title, Min: 6, Max: 8, Right: true, Descending: true, Priority: priority,
		Text: func(n *session.Node) string {
			if !page.HasRates(n) || alarm && !page.SeesAttempts(n) {
				return format.Dash
			}
			return format.Rate(value(n))
		},
		Look: func(n *session.Node) theme.Style {
			if alarm && page.HasRates(n) {
				return page.Alarm(p.theme, value(n))
			}
			return page.Counter(p.theme, value(n))
		},
		Number: known(value),
	}
}

// gauge draws the estimate against the budget. Without a budget there is
// nothing to draw it against.
func (p *Page) gauge(n *session.Node, width int) string {
	look, ok := p.theme.Bar(n.Verdict)
	if !ok {
		look = page.Counter(p.theme, float64(n.Ports.Estimate))
	}
	return look.Render(meter.Bar(n.Ports.Estimate, budget(n), width))
}

func (p *Page) verdictLook(n *session.Node) theme.Style {
	if worse(n) {
		_, _, look := p.theme.Verdict(n.Verdict)
		return look
	}
	return page.Counter(p.theme, float64(n.Ports.Estimate))
}

// soon is from when on a node that fills is pointed out.
const soon = 15 * time.Minute

// urgency is the look of the time that is left.
func (p *Page) urgency(n *session.Node) theme.Style {
	switch {
	case n.FullIn == nil:
		return p.theme.Dim
	case *n.FullIn <= 0:
		return p.theme.Bad
	case *n.FullIn < soon:
		return p.theme.Warn
	default:
		return p.theme.Text
	}
}

// left puts those first that are full first, those that do not fill last.
func left(n *session.Node) float64 {
	if n.FullIn == nil || !page.Seen(n) {
		return math.Inf(1)
	}
	return n.FullIn.Seconds()
}

// measured is what the cloud itself says; a figure of its own, and never mixed
// with ours.
func measured(n *session.Node) string {
	if u := measuredUsed(n); u >= 0 {
		return format.Count(int(u))
	}
	return format.Dash
}

func measuredUsed(n *session.Node) float64 {
	if n.Measured == nil || n.Measured.TCP.Used == nil {
		return -1
	}
	return float64(*n.Measured.TCP.Used)
}

func (p *Page) quiet(*session.Node) theme.Style { return p.theme.Dim }

// span puts what is missing across the cells of a node without numbers.
func (p *Page) span(n *session.Node) (string, string, theme.Style, bool) {
	text, fault := page.Missing(n)
	if text == "" {
		return "", "", theme.Style{}, false
	}
	if fault {
		return "gauge", "? " + text, p.theme.Warn, true
	}
	return "gauge", "… " + text + p.pic.Taking(n), p.theme.Dim, true
}

func bound(mark string, n int) string {
	if n == 0 {
		return "0"
	}
	return mark + format.Count(n)
}

func used(n *session.Node) string { return format.AboutPercent(n.Ports.Estimate, budget(n)) }

func pressure(n *session.Node) float64 {
	if b := budget(n); b > 0 {
		return float64(n.Ports.Estimate) / float64(b)
	}
	return -1
}

// by orders nodes by a number; those without numbers come below zero.
func by(value func(*session.Node) int) func(*session.Node) float64 {
	return known(func(n *session.Node) float64 { return float64(value(n)) })
}

func known(value func(*session.Node) float64) func(*session.Node) float64 {
	return func(n *session.Node) float64 {
		if !page.Seen(n) {
			return -2
		}
		return value(n)
	}
}

// addressOf orders by addresses, IPv4 first; what is none comes last.
func addressOf(dst []byte, n *session.Node) []byte {
	ip, err := netip.ParseAddr(n.InternalIP)
	if err != nil {
		return append(append(dst, 0xff), n.InternalIP...)
	}
	family := byte(6)
	if ip.Is4() {
		family = 4
	}
	return append(append(dst, family), ip.AsSlice()...)
}

func orDash(s string) string {
	if s == "" {
		return format.Dash
	}
	return s
}

package turn

import (
	"strings"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session/rollup"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/tui/component/table"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/page"
	"github.com/snattop/snattop/tui/theme"
)

type column = table.Column[*rollup.Row]

func (p *Page) columns() []column {
	by := p.subject.By
	return []column{
		{
			ID: "name", Title: strings.ToUpper(by.String()), Min: 22, Soft: 34, Max: 90, Middle: true,
			Text: func(r *rollup.Row) string { return sanitize.Text(r.Name) },
			Look: func(r *rollup.Row) theme.Style {
				if r.Missing != rollup.Placed {
					return p.theme.Dim
				}
				return p.theme.Text
			},
			Word: func(dst []byte, r *rollup.Row) []byte {
				return append(append(append(dst, r.Name...), 0), r.Key...) // of one name, by the key
			},
		},
		{
			ID: "note", Title: noteTitle(by), Min: 12, Soft: 20, Max: 60, Priority: 3, Middle: true,
			Text:   func(r *rollup.Row) string { return orDash(sanitize.Text(r.Note)) },
			Look:   func(*rollup.Row) theme.Style { return p.theme.Dim },
			Word:   func(dst []byte, r *rollup.Row) []byte { return append(dst, r.Note...) },
			Absent: func() bool { return by == rollup.Namespace },
		},
		p.tally("nodes", "NODES", 4, func(r *rollup.Row) int { return r.Nodes }, func() bool { return p.subject.Scope.Node != "" || by == rollup.Node || by == rollup.Pod || by.Detail() }),
		p.tally("pods", "PODS", 4, func(r *rollup.Row) int { return r.Owners }, func() bool { return p.subject.Scope.Owner != "" || by == rollup.Pod || by.Detail() }),
		{
			ID: "ports", Title: "PORTS", Min: 6, Max: 9, Right: true, Descending: true,
			Text:   p.ports,
			Look:   func(r *rollup.Row) theme.Style { return page.Counter(p.theme, float64(r.Ports.Estimate)) },
			Number: byPorts(func(r *rollup.Row) int { return r.Ports.Estimate }),
		},
		{
			ID: "min", Title: "MIN", Min: 6, Max: 9, Right: true, Descending: true, Priority: 8,
			Text:   func(r *rollup.Row) string { return bound("≥", r.Ports.Min) },
			Look:   func(*rollup.Row) theme.Style { return p.theme.Dim },
			Number: byPorts(func(r *rollup.Row) int { return r.Ports.Min }),
		},
		{
			ID: "max", Title: "MAX", Min: 6, Max: 9, Right: true, Descending: true, Priority: 8,
			Text:   p.most,
			Look:   func(*rollup.Row) theme.Style { return p.theme.Dim },
			Number: byPorts(func(r *rollup.Row) int { return r.Ports.Max }),
		},
		{
			ID: "used", Title: "MOST OF", Min: 5, Soft: 26, Max: 40, Priority: 2, Middle: true,
			Text:   func(r *rollup.Row) string { return p.fullest(r) },
			Look:   func(r *rollup.Row) theme.Style { return p.pressed(r) },
			Number: func(r *rollup.Row) float64 { return r.Fullest.Pressure() },
			// First the fullest.
			Descending: true,
		},
		p.counter("open", "OPEN", 5, 0, page.Counter, func(r *rollup.Row) int { return r.Open }),
		p.counter("trying", "TRYING", 6, 0, page.Alarm, func(r *rollup.Row) int { return r.Trying }),
		p.counter("cooling", "COOLING", 7, 5, page.Counter, func(r *rollup.Row) int { return r.Cooling }),
		p.rate("new", "NEW/S", 2, page.Counter, func(r *rollup.Row) float64 { return r.OpensPerSecond }),
		p.rate("fail", "FAIL/S", 1, page.Alarm, func(r *rollup.Row) float64 { return r.FailedPerSecond }),
		p.tally("all", "ALL FLOWS", 6, func(r *rollup.Row) int { return r.All }, nil),
	}
}

// noteTitle heads what else is said of a row.
func noteTitle(by rollup.By) string {
	switch by {
	case rollup.Node:
		return "IP"
	case rollup.Pod:
		return "OWNER"
	case rollup.Workload:
		return "KIND"
	case rollup.Dest:
		return "NAME"
	case rollup.Process:
		return "WHOSE"
	case rollup.Container:
		return "POD"
	case rollup.Namespace:
	}
	return ""
}

// part reports whether a row is what a process or container holds: of those
// only open sockets are known, neither ports that cool down nor rates.
func (p *Page) part(r *rollup.Row) bool { return p.subject.By.Detail() && r.Missing == rollup.Placed }

// unrated reports whether nothing is known of a row's rates.
func (p *Page) unrated(r *rollup.Row) bool {
	return r.Unrated == r.Nodes || p.subject.By.Detail() && r.Missing != rollup.NotAsked
}

func (p *Page) ports(r *rollup.Row) string {
	if p.part(r) {
		return bound("≥", r.Ports.Min)
	}
	return format.About(r.Ports.Estimate)
}

func (p *Page) most(r *rollup.Row) string {
	if p.part(r) {
		return format.Dash
	}
	return bound("≤", r.Ports.Max)
}

// fullest says of which node's budget the row takes the largest share.
func (p *Page) fullest(r *rollup.Row) string {
	u := r.Fullest
	ports := u.Ports.Estimate
	if p.part(r) {
		ports = u.Ports.Min
	}
	var share string
	switch {
	case u.Node == nil || ports == 0:
		return format.Dash
	case p.part(r) && u.Budget > 0:
		share = format.LeastPercent(ports, u.Budget)
	case p.part(r):
		share = bound("≥", ports)
	case u.Budget > 0:
		share = format.AboutPercent(ports, u.Budget)
	default:
		share = format.About(ports)
	}
	switch {
	case u.Shared:
		return share + " the shared pool"
	default:
		return share + " " + sanitize.Text(u.Node.Name)
	}
}

// pressed is the look of a row that takes much of what its node may use.
func (p *Page) pressed(r *rollup.Row) theme.Style {
	switch pressure := r.Fullest.Pressure(); {
	case pressure >= snat.FullAt:
		return p.theme.Bad
	case pressure >= snat.PressuredAt:
		return p.theme.Warn
	case pressure <= 0:
		return p.theme.Dim
	default:
		return p.theme.Text
	}
}

type look func(th *theme.Theme, n float64) theme.Style

func (p *Page) counter(id, title string, width, priority int, how look, value func(*rollup.Row) int) column {
	return column{
		ID: id, Title: title, Min: width, Max: 9, Right: true, Descending: true, Priority: priority,
		Text: func(r *rollup.Row) string {
			switch {
			case id == "cooling" && p.part(r), id == "trying" && r.Blind == r.Nodes:
				return format.Dash
			case id == "cooling":
				return format.About(value(r))
			case id == "trying" && r.Blind > 0:
				return bound("≥", value(r)) // the other nodes see none
			default:
				return format.Count(value(r))
			}
		},
		Look:   func(r *rollup.Row) theme.Style { return how(p.theme, float64(value(r))) },
		Number: func(r *rollup.Row) float64 { return float64(value(r)) },
	}
}

func (p *Page) rate(id, title string, priority int, how look, value func(*rollup.Row) float64) column {
	return column{
		ID: id, Title: title, Min: 6, Max: 8, Right: true, Descending: true, Priority: priority,
		Text: func(r *rollup.Row) string {
			switch {
			case p.unrated(r), id == "fail" && r.Blind == r.Nodes:
				return format.Dash
			case r.Unrated > 0, id == "fail" && r.Blind > 0:
				return format.LeastRate(value(r)) // those of the other nodes are not known
			default:
				return format.Rate(value(r))
			}
		},
		Look: func(r *rollup.Row) theme.Style {
			if p.unrated(r) {
				return p.theme.Dim
			}
			return how(p.theme, value(r))
		},
		Number: value,
	}
}

// tally counts what a row adds up.
func (p *Page) tally(id, title string, priority int, value func(*rollup.Row) int, absent func() bool) column {
	return column{
		ID: id, Title: title, Min: len(title), Max: 9, Right: true, Descending: true, Priority: priority,
		Text:   func(r *rollup.Row) string { return format.Count(value(r)) },
		Look:   func(*rollup.Row) theme.Style { return p.theme.Dim },
		Number: func(r *rollup.Row) float64 { return float64(value(r)) },
		Absent: absent,
	}
}

// byPorts orders rows by ports; what has no place on the side comes below zero.
func byPorts(value func(*rollup.Row) int) func(*rollup.Row) float64 {
	return func(r *rollup.Row) float64 {
		if r.Missing != rollup.Placed {
			return -float64(r.Missing)
		}
		return float64(value(r))
	}
}

func bound(mark string, n int) string {
	if n == 0 {
		return "0"
	}
	return mark + format.Count(n)
}

func orDash(s string) string {
	if s == "" {
		return format.Dash
	}
	return s
}

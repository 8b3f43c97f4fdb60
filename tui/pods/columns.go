package pods

import (
	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/component/table"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/page"
	"github.com/snattop/snattop/tui/theme"
)

type column = table.Column[*session.Owner]

func (p *Page) columns() []column {
	return []column{
		{
			ID: "pod", Title: "POD", Min: 24, Soft: 32, Max: 90, Middle: true,
			Text: title,
			Look: func(o *session.Owner) theme.Style {
				if !o.Known && o.Name != "" {
					return p.theme.Dim
				}
				return p.theme.Text
			},
			Word: byTitle,
		},
		{
			ID: "owner", Title: "OWNER", Min: 12, Soft: 16, Max: 45, Priority: 3,
			Text: ownedBy,
			Look: func(*session.Owner) theme.Style { return p.theme.Dim },
			Word: func(dst []byte, o *session.Owner) []byte {
				return append(append(append(dst, o.Workload.Kind...), '/'), o.Workload.Name...)
			},
		},
		{
			ID: "cause", Title: "CAUSE", Min: 10, Max: 11, Priority: 2,
			Text:   p.cause,
			Look:   p.causeLook,
			Number: func(o *session.Owner) float64 { return float64(p.causeRank(o)) },
		},
		p.counter("ports", "PORTS", 6, 0, page.Counter, format.About, func(o *session.Owner) int { return o.Ports.Estimate }),
		p.counter("open", "OPEN", 5, 0, page.Counter, format.Count[int], func(o *session.Owner) int { return o.Open }),
		p.counter("trying", "TRYING", 6, 0, page.Alarm, format.Count[int], func(o *session.Owner) int { return o.Trying }),
		p.counter("cooling", "COOLING", 7, 4, page.Counter, format.About, func(o *session.Owner) int { return o.Cooling }),
		p.rate("new", "NEW/S", 6, 2, page.Counter, func(o *session.Owner) float64 { return o.OpensPerSecond }),
		p.rate("close", "CLOSE/S", 7, 6, page.Counter, func(o *session.Owner) float64 { return o.ClosesPerSecond }),
		p.rate("fail", "FAIL/S", 6, 1, page.Alarm, func(o *session.Owner) float64 { return o.FailedPerSecond }),
		{
			ID: "life", Title: "LIFE p50", Min: 8, Max: 9, Right: true, Descending: true, Priority: 5,
			Text:    func(o *session.Owner) string { return format.MedianLife(o.Lives) },
			Look:    func(*session.Owner) theme.Style { return p.theme.Dim },
			Compare: func(a, b *session.Owner) int { return a.Lives.Compare(b.Lives) },
			Absent:  func() bool { return p.node == nil || !p.node.Sight().Lives },
		},
		{
			ID: "public", Title: "PUBLIC ESTABLISHED", Short: "PUBLIC", Min: 7, Max: 18, Right: true, Descending: true, Priority: 5,
			Text: func(o *session.Owner) string {
				return format.Count(o.EstablishedPublic)
			},
			Look:   func(o *session.Owner) theme.Style { return page.Counter(p.theme, float64(o.EstablishedPublic)) },
			Number: func(o *session.Owner) float64 { return float64(o.EstablishedPublic) },
		},
		{
			ID: "note", Name: "NOTE", Min: 13, Max: 40, Priority: 7,
			Text: note,
			Look: func(*session.Owner) theme.Style { return p.theme.Dim },
		},
	}
}

type look func(th *theme.Theme, n float64) theme.Style

func (p *Page) counter(id, title string, width, priority int, how look, write func(int) string, value func(*session.Owner) int) column {
	return column{
		ID: id, Title: title, Min: width, Max: 9, Right: true, Descending: true, Priority: priority,
		Text: func(o *session.Owner) string {
			if id == "trying" && !page.SeesAttempts(p.node) {
				return format.Dash
			}
			return write(value(o))
		},
		Look:   func(o *session.Owner) theme.Style { return how(p.theme, float64(value(o))) },
		Number: func(o *session.Owner) float64 { return float64(value(o)) },
	}
}

func (p *Page) rate(id, title string, width, priority int, how look, value func(*session.Owner) float64) column {
	return column{
		ID: id, Title: title, Min: width, Max: 8, Right: true, Descending: true, Priority: priority,
		Text: func(o *session.Owner) string {
			if !page.HasRates(p.node) || id == "fail" && !page.SeesAttempts(p.node) {
				return format.Dash
			}
			return format.Rate(value(o))
		},
		Look: func(o *session.Owner) theme.Style {
			if !page.HasRates(p.node) {
				return p.theme.Dim
			}
			return how(p.theme, value(o))
		},
		Number: value,
	}
}

// byTitle orders by what title says, host processes first.
func byTitle(dst []byte, o *session.Owner) []byte {
	if o.Name == "" {
		return append(dst, o.Workload.Name...)
	}
	return append(append(append(dst, o.Namespace...), '/'), o.Name...)
}

func title(o *session.Owner) string { return sanitize.Text(o.Title()) }

// ownedBy marks what runs to an end: there is something to see only while it
// does.
func ownedBy(o *session.Owner) string {
	s := sanitize.Text(o.Workload.String())
	switch {
	case s == "":
		return format.Dash
	case o.Workload.Batch():
		return page.JobMark + " " + s
	default:
		return s
	}
}

// cause is what a pod does to its node's ports. A dash means that it could not
// be seen, an ellipsis that it is still being looked into.
func (p *Page) cause(o *session.Owner) string {
	d, pending := p.diagnosis()
	c, _, known := d.CauseOf(o)
	switch {
	case pending:
		return format.Ellipsis
	case !known:
		return format.Dash
	case c == "":
		return "none"
	case c == runbook.HotDestination:
		return "hot dest."
	default:
		return c.Title()
	}
}

func (p *Page) causeLook(o *session.Owner) theme.Style {
	switch p.causeRank(o) {
	case 0:
		return p.theme.Warn
	case 1:
		return p.theme.Text
	default:
		return p.theme.Dim
	}
}

// causeRank puts causes first, then what could not be seen.
func (p *Page) causeRank(o *session.Owner) int {
	d, _ := p.diagnosis()
	switch c, _, known := d.CauseOf(o); {
	case c != "":
		return 0
	case !known:
		return 1
	default:
		return 2
	}
}

func (p *Page) diagnosis() (d *runbook.Diagnosis, pending bool) { return p.pic.Diagnose(p.node) }

// note says what the numbers of a row do not.
func note(o *session.Owner) string {
	switch {
	case !o.Known && o.Name != "":
		return "not listed by the API server"
	case o.Phase != "" && o.Phase != "Running":
		return sanitize.Text(o.Phase)
	case o.OwnEgress != "":
		return sanitize.Text(o.OwnEgress)
	case o.Ports.Max == 0 && o.UDPFlows > 0:
		return "udp only"
	case o.Ports.Max == 0 && o.All > 0:
		return "private only"
	case o.HostNetwork && o.Name != "":
		return "host network"
	default:
		return ""
	}
}

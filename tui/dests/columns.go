package dests

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/tui/component/table"
	"github.com/snattop/snattop/tui/format"
	"github.com/snattop/snattop/tui/page"
	"github.com/snattop/snattop/tui/theme"
)

type (
	column  = table.Column[*session.Dest]
	process = table.Column[session.Process]
)

func (p *Page) columns() []column {
	return []column{
		{
			ID: "dest", Title: "DESTINATION", Min: 20, Soft: 26, Max: 51,
			Text: func(d *session.Dest) string { return d.Dest.String() },
			Look: p.ifCounts,
			Word: byDest,
		},
		{
			ID: "name", Title: "NAME", Min: 10, Soft: 20, Max: 60, Priority: 2, Middle: true,
			Text: func(d *session.Dest) string { return orDash(sanitize.Text(d.Name)) },
			Look: func(*session.Dest) theme.Style { return p.theme.Dim },
			Word: func(dst []byte, d *session.Dest) []byte { return append(dst, d.Name...) },
		},
		{
			ID: "counts", Title: "COUNTS?", Min: 9, Soft: 12, Max: 24,
			Text:   counts,
			Look:   p.ifCounts,
			Number: rank,
		},
		p.counter("open", "OPEN", 5, 0, page.Counter, format.Count[int], (*session.Dest).Open),
		p.counter("trying", "TRYING", 6, 0, page.Alarm, format.Count[int], func(d *session.Dest) int { return d.SynSent }),
		p.counter("cooling", "COOLING", 7, 4, page.Counter, format.About, func(d *session.Dest) int { return d.Cooling }),
		p.rate("new", "NEW/S", 3, page.Counter, func(d *session.Dest) float64 { return d.OpensPerSecond }),
		p.rate("fail", "FAIL/S", 1, page.Alarm, func(d *session.Dest) float64 { return d.FailedPerSecond }),
		p.trouble("syn-r", "SYN-R/S", 7, 6, func(t *session.Trouble) float64 { return t.SynRetransmits }),
		p.trouble("rst", "RST/S", 6, 7, func(t *session.Trouble) float64 { return t.Resets }),
		{
			ID: "silent", Title: "SILENT", Min: 6, Max: 8, Right: true, Descending: true, Priority: 8,
			Text:   silent,
			Look:   func(d *session.Dest) theme.Style { return page.Counter(p.theme, float64(max(0, silence(d)))) },
			Number: func(d *session.Dest) float64 { return float64(silence(d)) },
			Absent: func() bool { return p.node == nil || !p.node.Sight().Silence },
		},
		{
			ID: "life", Title: "LIFE p50", Min: 8, Max: 9, Right: true, Descending: true, Priority: 5,
			Text:    func(d *session.Dest) string { return format.MedianLife(d.Lives) },
			Look:    func(*session.Dest) theme.Style { return p.theme.Dim },
			Compare: func(a, b *session.Dest) int { return a.Lives.Compare(b.Lives) },
			Absent:  func() bool { return p.node == nil || !p.node.Sight().Lives },
		},
	}
}

// silence is how many open connections have carried nothing for a minute or
// more; -1 when that is not known.
func silence(d *session.Dest) int {
	if d.Silent == nil {
		return -1
	}
	return d.Silent.Sum()
}

func silent(d *session.Dest) string {
	if n := silence(d); n >= 0 {
		return format.Count(n)
	}
	return format.Dash
}

// trouble is a column of what only some collectors see.
func (p *Page) trouble(id, title string, width, priority int, value func(*session.Trouble) float64) column {
	known := func(d *session.Dest) float64 {
		if d.Trouble == nil || !page.HasRates(p.node) {
			return -1
		}
		return value(d.Trouble)
	}
	return column{
		ID: id, Title: title, Min: width, Max: 8, Right: true, Descending: true, Priority: priority,
		Text: func(d *session.Dest) string { return format.Rate(known(d)) },
		Look: func(d *session.Dest) theme.Style {
			return page.Alarm(p.theme, max(0, known(d)))
		},
		Number: known,
		Absent: func() bool { return p.node == nil || !p.node.Sight().Trouble },
	}
}

type look func(th *theme.Theme, n float64) theme.Style

func (p *Page) counter(id, title string, width, priority int, how look, write func(int) string, value func(*session.Dest) int) column {
	return column{
		ID: id, Title: title, Min: width, Max: 9, Right: true, Descending: true, Priority: priority,
		Text: func(d *session.Dest) string {
			if id == "trying" && !page.SeesAttempts(p.node) {
				return format.Dash
			}
			return write(value(d))
		},
		Look:   func(d *session.Dest) theme.Style { return how(p.theme, float64(value(d))) },
		Number: func(d *session.Dest) float64 { return float64(value(d)) },
	}
}

func (p *Page) rate(id, title string, priority int, how look, value func(*session.Dest) float64) column {
	return column{
		ID: id, Title: title, Min: 6, Max: 8, Right: true, Descending: true, Priority: priority,
		Text: func(d *session.Dest) string {
			if !page.HasRates(p.node) || id == "fail" && !page.SeesAttempts(p.node) {
				return format.Dash
			}
			return format.Rate(value(d))
		},
		Look: func(d *session.Dest) theme.Style {
			if !page.HasRates(p.node) {
				return p.theme.Dim
			}
			return how(p.theme, value(d))
		},
		Number: value,
	}
}

// ifCounts quiets what takes no port.
func (p *Page) ifCounts(d *session.Dest) theme.Style {
	if d.Eligible {
		return p.theme.Text
	}
	return p.theme.Dim
}

// counts says whether a destination takes a port, and why not. A Service that
// leads out of the cluster does, although its own address looks private.
func counts(d *session.Dest) string {
	switch {
	case d.Eligible && len(d.Endpoints) > 0:
		return "public!"
	case d.Eligible:
		return "yes"
	case d.WhyNot != "":
		return sanitize.Text(d.WhyNot)
	default:
		return "no"
	}
}

// rank puts what counts first.
func rank(d *session.Dest) float64 {
	if d.Eligible {
		return 0
	}
	return 1
}

// byDest orders by address, IPv4 first, then port, then protocol.
func byDest(dst []byte, d *session.Dest) []byte {
	if d.IP.Is4() {
		b := d.IP.As4()
		dst = append(append(dst, 4), b[:]...)
	} else {
		b := d.IP.As16()
		dst = append(append(dst, 6), b[:]...)
	}
	return append(binary.BigEndian.AppendUint16(dst, d.Port), byte(d.Protocol))
}

func (p *Page) processColumns() []process {
	return []process{
		{
			ID: "process", Title: "PROCESS", Min: 14, Max: 120, Middle: true,
			Text:    func(x session.Process) string { return orDash(sanitize.Text(x.Command)) },
			Compare: func(a, b session.Process) int { return strings.Compare(a.Command, b.Command) },
		},
		{
			ID: "pid", Title: "PID", Min: 7, Max: 10, Right: true,
			Text: func(x session.Process) string {
				if x.PID == 0 {
					return format.Dash
				}
				return strconv.Itoa(x.PID)
			},
			Compare: func(a, b session.Process) int { return cmp.Compare(a.PID, b.PID) },
		},
		{
			ID: "container", Title: "CONTAINER", Min: 10, Max: 40, Priority: 1, Middle: true,
			Text:    func(x session.Process) string { return orDash(sanitize.Text(x.Container)) },
			Look:    func(session.Process) theme.Style { return p.theme.Dim },
			Compare: func(a, b session.Process) int { return strings.Compare(a.Container, b.Container) },
		},
		{
			ID: "open", Title: "OPEN", Min: 5, Max: 9, Right: true, Descending: true,
			Text:    func(x session.Process) string { return format.Count(x.Established) },
			Look:    func(x session.Process) theme.Style { return page.Counter(p.theme, float64(x.Established)) },
			Compare: func(a, b session.Process) int { return cmp.Compare(a.Established, b.Established) },
		},
		{
			ID: "trying", Title: "TRYING", Min: 6, Max: 9, Right: true, Descending: true, Priority: 2,
			Text:    func(x session.Process) string { return format.Count(x.SynSent) },
			Look:    func(x session.Process) theme.Style { return page.Alarm(p.theme, float64(x.SynSent)) },
			Compare: func(a, b session.Process) int { return cmp.Compare(a.SynSent, b.SynSent) },
		},
	}
}

// processID tells processes apart.
type processID struct {
	pid                int
	container, command string
}

func processKey(x session.Process) processID { return processID{x.PID, x.Container, x.Command} }

// Sentence speaks of the destination under the cursor.
func (p *Page) Sentence(width int) string {
	d, ok := p.dests.Selected()
	if !ok || p.owner == nil {
		return format.Fit(width, p.emptyText()+".")
	}
	at := d.IP.String() + " port " + strconv.Itoa(int(d.Port))
	if d.Name != "" {
		at = sanitize.Text(d.Name)
	}
	if !d.Eligible {
		return format.Fit(width, fmt.Sprintf("%s takes no port of the balancer (%s)", at, counts(d)),
			fmt.Sprintf(": %s of %s open", format.Count(d.Open()), p.title), ".")
	}
	held := d.Open() + d.Cooling
	if d.Protocol == snat.UDP {
		return format.Fit(width, fmt.Sprintf("%s open to %s over UDP, whose ports the balancer keeps apart", format.Plural(d.Open(), "flow"), at), ".")
	}
	alone := ""
	if n := p.node.Ports.Estimate; n > 0 && held >= n/2 {
		alone = ", " + format.Percent(min(held, n), n) + " of what the node has in use"
	}
	wait, who := "", ""
	if d.SynSent > 0 {
		wait = fmt.Sprintf("; %s wait for an answer", format.Count(d.SynSent))
	}
	if len(d.Processes) == 1 && d.Processes[0].Command != "" {
		who = "; all are " + firstWord(sanitize.Text(d.Processes[0].Command)) + "'s"
	}
	return format.Fit(width, fmt.Sprintf("%s hold about %s", "Connections to "+at, format.Plural(held, "port")), alone, wait, who, p.leads(d), ".", p.named())
}

// leads tells where a Service's ports are really used.
func (*Page) leads(d *session.Dest) string {
	if len(d.Endpoints) == 0 {
		return ""
	}
	more := ""
	if n := len(d.Endpoints) - 1; n > 0 {
		more = fmt.Sprintf(" and %s more", format.Count(n))
	}
	return "; it leads to " + d.Endpoints[0].String() + more
}

// named is what the pod does to its node's ports, when that was found.
func (p *Page) named() string {
	d, _ := p.pic.Diagnose(p.node)
	c, sure, _ := d.CauseOf(p.owner)
	if c == "" {
		return ""
	}
	return fmt.Sprintf(" Cause: %s (%s).", c.Title(), sure)
}

func firstWord(s string) string {
	if w, _, ok := strings.Cut(s, " "); ok {
		return w
	}
	return s
}

func orDash(s string) string {
	if s == "" {
		return format.Dash
	}
	return s
}

// cutPlain cuts a line without an ellipsis.
func cutPlain(s string, width int) string { return ansi.Truncate(s, max(0, width), "") }

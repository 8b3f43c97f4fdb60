package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/internal/report/markdown"
	"github.com/snattop/snattop/internal/report/picture"
	"github.com/snattop/snattop/internal/report/ticket"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/recording"
	"github.com/snattop/snattop/tui/app"
)

// The files of a ticket.
const (
	ticketPNG       = "screen.png"
	ticketSVG       = "screen.svg"
	ticketText      = "screen.txt"
	ticketMarkdown  = "ticket.md"
	ticketJSON      = "report.json"
	ticketRecording = "recording.snattop"
)

// teller writes the events of the last minutes.
type teller interface {
	Tell(w *recording.Writer) error
}

// tickets returns what the key S does: it writes a folder with everything that
// the screen was made of. held has the events of the last minutes.
func (o *options) tickets(held teller, settings session.Settings) func(app.Ticket) (string, error) {
	return func(t app.Ticket) (string, error) {
		r := report.Build(t.Snap, report.Filter{}, t.Now, t.Snap.Time.Sub(t.Snap.Started))
		grid := picture.Parse(t.Screen, t.Width, t.Height, paper(!t.Light))
		var missing []rune
		files := []ticket.File{
			{Name: ticketMarkdown, Write: func(w io.Writer) error { return ticketPage(w, t, r) }},
			{Name: ticketPNG, Write: func(w io.Writer) (err error) { missing, err = grid.PNG(w); return err }},
			{Name: ticketSVG, Write: grid.SVG},
			{Name: ticketText, Write: func(w io.Writer) error { _, err := io.WriteString(w, grid.Text()); return err }},
			{Name: ticketJSON, Write: func(w io.Writer) error { return report.JSON(w, r) }},
			{Name: ticketRecording, Write: func(w io.Writer) error {
				rec := recorder{out: w, program: "snattop " + o.version, settings: settings}
				if err := rec.begin(); err != nil {
					return err
				}
				return join(held.Tell(rec.w), rec.w.Close())
			}},
		}
		name := ticket.Name{Cluster: t.Snap.Cluster.Context, Node: t.Node, At: t.Now}
		path, err := ticket.Folder{Dir: cmp.Or(o.outDir, ".")}.Save(name, files)
		if err != nil {
			return "", fmt.Errorf("%w; --out-dir names another folder", err)
		}
		if len(missing) > 0 {
			path += " (" + missingText(missing) + ")"
		}
		return path, nil
	}
}

// ticketPage is the page of Markdown that a ticket begins with.
func ticketPage(w io.Writer, t app.Ticket, r *report.Report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# snattop: %s\n\n", markdown.Escape(strings.Join(t.Crumbs, " › ")))
	fmt.Fprintf(&b, "![the screen at %s](%s)\n\n", t.Now.UTC().Format(time.RFC3339), ticketPNG)
	if t.Table != "" {
		b.WriteString(t.Table + "\n")
	}
	b.WriteString(markdown.Head("File", "What it is"))
	for _, f := range [][2]string{
		{ticketPNG, "the screen"}, {ticketSVG, "the screen, with text to select"}, {ticketText, "the screen as text"},
		{ticketJSON, report.Schema + ", every node, pod and destination"},
		{ticketRecording, "the last minutes: snattop replay " + ticketRecording},
		{ticket.Manifest, "SHA-256 of each: sha256sum -c " + ticket.Manifest},
	} {
		b.WriteString(markdown.Row(f[0], f[1]))
	}
	b.WriteByte('\n')
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the ticket: %w", err)
	}
	return report.Markdown(w, r)
}

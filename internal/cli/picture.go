package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/internal/report/picture"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/app"
	"github.com/snattop/snattop/tui/theme"
)

// pictureFlags are how a page is drawn where there is no terminal.
type pictureFlags struct {
	size, page, theme string
	// width and height are what size says.
	width, height int
}

// The themes by their names.
const themeDark, themeLight, themeSixteen = "dark", "light", "16"

// The least that a page is drawn in; the most is what a picture can hold.
const minPageWidth, minPageHeight = 60, 15

func (p *pictureFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&p.size, "size", "120x40", "columns and rows of the screen that -o png and svg draw")
	fs.StringVar(&p.page, "page", "", "page that -o png and svg draw: nodes, pods, connections or cause (default: nodes, or what --node and --pod name)")
	fs.StringVar(&p.theme, "theme", themeDark, "dark, light or 16: the colours of -o png and svg; 16 are those of a terminal that has no more, on dark")
}

// check reads the flags.
func (p *pictureFlags) check() error {
	pages := stillPages()
	w, h, ok := strings.Cut(p.size, "x")
	var errW, errH error
	p.width, errW = strconv.Atoi(w)
	p.height, errH = strconv.Atoi(h)
	switch {
	case !ok || errW != nil || errH != nil:
		return usage("--size %q: use COLUMNSxROWS, such as 120x40", p.size)
	case p.width < minPageWidth || p.height < minPageHeight || p.width > picture.MaxWidth || p.height > picture.MaxHeight:
		return usage("--size %s: use %dx%d to %dx%d", p.size, minPageWidth, minPageHeight, picture.MaxWidth, picture.MaxHeight)
	case p.page != "" && !slices.Contains(pages, p.page):
		return usage("--page %q: use %s", p.page, strings.Join(pages, ", "))
	case !slices.Contains([]string{themeDark, themeLight, themeSixteen}, p.theme):
		return usage("--theme %q: use %s, %s or %s", p.theme, themeDark, themeLight, themeSixteen)
	}
	return nil
}

// stillPages are the pages that one picture is enough for: not the proof.
func stillPages() []string {
	return slices.DeleteFunc(app.StillPages(), func(s string) bool { return s == "proof" })
}

// pictureWriter draws a page of a picture to standard output.
func (o *options) pictureWriter(f reportFlags) func(*session.Snapshot, *report.Report) error {
	return func(pic *session.Snapshot, _ *report.Report) error {
		filter := o.filter()
		still := app.Still{Width: f.picture.width, Height: f.picture.height, Light: f.picture.theme == themeLight, Page: f.picture.page, Node: filter.Node}
		if f.picture.theme == themeSixteen {
			still.Colours = theme.Sixteen
		}
		if filter.Pod != "" {
			still.Pod = filter.Pod
			if filter.Namespace != "" {
				still.Pod = filter.Namespace + "/" + filter.Pod
			}
		}
		screen, err := app.Draw(pic, app.Options{NoColor: o.noColor, ASCII: o.ascii}, still)
		if err != nil {
			return cannotTell(err)
		}
		g := picture.Parse(screen, still.Width, still.Height, paper(!still.Light))
		if f.output == "svg" {
			return g.SVG(o.streams.Out)
		}
		missing, err := g.PNG(o.streams.Out)
		if err != nil {
			return err
		}
		o.sayMissing(missing)
		return nil
	}
}

// sayMissing tells which characters a picture shows as boxes.
func (o *options) sayMissing(missing []rune) {
	if len(missing) > 0 {
		fmt.Fprintf(o.streams.Err, "snattop: %s\n", missingText(missing))
	}
}

func missingText(missing []rune) string {
	const most = 12
	shown := string(missing[:min(len(missing), most)])
	if len(missing) > most {
		shown += "…"
	}
	return fmt.Sprintf("the picture's font has no glyph for %s: boxes stand in their place; screen text and SVG have them", shown)
}

func paper(dark bool) picture.Paper {
	ink, ground := theme.Paper(dark)
	return picture.Paper{Ink: ink, Ground: ground}
}

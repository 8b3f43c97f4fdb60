package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/recording"
	"github.com/snattop/snattop/tui/app"
	"github.com/snattop/snattop/tui/tuitest"
)

// leakFile is a recording of a real node that a leak exhausts.
const leakFile = "../runbook/testdata/leak.snattop"

// played is a session that has heard a recording, and what was kept of it.
func played(t *testing.T, file string, through func(session.Source) session.Source) (*session.Session, *recording.Lead) {
	t.Helper()
	src, err := recording.Open(file, 0)
	if err != nil {
		t.Fatal(err)
	}
	var from session.Source = src
	if through != nil {
		from = through(src)
	}
	held := recording.NewLead(from)
	s := session.New(session.Options{})
	s.FocusAll()
	if err := s.Run(t.Context(), held); err != nil {
		t.Fatal(err)
	}
	return s, held
}

// wanted is a ticket of the worst node of a picture.
func wanted(t *testing.T, s *session.Snapshot) app.Ticket {
	t.Helper()
	const width, height = 120, 40
	screen, err := app.Draw(s, app.Options{}, app.Still{Width: width, Height: height, Page: "connections"})
	if err != nil {
		t.Fatal(err)
	}
	out := app.Ticket{Screen: screen, Width: width, Height: height, Snap: s, Now: s.Time, Crumbs: []string{"a", "b"}}
	if len(s.Nodes) > 0 {
		out.Node = s.Nodes[0].Name
	}
	return out
}

var ticketFiles = []string{"MANIFEST", "recording.snattop", "report.json", "screen.png", "screen.svg", "screen.txt", "ticket.md"}

func filesOf(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, e := range list {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = b
	}
	return out
}

func TestTicketOfARecording(t *testing.T) {
	t.Parallel()
	s, held := played(t, leakFile, nil)
	o := &options{version: "1.2.3", outDir: t.TempDir()}
	pic := s.Snapshot()
	path, err := o.tickets(held, session.Settings{SNATPorts: 64})(wanted(t, pic))
	if err != nil {
		t.Fatal(err)
	}
	if want := pic.Nodes[0].Name + "-" + pic.Time.UTC().Format("20060102T150405Z"); !strings.HasSuffix(path, want) || filepath.Dir(path) != o.outDir {
		t.Errorf("it is called %s, want …%s", path, want)
	}
	files := filesOf(t, path)
	for _, name := range ticketFiles {
		if len(files[name]) == 0 {
			t.Errorf("%s is missing or empty", name)
		}
	}
	if len(files) != len(ticketFiles) {
		t.Errorf("%d files", len(files))
	}
	if sum, err := exec.LookPath("sha256sum"); err == nil {
		cmd := exec.Command(sum, "-c", "--strict", "MANIFEST")
		cmd.Dir = path
		if out, err := cmd.CombinedOutput(); err != nil || strings.Count(string(out), ": OK\n") != len(ticketFiles)-1 {
			t.Errorf("sha256sum: %v\n%s", err, out)
		}
	}
	p, err := png.Decode(bytes.NewReader(files["screen.png"]))
	if err != nil || p.Bounds().Dx() != 120*16+48 {
		t.Errorf("the PNG: %v", err)
	}
	for name, want := range map[string]string{
		"screen.txt": "❸ Connections", "screen.svg": "Connections", "ticket.md": "![the screen at 20", "report.json": report.Schema,
	} {
		if !strings.Contains(string(files[name]), want) {
			t.Errorf("%s lacks %q", name, want)
		}
	}
	for _, want := range []string{"# snattop: a › b\n", "| report.json | snattop.report/v1", "### Findings", "confidence", "### Destinations"} {
		if !strings.Contains(string(files["ticket.md"]), want) {
			t.Errorf("the page lacks %q:\n%s", want, files["ticket.md"])
		}
	}

	// What the recording of the ticket shows is what the screen was made of.
	var r report.Report
	if err := json.Unmarshal(files["report.json"], &r); err != nil {
		t.Fatal(err)
	}
	again, _ := played(t, filepath.Join(path, "recording.snattop"), nil)
	replayed := report.Build(again.Snapshot(), report.Filter{}, pic.Time, pic.Time.Sub(pic.Started))
	if len(replayed.Nodes) != len(r.Nodes) || replayed.Nodes[0].Name != r.Nodes[0].Name || *replayed.Nodes[0].EstablishedPublic != *r.Nodes[0].EstablishedPublic {
		t.Errorf("replayed %+v, was %+v", replayed.Nodes[0], r.Nodes[0])
	}
	if len(replayed.Destinations) != len(r.Destinations) {
		t.Errorf("%d destinations, were %d", len(replayed.Destinations), len(r.Destinations))
	}
}

// Nothing at all makes a ticket as well.
func TestTicketOfNothing(t *testing.T) {
	t.Parallel()
	o := &options{outDir: t.TempDir()}
	empty := &session.Snapshot{}
	path, err := o.tickets(recording.NewLead(nil), session.Settings{})(wanted(t, empty))
	if err != nil {
		t.Fatal(err)
	}
	if got := filesOf(t, path); len(got) != len(ticketFiles) {
		t.Errorf("%d files in %s", len(got), path)
	}
}

func TestTicketThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	o := &options{outDir: filepath.Join(t.TempDir(), "none")}
	_, err := o.tickets(recording.NewLead(nil), session.Settings{})(wanted(t, &session.Snapshot{}))
	if !errors.Is(err, os.ErrNotExist) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "--out-dir names another") || !strings.Contains(err.Error(), o.outDir) {
		t.Errorf("%v", err)
	}
}

// Names that want to be more than names are inert in every file, and boxes are
// told of.
func TestTicketOfHostileNames(t *testing.T) {
	t.Parallel()
	s := tuitest.Sick()
	s.Cluster.Context = "../../x</text><script>\x1b]0;y\x07|`[z](http://evil)"
	o := &options{outDir: t.TempDir()}
	w := wanted(t, s)
	w.Node, w.Crumbs = "a/b\n\u202e", []string{s.Cluster.Context, tuitest.Hostile}
	w.Screen = w.Screen + "\n" + tuitest.WideName
	w.Height++
	told, err := o.tickets(recording.NewLead(nil), session.Settings{})(w)
	if err != nil {
		t.Fatal(err)
	}
	path, note, _ := strings.Cut(told, " (")
	if filepath.Dir(path) != o.outDir || filepath.Base(path) != "snattop-x-text-script-0-y-z-http-evil-a-b-20260314T120431Z" {
		t.Errorf("it is called %q", path)
	}
	if !strings.Contains(note, "no glyph for") {
		t.Errorf("boxes are not told of: %q", told)
	}
	for name, b := range filesOf(t, path) {
		if name == "screen.png" || name == "recording.snattop" {
			continue
		}
		for _, r := range string(b) {
			if r < 0x20 && r != '\n' || r >= 0x7f && r <= 0x9f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
				t.Errorf("%s holds %U", name, r)
				break
			}
		}
		// In a block of code nothing is obeyed.
		text := regexp.MustCompile("(?s)\n *```.*?\n *```+\n").ReplaceAllString(string(b), "")
		if name == "ticket.md" && (strings.Contains(strings.ReplaceAll(text, `\<`, ""), "<script") || strings.Contains(text, "http://")) || name == "screen.svg" && strings.Contains(text, "<script") {
			t.Errorf("%s: markup of a name is markup", name)
		}
	}
}

// firstFrame is a terminal that tells when something has been drawn on it.
type firstFrame struct {
	once sync.Once
	seen chan string
}

func (w *firstFrame) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "ticket") {
		w.once.Do(func() { w.seen <- "drawn" })
	}
	return len(p), nil
}

// The whole way: a recording, the screen, the key, the folder; and where the
// folder cannot be, a line, and the screen goes on.
func TestTicketKey(t *testing.T) {
	t.Parallel()
	s, held := played(t, leakFile, nil)
	o := &options{version: "1.2.3", outDir: t.TempDir()}
	gone := &options{outDir: filepath.Join(t.TempDir(), "none")}
	seen := make(chan string, 3)
	tries := 0
	save := func(w app.Ticket) (string, error) {
		defer func() { seen <- "saved" }()
		if tries++; tries == 1 {
			return gone.tickets(held, session.Settings{})(w)
		}
		return o.tickets(held, session.Settings{})(w)
	}
	in, keyboard := io.Pipe()
	out := &firstFrame{seen: seen}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- app.Run(ctx, s, app.Options{NoColor: true, SaveTicket: save},
			tea.WithInput(in), tea.WithOutput(out), tea.WithWindowSize(200, 60), tea.WithColorProfile(colorprofile.ASCII),
			tea.WithEnvironment([]string{"TERM=xterm-256color"}))
	}()
	for _, press := range []string{"S", "S", "q"} {
		select {
		case <-seen:
		case <-ctx.Done():
			t.Fatalf("before %q: %v", press, ctx.Err())
		}
		if _, err := keyboard.Write([]byte(press)); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadDir(o.outDir)
	if err != nil || len(list) != 1 || !strings.HasPrefix(list[0].Name(), "snattop-") {
		t.Fatalf("%v %v", list, err)
	}
	var names []string
	for name := range filesOf(t, filepath.Join(o.outDir, list[0].Name())) {
		names = append(names, name)
	}
	slices.Sort(names)
	if !slices.Equal(names, ticketFiles) {
		t.Errorf("%q", names)
	}
}

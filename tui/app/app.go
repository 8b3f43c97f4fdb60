// Package app is the terminal UI: the root model that holds the pages, decides
// which one is seen, and is the only one to speak to the terminal.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/books"
	"github.com/snattop/snattop/tui/cause"
	"github.com/snattop/snattop/tui/component/input"
	"github.com/snattop/snattop/tui/component/palette"
	"github.com/snattop/snattop/tui/component/sheet"
	"github.com/snattop/snattop/tui/dests"
	"github.com/snattop/snattop/tui/keys"
	"github.com/snattop/snattop/tui/nodes"
	"github.com/snattop/snattop/tui/page"
	"github.com/snattop/snattop/tui/pods"
	"github.com/snattop/snattop/tui/progress"
	"github.com/snattop/snattop/tui/proof"
	"github.com/snattop/snattop/tui/theme"
	"github.com/snattop/snattop/tui/turn"
)

// Options are what the UI is started with. The zero value works.
type Options struct {
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Keys are the bindings; nil is keys.Default().
	Keys *keys.Map
	// Theme makes the looks for a terminal; nil is theme.For.
	Theme func(theme.Terminal) *theme.Theme
	// NoColor leaves out every colour.
	NoColor bool
	// ASCII draws with ASCII alone.
	ASCII bool
	// Plain, where it is not nil, is the terminal in which the UI is said in
	// words, line by line, instead of being drawn.
	Plain io.Writer
	// SaveTicket stores what is on the screen as a ticket and says where. It
	// runs outside of the UI's own goroutine. When nil, the key says that it is
	// not available.
	SaveTicket func(Ticket) (saved string, err error)
	// Runbooks goes through the runbooks beside SNAT's; nil where there is no
	// live cluster to ask.
	Runbooks Runbooks
	// NoRunbooks says why there are none; empty is that there is no cluster.
	NoRunbooks string
	// Capture captures packets. When nil, the key says that it is not available.
	Capture Capturer
	// Deck plays the recording that is watched; nil when none is. Captions are
	// shown with it.
	Deck     session.Deck
	Captions []Caption
	// Record starts and ends recordings; nil says that they are not available.
	Record Recorder
	// Title is the terminal's title; empty is "snattop" and the context.
	Title string
	// Welcome shows a line for who sees the screen for the first time, until the
	// first key.
	Welcome bool
	// Columns are those of the tables as the operator wants them.
	Columns Columns
	// Suspend stops the process until the operator's shell continues it, and
	// reports whether it was stopped; nil says that it is not available. The
	// terminal is the shell's meanwhile.
	Suspend func() (stopped bool)
	// Gone reports that the terminal is gone, which is looked at every second; nil
	// never does.
	Gone func() bool
	// Broken is told of a panic and where it happened, before the UI ends; nil
	// hears nothing.
	Broken func(why any, stack []byte)
	// Hint is a sentence for who is new here: shown at the start, in the help
	// and while there are no nodes.
	Hint string
}

// step is a page, in the order of the runbook.
type step int

const (
	stepNodes step = iota
	stepPods
	stepDests
	stepCause
	stepProof
	// stepBook is beside the others: a runbook that is not SNAT's.
	stepBook
)

// Model is the root model.
type Model struct {
	view session.View
	opts Options
	keys *keys.Map

	theme *theme.Theme
	// terminal is what the theme was chosen by.
	terminal theme.Terminal
	// plain says the UI; nil where it is drawn.
	plain *plain

	nodes *nodes.Page
	pods  *pods.Page
	dests *dests.Page
	cause *cause.Page
	proof *proof.Page
	books *books.Page
	step  step
	// turn is the page that is seen in place of ①, ② or ③ while that is turned;
	// turns says how, the innermost last.
	turn  *turn.Page
	turns []turned
	// via is the page that ③ was opened from when that was a turned one.
	via step
	// peekPods and peekDests are the second pane of ① and ②: what is below the
	// row under the cursor. inPane means that it has the keys, unsplit that it
	// is not wanted.
	peekPods        *pods.Page
	peekDests       *dests.Page
	inPane, unsplit bool
	// clickedRow is the row that was clicked last.
	clickedRow clickedRow
	// book is the runbook that is gone through, beforeBook the page that it was
	// opened from.
	book       bookRun
	beforeBook step
	// origin is the page that ④ and ⑤ were entered from, and beforeProof the one
	// that ⑤ was: where esc goes.
	origin, beforeProof step

	pic page.Picture
	// missed are the pages that have not been shown the picture because they are
	// not seen; doctor diagnoses nodes for all of them.
	missed map[page.Page]bool
	doctor page.Doctor
	// frozen means that the picture stays; held is the newest that has come since.
	frozen bool
	held   *session.Snapshot
	// touched is when the operator last acted.
	touched time.Time
	// ended means that the view tells of no more changes.
	ended bool

	width, height int

	prompt  promptKind
	line    input.Model
	overlay overlayKind
	sheet   *sheet.Model
	palette *palette.Model

	// welcome means that nobody has pressed a key yet who is new here.
	welcome bool
	// reach and tracker know what takes time, and for how long. waking means that
	// a look at them is due, writing that a ticket is written, copying that a page
	// is, hasBar that the terminal has a progress bar of its own.
	reach                            progress.Reach
	tracker                          progress.Tracker
	waking, writing, copying, hasBar bool
	// choices are what the operator wants of columns, keeping the keeping of them
	// that is under way, and unkept that they have changed since it began.
	choices page.Choices
	keeping *keeping
	unkept  bool
	// silent means that captions are not wanted.
	silent bool
	// recording is whether a recording is being made, and switching whether that
	// is about to change.
	recording, switching bool

	notice notice
	// saving numbers the tickets, so that a late answer to an old one is not
	// taken for the newest.
	saving int
	// capturing is the capture that runs; nil when none does. toCapture is what
	// the prompt asks flags for.
	capturing *capturing
	toCapture Captured
	// focused is whether detail of an owner has been asked for.
	focused bool

	closed    chan struct{}
	closeOnce sync.Once
}

var _ tea.Model = (*Model)(nil)

// New returns the root model over a view.
func New(view session.View, opts Options) *Model {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Keys == nil {
		opts.Keys = keys.Default()
	}
	if opts.Theme == nil {
		opts.Theme = theme.For
	}
	var terminal theme.Terminal
	if opts.NoColor || opts.Plain != nil {
		terminal.Colours = theme.None
	}
	th := opts.Theme(terminal)
	m := &Model{
		view: view, opts: opts, keys: opts.Keys, theme: th, terminal: terminal,
		nodes:    nodes.New(opts.Keys, th, opts.Hint),
		pods:     pods.New(opts.Keys, th),
		dests:    dests.New(opts.Keys, th),
		peekPods: pods.New(opts.Keys, th), peekDests: dests.New(opts.Keys, th).Peek(),
		cause:   cause.New(opts.Keys, th),
		proof:   proof.New(opts.Keys, th),
		books:   books.New(opts.Keys, th),
		turn:    turn.New(opts.Keys, th),
		sheet:   sheet.New(opts.Keys, th),
		palette: palette.New(opts.Keys, th, nil),
		notice:  notice{text: opts.Hint}, welcome: opts.Welcome,
		closed: make(chan struct{}), missed: make(map[page.Page]bool),
	}
	m.welcomeColumns()
	m.pic.Doctor = &m.doctor
	m.doctor.Waits = opts.Plain != nil
	m.look()
	if opts.Plain != nil {
		m.plain = &plain{out: opts.Plain, ascii: opts.ASCII}
		m.width, m.height = plainWidth, plainHeight
		m.layout()
	}
	return m
}

// Run shows the UI until the operator quits, the terminal goes away or ctx ends;
// none of them is an error. The terminal is restored on every way out.
func Run(ctx context.Context, view session.View, opts Options, programOpts ...tea.ProgramOption) error {
	m := New(view, opts)
	defer m.close()
	g := newGuard(m)
	// Signals end ctx. Bubble Tea would listen to them as well, and wait for ever
	// for its own listener when ctx was faster.
	with := []tea.ProgramOption{tea.WithContext(ctx), tea.WithoutSignalHandler()}
	with = append(with, programOpts...)
	if opts.Plain != nil {
		// What would be drawn goes nowhere; keys are read as ever.
		with = append(with, tea.WithOutput(io.Discard))
		defer m.plain.open()()
	}
	_, err := tea.NewProgram(g, with...).Run()
	switch {
	case g.err() != nil:
		return fmt.Errorf("terminal UI: %w", g.err())
	case m.gone():
		return nil
	case err == nil, errors.Is(err, tea.ErrInterrupted):
		return nil
	case ctx.Err() != nil && errors.Is(err, tea.ErrProgramKilled) && !errors.Is(err, tea.ErrProgramPanic):
		return nil
	default:
		return fmt.Errorf("terminal UI: %w", err)
	}
}

// gone reports that nobody can see the screen any more.
func (m *Model) gone() bool { return m.opts.Gone != nil && m.opts.Gone() }

// close ends what waits in the background and takes back the wish for detail.
func (m *Model) close() {
	m.closeOnce.Do(func() { close(m.closed) })
	m.stopBook()
	m.leaveCapture()
	m.leaveColumns()
	m.blur()
}

// Init starts to listen and asks the terminal how bright it is.
func (m *Model) Init() tea.Cmd {
	if m.plain != nil {
		m.plain.begin(m)
		return tea.Batch(m.listen(), second())
	}
	return tea.Batch(m.listen(), second(), tea.RequestBackgroundColor)
}

// Update takes one message.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.take(msg)
	m.layout()
	for _, w := range m.atWork() {
		cmd = tea.Batch(cmd, w.Work())
	}
	cmd = tea.Batch(cmd, m.doctor.Work(m.pic.Snap, m.patient()))
	m.plain.hear(m, msg)
	return m, tea.Batch(cmd, m.watch())
}

func (m *Model) take(msg tea.Msg) tea.Cmd {
	for _, w := range []page.Worker{m.turn, m.dests, m.peekDests, m.proof} {
		if cmd, ok := w.Worked(msg); ok {
			return cmd
		}
	}
	if node, cmd, ok := m.doctor.Told(msg); ok {
		m.diagnosed(node)
		return cmd
	}
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		if m.plain == nil {
			m.width, m.height = msg.Width, msg.Height
		}
	case tea.BackgroundColorMsg:
		m.setTerminal(theme.Terminal{Light: !msg.IsDark(), Colours: m.terminal.Colours})
	case tea.ColorProfileMsg:
		m.setTerminal(theme.Terminal{Light: m.terminal.Light, Colours: m.colours(msg.Profile)})
	case tea.EnvMsg:
		m.hasBar = ownsBar(msg)
	case pulseMsg:
		m.waking = false
	case changedMsg:
		if msg.snap == nil {
			m.look()
		} else {
			m.lookAt(msg.snap)
		}
		m.ended = m.ended || msg.ended
		return m.rest()
	case restedMsg:
		return m.listen()
	case recordedMsg:
		m.recorded(msg)
	case secondMsg:
		m.age()
		m.watchRecorder()
		if m.gone() {
			return tea.Quit
		}
		return second()
	case suspendedMsg:
		return m.resumed(msg)
	case ticketMsg:
		m.ticketSaved(msg)
	case bookMsg:
		return m.bookTold(msg)
	case columnsKept:
		return m.columnsKept(msg)
	case captureLine:
		return m.captureTold(msg)
	case captureDone:
		m.captureEnded(msg)
	case pageMsg:
		return m.pageWritten(msg)
	case tea.KeyPressMsg:
		m.touched = m.opts.Now()
		return m.keyPressed(msg)
	case tea.PasteMsg:
		m.touched = m.opts.Now()
		return m.pasted(msg)
	case tea.MouseClickMsg, tea.MouseWheelMsg:
		m.touched = m.opts.Now()
		return m.mouse(msg)
	}
	return nil
}

// current is the page that is seen.
func (m *Model) current() page.Page {
	if m.isTurned() {
		return m.turn
	}
	if m.inPane {
		return m.pane()
	}
	switch m.step {
	case stepPods:
		return m.pods
	case stepDests:
		return m.dests
	case stepCause:
		return m.cause
	case stepProof:
		return m.proof
	case stepBook:
		return m.books
	case stepNodes:
		return m.nodes
	default:
		return m.nodes
	}
}

func (m *Model) pages() []page.Page {
	return []page.Page{m.nodes, m.pods, m.dests, m.cause, m.proof, m.books, m.turn}
}

// colours is how many colours to use where a terminal has those of a profile.
func (m *Model) colours(p colorprofile.Profile) theme.Colours {
	switch {
	case m.opts.NoColor, m.plain != nil, p < colorprofile.ANSI:
		return theme.None
	case p == colorprofile.ANSI:
		return theme.Sixteen
	default:
		return theme.Many
	}
}

// setTerminal chooses the theme for a terminal.
func (m *Model) setTerminal(t theme.Terminal) {
	m.terminal = t
	th := m.opts.Theme(t)
	m.theme = th
	for _, p := range append(m.pages(), m.peekPods, m.peekDests) {
		p.SetTheme(th)
	}
	m.sheet.SetTheme(th)
	m.palette.SetTheme(th)
}

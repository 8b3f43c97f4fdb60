package app

import (
	"context"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/component/input"
)

// Captured is whose packets are wanted.
type Captured struct {
	// Node is a name; Namespace and Pod are empty for the node itself.
	Node, Namespace, Pod string
}

// String names it on the screen.
func (c Captured) String() string {
	if c.Pod == "" {
		return "node " + sanitize.Text(c.Node)
	}
	return sanitize.Text(c.Namespace + "/" + c.Pod)
}

// Capturer captures packets to a file. Its methods run outside of the UI's own
// goroutine, but for Check.
type Capturer interface {
	// Check reads flags of snattop capture, as typed; the error says which of
	// them does not serve.
	Check(flags string) error
	// Capture captures until a bound is reached or ctx ends, which is no error.
	// tell is given a line now and then that says how far it is. It returns what
	// there is to say at the end, which names the file.
	Capture(ctx context.Context, of Captured, flags string, tell func(line string)) (told string, err error)
}

// capturing is a capture that runs.
type capturing struct {
	of    Captured
	line  string
	lines <-chan string
	done  <-chan captureDone
	stop  context.CancelFunc
	// gone is closed when nothing of the capture runs any more.
	gone chan struct{}
	// stopping says that its end was asked for.
	stopping bool
}

// captureLine is news of a capture; captureDone its end.
type captureLine struct{ text string }

type captureDone struct {
	told string
	err  error
}

// captureKey begins to ask for a capture of what the cursor is on, or ends the
// one that runs.
func (m *Model) captureKey() {
	switch {
	case m.capturing != nil:
		m.stopCapture()
	case m.opts.Capture == nil:
		m.notice = notice{text: "Packets can be captured on a live cluster or on this host: not of a recording, and not with --redact."}
	default:
		of, flags, why := m.captured()
		if why != "" {
			m.notice = notice{text: why}
			return
		}
		m.askCapture(of, flags)
	}
}

func (m *Model) askCapture(of Captured, flags string) {
	m.toCapture = of
	m.overlay = overlayNone
	m.prompt = promptCapture
	m.line = input.Model{Label: "capture " + of.String() + ": ", Hint: "enter starts · --host --port --proto --snaplen --duration -o"}
	m.line.Set(flags)
}

// captured is what the cursor is on, and the flags that narrow it down to that;
// why says why nothing of it can be captured.
func (m *Model) captured() (of Captured, flags, why string) {
	var owner *session.Owner
	if m.isTurned() {
		of.Node, owner = m.onTurned()
		return m.capturable(of, owner, "")
	}
	if m.inPane {
		of.Node, owner = m.inPaneOwner()
		if d := m.peekDests.Selected(); d != nil && m.step == stepPods {
			flags = captureFlags(d)
		}
		return m.capturable(of, owner, flags)
	}
	switch m.step {
	case stepNodes, stepCause, stepProof, stepBook:
		of.Node = m.subject()
	case stepPods:
		of.Node, owner = m.pods.NodeName(), m.pods.Selected()
	case stepDests:
		var key session.Key
		of.Node, key = m.dests.Subject()
		owner = m.ownerOf(of.Node, key)
		if d := m.dests.Selected(); d != nil {
			flags = captureFlags(d)
		}
	}
	return m.capturable(of, owner, flags)
}

// captureFlags narrow a capture down to a destination.
func captureFlags(d *session.Dest) string {
	return fmt.Sprintf("--host %s --port %d --proto %s", d.IP, d.Port, d.Protocol)
}

// capturable is the pod that an owner is, else its node.
func (m *Model) capturable(of Captured, owner *session.Owner, flags string) (Captured, string, string) {
	switch {
	case of.Node == "":
		return of, "", "There is no node to capture on."
	case owner == nil:
	case owner.Name != "" && owner.Namespace != "":
		of.Namespace, of.Pod = owner.Namespace, owner.Name
	case m.step == stepPods || m.isTurned() || m.inPane:
		// What belongs to no pod is captured with the rest of its node.
		m.notice = notice{text: sanitize.Text(owner.Title()) + " is no pod: the node's packets are captured."}
	}
	return of, flags, ""
}

func (m *Model) ownerOf(node string, key session.Key) *session.Owner {
	if n := m.pic.Snap.Node(node); n != nil {
		for _, o := range n.Owners {
			if o.Key == key {
				return o
			}
		}
	}
	return nil
}

// startCapture takes the flags that were typed; those that do not serve can be
// mended.
func (m *Model) startCapture(flags string) tea.Cmd {
	flags = strings.TrimSpace(flags)
	if err := m.opts.Capture.Check(flags); err != nil {
		m.askCapture(m.toCapture, flags)
		m.notice = notice{text: "No capture: " + err.Error(), bad: true}
		return nil
	}
	ctx, stop := context.WithCancel(context.Background())
	lines, done := make(chan string, 1), make(chan captureDone, 1)
	c := &capturing{of: m.toCapture, line: "starting", lines: lines, done: done, stop: stop, gone: make(chan struct{})}
	m.capturing = c
	capture := m.opts.Capture
	tell := func(line string) {
		// Only the newest line counts.
		select {
		case <-lines:
		default:
		}
		lines <- line
	}
	go func() {
		defer close(c.gone)
		told, err := capture.Capture(ctx, c.of, flags, tell)
		done <- captureDone{told, err}
	}()
	return m.hearCapture()
}

// hearCapture waits for news of the capture that runs.
func (m *Model) hearCapture() tea.Cmd {
	c, closed := m.capturing, m.closed
	return func() tea.Msg {
		select {
		case line := <-c.lines:
			return captureLine{line}
		case end := <-c.done:
			return end
		case <-closed:
			return nil
		}
	}
}

// captureTold takes a line.
func (m *Model) captureTold(msg captureLine) tea.Cmd {
	if m.capturing == nil {
		return nil
	}
	m.capturing.line = msg.text
	return m.hearCapture()
}

func (m *Model) captureEnded(end captureDone) {
	if m.capturing == nil {
		return
	}
	m.capturing.stop()
	m.capturing = nil
	switch {
	case end.err != nil && end.told != "":
		m.notice = notice{text: end.told + " But " + end.err.Error(), bad: true}
	case end.err != nil:
		m.notice = notice{text: "The capture failed: " + end.err.Error(), bad: true}
	default:
		m.notice = notice{text: end.told}
	}
}

// stopCapture asks the capture that runs for its end, which tells the rest.
func (m *Model) stopCapture() {
	m.capturing.stopping = true
	m.capturing.stop()
}

// leaveCapture ends a capture that still runs, and waits until its file is
// finished: what it runs in ends next.
func (m *Model) leaveCapture() {
	if m.capturing != nil {
		m.capturing.stop()
		<-m.capturing.gone
	}
}

// captureSentence is how far the capture is.
func (m *Model) captureSentence() string {
	c := m.capturing
	if c.stopping {
		return "● capture of " + c.of.String() + ": ending · " + c.line
	}
	return "● capture of " + c.of.String() + ": " + c.line + " — c or esc ends it"
}

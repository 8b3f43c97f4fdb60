package app

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/tuitest"
)

// clipboard runs a command and what follows from it, and returns what is put
// on the clipboard at the end.
func clipboard(t *testing.T, m *Model, cmd tea.Cmd) string {
	t.Helper()
	for range 3 {
		if cmd == nil {
			return ""
		}
		msg := cmd()
		if _, ok := msg.(pageMsg); !ok {
			return fmt.Sprint(msg)
		}
		_, cmd = m.Update(msg)
	}
	t.Fatal("copying does not end")
	return ""
}

func TestCopyPage(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 120, 40)
	got := clipboard(t, m, press(m, "y"))
	for _, want := range []string{"## SNAT ports of prod-weu\n", "| " + tuitest.SickNode + " | 10.224.0.7 | exhausted |", "aks-np1-vmss000007", "**snat.exhausted**"} {
		if !strings.Contains(got, want) {
			t.Errorf("the nodes lack %q:\n%s", want, got)
		}
	}
	wants(t, m, "Copied as Markdown, ", "refuses the clipboard: snattop report -o markdown")
	press(m, "enter")
	got = clipboard(t, m, press(m, "y"))
	if !strings.Contains(got, "shop/"+tuitest.SickPod) || strings.Contains(got, "mailer") {
		t.Errorf("the pods of a node:\n%s", got)
	}
	press(m, "enter")
	got = clipboard(t, m, press(m, "y"))
	if !strings.Contains(got, "20.60.1.9:443 tcp") || strings.Contains(got, "| shop/search") {
		t.Errorf("the connections of a pod:\n%s", got)
	}
	press(m, "tab")
	if got = clipboard(t, m, press(m, "y")); !strings.Contains(got, "server.js --max-old-space-size=2048") || strings.Contains(got, "##") {
		t.Errorf("the process: %q", got)
	}
	press(m, "tab", "x")
	if got = clipboard(t, m, press(m, "y")); !strings.Contains(got, "20.60.1.9") || strings.Contains(got, "##") {
		t.Errorf("the evidence: %q", got)
	}
	press(m, "esc", "d")
	if got = clipboard(t, m, press(m, "y")); got == "" || strings.Contains(got, "## SNAT") {
		t.Errorf("what is chosen: %q", got)
	}
	press(m, "b", "5")
	if got = clipboard(t, m, press(m, "y")); !strings.Contains(got, "### Nodes") || !strings.Contains(got, "| NODE |") {
		t.Errorf("the proof: %q", got)
	}
	wants(t, m, "snattop compare -o markdown")

	m, _ = start(&session.Snapshot{}, 80, 24)
	if cmd := press(m, "y"); cmd != nil {
		t.Error("nothing was copied to the clipboard")
	}
	wants(t, m, "There is nothing to copy here.")
}

// What does not fit is not copied in part.
func TestCopyTooMuch(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 120, 40)
	if cmd := m.copyText(strings.Repeat("x", maxClipboard+1), m.away("S, or snattop report -o markdown.")); cmd != nil {
		t.Error("it was copied")
	}
	wants(t, m, "too long for a clipboard (64 kB). Use snattop report -o markdown.")
}

func TestHelpSaysWhatIsCopied(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]string{
		"?": "copy page (Markdown)", "2 3 tab ?": "copy the process", "d ?": "copy what is chosen",
	} {
		m, _ := start(tuitest.Sick(), 200, 60)
		press(m, strings.Fields(keys)...)
		wants(t, m, want)
	}
	m, _ := start(tuitest.Sick(), 120, 40)
	press(m, "x")
	wants(t, m, "copy the evidence")
}

func TestTicket(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 120, 40)
	lacks(t, m, "S ticket")
	press(m, "S")
	wants(t, m, "Tickets are not available here.")

	var saved Ticket
	var fail error
	m.opts.SaveTicket = func(t Ticket) (string, error) { saved = t; return "./snattop-x", fail }
	wants(t, m, "S ticket")
	first := press(m, "S")
	wants(t, m, "Saving the ticket …")
	m.Update(first())
	wants(t, m, "Ticket saved: ./snattop-x")
	if !strings.Contains(saved.Screen, "is out of ports") || strings.Contains(saved.Screen, "Saving") {
		t.Errorf("the ticket's screen is %q", saved.Screen)
	}
	if saved.Width != 120 || saved.Height != 40 || saved.Light || saved.Node != tuitest.SickNode || saved.Snap.Node(tuitest.SickNode) == nil {
		t.Errorf("the ticket is %+v", saved)
	}
	fail = errors.New("disk full")
	late := press(m, "S")
	m.Update(press(m, "S")())
	wants(t, m, "could not be saved: disk full")
	fail = nil
	m.Update(late())
	wants(t, m, "could not be saved: disk full") // the late answer is to an older wish
}

// The ticket is about the node that the page is about.
func TestTicketNode(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]string{
		"":            tuitest.SickNode,
		"j":           "aks-np1-vmss000007",
		"j enter":     "aks-np1-vmss000007",
		"j 3":         "aks-np1-vmss000007",
		"j enter d":   "aks-np1-vmss000007",
		"j 3 x":       "aks-np1-vmss000007",
		"j enter b 5": "aks-np1-vmss000007",
	} {
		m, _ := start(tuitest.Sick(), 120, 40)
		var saved Ticket
		m.opts.SaveTicket = func(t Ticket) (string, error) { saved = t; return "", nil }
		press(m, strings.Fields(keys)...)
		press(m, "S")()
		if saved.Node != want {
			t.Errorf("%q: %q, want %q", keys, saved.Node, want)
		}
	}
	m, _ := start(&session.Snapshot{}, 80, 24)
	var saved Ticket
	m.opts.SaveTicket = func(t Ticket) (string, error) { saved = t; return "", nil }
	press(m, "S")()
	if saved.Node != "" || saved.Snap == nil {
		t.Errorf("%+v", saved)
	}
	m.Update(tea.BackgroundColorMsg{Color: lightColor{}})
	press(m, "S")()
	if !saved.Light {
		t.Error("the terminal is light")
	}
}

type lightColor struct{}

func (lightColor) RGBA() (r, g, b, a uint32) { return 0xffff, 0xffff, 0xffff, 0xffff }

// Where names are left out there are no other runbooks, and the screen says why.
func TestNoRunbooks(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 120, 40)
	m.opts.NoRunbooks = "The other runbooks cannot leave out names."
	m.Update(tea.KeyPressMsg{Code: tea.KeyF2})
	wants(t, m, "cannot leave out names")
}

package app

import (
	"context"
	"errors"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/tui/tuitest"
)

// fakeCapturer captures by a script.
type fakeCapturer struct {
	asked chan string
	lines chan string
	ends  chan captureDone
}

func newFakeCapturer() *fakeCapturer {
	return &fakeCapturer{asked: make(chan string, 9), lines: make(chan string), ends: make(chan captureDone, 1)}
}

func (f *fakeCapturer) Check(flags string) error {
	if strings.Contains(flags, "https") {
		return errors.New(`--port "https": use a number`)
	}
	return nil
}

func (f *fakeCapturer) Capture(ctx context.Context, of Captured, flags string, tell func(string)) (string, error) {
	f.asked <- of.String() + " " + flags
	for {
		select {
		case line := <-f.lines:
			tell(line)
		case end := <-f.ends:
			return end.told, end.err
		case <-ctx.Done():
			return "Captured 7 packets to x.pcapng: stopped.", nil
		}
	}
}

// hear runs the command that waits for news, and takes it.
func hear(t *testing.T, m *Model, cmd tea.Cmd) tea.Cmd {
	t.Helper()
	if cmd == nil {
		t.Fatal("nothing is waited for")
	}
	_, cmd = m.Update(cmd())
	return cmd
}

func withCapturer(t *testing.T) (*Model, *fakeCapturer) {
	t.Helper()
	m, _ := start(tuitest.Sick(), 100, 30)
	f := newFakeCapturer()
	m.opts.Capture = f
	t.Cleanup(m.close)
	return m, f
}

func TestCaptureAConnection(t *testing.T) {
	t.Parallel()
	m, f := withCapturer(t)
	press(m, "enter", "enter", "c")
	wants(t, m, "capture shop/", "--host 20.60.1.9 --port 443 --proto tcp")
	cmd := press(m, "enter")
	if got := <-f.asked; got != "shop/"+tuitest.SickPod+" --host 20.60.1.9 --port 443 --proto tcp" {
		t.Error(got)
	}
	wants(t, m, "● capture of shop/"+tuitest.SickPod+": starting", "c or esc ends it")
	f.lines <- "veth1 of the node · 3s · 42 packets"
	cmd = hear(t, m, cmd)
	wants(t, m, "42 packets")
	press(m, "down") // the page goes on
	wants(t, m, "42 packets")
	press(m, "c")
	wants(t, m, "ending")
	for m.capturing != nil {
		cmd = hear(t, m, cmd)
	}
	wants(t, m, "Captured 7 packets to x.pcapng: stopped.")
	press(m, "down")
	lacks(t, m, "x.pcapng")
}

func TestEscEndsACaptureBeforeAnythingElse(t *testing.T) {
	t.Parallel()
	m, f := withCapturer(t)
	press(m, "enter", "c")
	wants(t, m, "capture shop/")
	cmd := press(m, "enter")
	<-f.asked
	press(m, "esc")
	if m.step != stepPods || !m.capturing.stopping {
		t.Error("esc went back, or ended nothing")
	}
	for m.capturing != nil {
		cmd = hear(t, m, cmd)
	}
	press(m, "esc")
	if m.step != stepNodes {
		t.Error("esc does not go back any more")
	}
}

func TestCaptureOfANode(t *testing.T) {
	t.Parallel()
	m, f := withCapturer(t)
	press(m, "c")
	wants(t, m, "capture node "+tuitest.SickNode)
	m.line.Set("--port https")
	press(m, "enter")
	wants(t, m, "No capture: --port", "capture node "+tuitest.SickNode, "--port https")
	m.line.Set("--port 53")
	cmd := press(m, "enter")
	if got := <-f.asked; got != "node "+tuitest.SickNode+" --port 53" {
		t.Error(got)
	}
	f.ends <- captureDone{err: errors.New("the disk here is full")}
	hear(t, m, cmd)
	wants(t, m, "The capture failed: the disk here is full")
}

func TestCaptureIsAbandonedByTheKey(t *testing.T) {
	t.Parallel()
	m, f := withCapturer(t)
	press(m, "c", "esc")
	if m.prompt != promptNone || m.capturing != nil || len(f.asked) > 0 {
		t.Error("esc started a capture")
	}
}

func TestNoCaptureOfARecording(t *testing.T) {
	t.Parallel()
	m, _ := start(tuitest.Sick(), 100, 30)
	press(m, "c")
	wants(t, m, "not of a recording")
	press(m, "?")
	lacks(t, m, "capture packets")
}

// Leaving ends a capture, and waits for its file.
func TestQuitEndsACapture(t *testing.T) {
	t.Parallel()
	m, f := withCapturer(t)
	press(m, "c", "enter")
	<-f.asked
	m.close()
	select {
	case <-m.capturing.gone:
	default:
		t.Error("the capture still runs")
	}
}

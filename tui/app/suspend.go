package app

import (
	"io"

	tea "charm.land/bubbletea/v2"
)

// suspendedMsg says that the terminal is ours again.
type suspendedMsg struct {
	// stopped is false when there was no shell to stop for.
	stopped bool
	err     error
}

// suspend gives the terminal back to the shell until that continues us.
func (m *Model) suspend() tea.Cmd {
	if m.opts.Suspend == nil {
		m.notice = notice{text: "Suspending is not available here."}
		return nil
	}
	s := &suspension{stop: m.opts.Suspend}
	return tea.Exec(s, func(err error) tea.Msg { return suspendedMsg{stopped: s.stopped, err: err} })
}

// resumed draws everything anew: others have written on the terminal meanwhile.
func (m *Model) resumed(msg suspendedMsg) tea.Cmd {
	m.notice = notice{}
	switch {
	case msg.err != nil:
		m.notice = notice{text: "The terminal could not be taken back: " + msg.err.Error(), bad: true}
	case !msg.stopped:
		m.notice = notice{text: "There is no shell to go back to, so snattop goes on; q quits."}
	}
	return tea.ClearScreen
}

// suspension is what is run in place of the UI.
type suspension struct {
	stop    func() bool
	stopped bool
}

var _ tea.ExecCommand = (*suspension)(nil)

// Run implements tea.ExecCommand.
func (s *suspension) Run() error {
	s.stopped = s.stop()
	return nil
}

// SetStdin implements tea.ExecCommand.
func (*suspension) SetStdin(io.Reader) {}

// SetStdout implements tea.ExecCommand.
func (*suspension) SetStdout(io.Writer) {}

// SetStderr implements tea.ExecCommand.
func (*suspension) SetStderr(io.Writer) {}

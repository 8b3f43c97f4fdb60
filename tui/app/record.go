package app

import (
	tea "charm.land/bubbletea/v2"
)

// Recorder records what is told, while the operator goes on. Its methods are
// safe for concurrent use.
type Recorder interface {
	// Start begins a recording and returns the file's name; Stop ends it. They
	// run outside of the UI's own goroutine.
	Start() (path string, err error)
	Stop() (path string, err error)
	// State returns whether it records, and what ended it when it ended by
	// itself. It does not block.
	State() (on bool, err error)
}

// recordedMsg is the answer to the key that starts and ends recordings.
type recordedMsg struct {
	path string
	on   bool
	err  error
}

// record starts a recording, or ends the one that runs.
func (m *Model) record() tea.Cmd {
	r := m.opts.Record
	switch {
	case m.opts.Deck != nil:
		m.notice = notice{text: "This is a recording already."}
		return nil
	case r == nil:
		m.notice = notice{text: "Recording is not available here."}
		return nil
	case m.switching:
		return nil
	}
	m.switching = true
	if on, _ := r.State(); on {
		return func() tea.Msg {
			path, err := r.Stop()
			return recordedMsg{path: path, err: err}
		}
	}
	return func() tea.Msg {
		path, err := r.Start()
		return recordedMsg{path: path, on: true, err: err}
	}
}

func (m *Model) recorded(msg recordedMsg) {
	m.switching = false
	m.recording = msg.on && msg.err == nil
	switch {
	case msg.err != nil && msg.path != "":
		m.notice = notice{text: "The recording ended early: " + msg.err.Error() + ". What was written before is kept in " + msg.path + ".", bad: true}
	case msg.err != nil:
		m.notice = notice{text: "The recording could not be made: " + msg.err.Error(), bad: true}
	case msg.on:
		m.notice = notice{text: "Recording to " + msg.path + ", with the last minutes before now; R ends it."}
	default:
		m.notice = notice{text: "Recorded to " + msg.path + "; snattop replay shows it."}
	}
}

// watchRecorder notices a recording that has ended by itself.
func (m *Model) watchRecorder() {
	if m.opts.Record == nil || !m.recording || m.switching {
		return
	}
	if on, err := m.opts.Record.State(); !on {
		m.recording = false
		if err != nil {
			m.notice = notice{text: "The recording has stopped, and snattop goes on: " + err.Error(), bad: true}
		}
	}
}

// recMark is the sign in the header while it records.
func (m *Model) recMark() string {
	if !m.recording {
		return ""
	}
	return m.theme.Bad.Render("● REC") + " "
}

package tuitest

import tea "charm.land/bubbletea/v2"

// Come runs a command and, of a batch, each of its commands, one after the
// other, and returns what they result in.
func Come(cmd tea.Cmd) (msgs []tea.Msg) {
	if cmd == nil {
		return nil
	}
	switch msg := cmd().(type) {
	case tea.BatchMsg:
		for _, c := range msg {
			msgs = append(msgs, Come(c)...)
		}
		return msgs
	default:
		return []tea.Msg{msg}
	}
}

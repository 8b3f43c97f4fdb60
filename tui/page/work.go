package page

import tea "charm.land/bubbletea/v2"

// Worker is a page with work that no key should wait for.
type Worker interface {
	// Work returns a command for it; nil when there is nothing to do. It is asked
	// for after every message, while the page is seen.
	Work() tea.Cmd
	// Worked takes a message that Work has come to; ok is false when it is
	// another's. There may be more to do then.
	Worked(msg tea.Msg) (cmd tea.Cmd, ok bool)
}

// Package keys holds the keys that the pages answer to, as the contract
// promises them. Bindings come from a function and are nested by area; the
// help is generated from them, so that it cannot promise other keys.
package keys

import "charm.land/bubbles/v2/key"

// Map is every binding.
type Map struct {
	Global Global
	Move   Move
	Table  Table
	Prompt Prompt
	Replay Replay
}

// Global keys work on every page.
type Global struct {
	Open, Back                           key.Binding
	Nodes, Pods, Connections             key.Binding
	Cause, Proof, Diagnose, Baseline     key.Binding
	Freeze, Know, Copy, Ticket, GoTo     key.Binding
	Palette, Split                       key.Binding
	Capture                              key.Binding
	Record                               key.Binding
	Filter, Public, Eligible, Help, Quit key.Binding
	// The runbooks beside SNAT's.
	Tunnel, APIServer, PodNetwork key.Binding
	// Again says the page again, where it is said and not drawn.
	Again key.Binding
	// Interrupt ends the program even while text is being typed.
	Interrupt key.Binding
	// Suspend gives the terminal back to the shell, also while text is typed.
	Suspend key.Binding
}

// Move keys move a cursor or scroll a text.
type Move struct {
	Up, Down, PageUp, PageDown, Top, Bottom key.Binding
}

// Table keys order rows and change panes.
type Table struct {
	SortLeft, SortRight, Reverse, NextPane key.Binding
	// Turn and TurnBack go through what the rows are.
	Turn, TurnBack key.Binding
	// Columns opens the list of columns to choose from.
	Columns key.Binding
}

// Prompt keys work while text is being typed.
type Prompt struct {
	Accept, Cancel key.Binding
}

// Replay keys work while a recording is watched, and come before all others
// there. Seek and Speed only name what others do, for a line of keys.
type Replay struct {
	Pause, Step            key.Binding
	Back, Forward, FarBack key.Binding
	FarForward, Begin, End key.Binding
	Slower, Faster, Notes  key.Binding
	Seek, Speed            key.Binding
}

// Default returns the bindings of the contract.
func Default() *Map {
	bind := func(help, desc string, keys ...string) key.Binding {
		return key.NewBinding(key.WithKeys(keys...), key.WithHelp(help, desc))
	}
	return &Map{
		Global: Global{
			Open:        bind("enter", "drill down", "enter"),
			Back:        bind("esc", "back", "esc"),
			Nodes:       bind("1", "nodes", "1"),
			Pods:        bind("2", "pods", "2"),
			Connections: bind("3", "connections", "3"),
			Cause:       bind("4", "cause", "4"),
			Proof:       bind("5", "proof", "5"),
			Diagnose:    bind("d", "why and what to do", "d"),
			Baseline:    bind("b", "set baseline", "b"),
			Freeze:      bind("space", "freeze", "space"),
			Know:        bind("x", "how do you know", "x"),
			Copy:        bind("y", "copy", "y"),
			Ticket:      bind("S", "ticket", "S", "shift+s"),
			Capture:     bind("c", "capture packets", "c"),
			Record:      bind("R", "record", "R", "shift+r"),
			GoTo:        bind(":", "go to", ":"),
			Palette:     bind("ctrl+p", "commands", "ctrl+p"),
			Split:       bind("v", "one pane or two", "v"),
			Filter:      bind("/", "filter", "/"),
			Public:      bind("p", "public only", "p"),
			Eligible:    bind("a", "all/eligible", "a"),
			Help:        bind("?", "help", "?"),
			Quit:        bind("q", "quit", "q"),
			Tunnel:      bind("F2", "runbook: tunnel", "f2"),
			APIServer:   bind("F3", "runbook: API server", "f3"),
			PodNetwork:  bind("F4", "runbook: pod connectivity", "f4"),
			Again:       bind("ctrl+l", "say the page again", "ctrl+l"),
			Interrupt:   bind("ctrl+c", "quit", "ctrl+c"),
			Suspend:     bind("ctrl+z", "suspend", "ctrl+z"),
		},
		Move: Move{
			Up:       bind("↑/k", "up", "up", "k"),
			Down:     bind("↓/j", "down", "down", "j"),
			PageUp:   bind("pgup", "page up", "pgup", "ctrl+b"),
			PageDown: bind("pgdn", "page down", "pgdown", "ctrl+f"),
			Top:      bind("g", "top", "g", "home"),
			Bottom:   bind("G", "bottom", "G", "shift+g", "end"),
		},
		Table: Table{
			SortLeft:  bind("<", "sort column left", "<"),
			SortRight: bind(">", "sort column right", ">"),
			Reverse:   bind("r", "reverse", "r"),
			NextPane:  bind("tab", "next pane", "tab"),
			Turn:      bind("t", "turn the table", "t"),
			TurnBack:  bind("T", "turn it back", "T", "shift+t"),
			Columns:   bind("C", "choose columns", "C", "shift+c"),
		},
		Prompt: Prompt{
			Accept: bind("enter", "accept", "enter"),
			Cancel: bind("esc", "cancel", "esc"),
		},
		Replay: Replay{
			Pause:      bind("space", "pause", "space"),
			Step:       bind(".", "one tick", "."),
			Back:       bind("←", "10 s back", "left"),
			Forward:    bind("→", "10 s on", "right"),
			FarBack:    bind("shift ←", "1 min back", "shift+left", "ctrl+left"),
			FarForward: bind("shift →", "1 min on", "shift+right", "ctrl+right"),
			Begin:      bind("home", "beginning", "home"),
			End:        bind("end", "end", "end"),
			Slower:     bind("-", "slower", "-", "["),
			Faster:     bind("+", "faster", "+", "=", "]"),
			Notes:      bind("n", "notes", "n"),
			Seek:       bind("← →", "10 s", "none"),
			Speed:      bind("- +", "speed", "none"),
		},
	}
}

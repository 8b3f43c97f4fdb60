package app

import (
	"reflect"
	"testing"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/snattop/snattop/tui/keys"
	"github.com/snattop/snattop/tui/tuitest"
)

// every returns all bindings that there are on pages, by name.
func every(km *keys.Map) map[string]key.Binding {
	out := map[string]key.Binding{}
	for _, area := range []any{km.Global, km.Move, km.Table} {
		v := reflect.ValueOf(area)
		for i := range v.NumField() {
			out[v.Type().Field(i).Name] = v.Field(i).Interface().(key.Binding)
		}
	}
	return out
}

// ready is a model on a page, in a terminal in which its text scrolls.
func ready(name string, prepare []string) *Model {
	height := 40
	if name == "cause" {
		height = 20
	}
	m, _ := start(tuitest.Measured(), 120, height)
	press(m, prepare...)
	return m
}

// effect presses a key on a fresh model of a page and says whether something
// comes of it; told is that it was only said why not.
func effect(t *testing.T, name string, prepare []string, k tea.KeyPressMsg) (works, told bool) {
	t.Helper()
	m := ready(name, prepare)
	before := screen(m)
	_, cmd := m.Update(k)
	said := m.notice.text
	m.notice = notice{}
	m.layout()
	works = cmd != nil || screen(m) != before
	return works, said != "" && !works
}

// TestHelpIsTrue presses every key that the help of a page lists, and every
// other: the first do something, the others nothing but say why not.
func TestHelpIsTrue(t *testing.T) {
	t.Parallel()
	// A cursor in the middle, so that it can move both ways.
	for name, prepare := range map[string][]string{
		"nodes":            {"j"},
		"nodes' pane":      {"tab", "j"},
		"pods":             {"2", "j"},
		"pods' pane":       {"2", "tab", "j"},
		"connections":      {"3", "j"},
		"cause":            {"4", "pgdown"},
		"proof":            {"b", "5", "j"},
		"turned nodes":     {"t", "t", "j"},
		"turned pods":      {"2", "t", "j"},
		"drilled, by pod":  {"t", "t", "t", "enter", "j"},
		"without the pane": {"v", "j"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := ready(name, prepare)
			listed := map[string]bool{}
			for _, g := range m.helpGroups() {
				if g.Title == titleMarks {
					continue
				}
				for _, b := range g.Bindings {
					for _, k := range b.Keys() {
						listed[k] = true
					}
				}
			}
			for field, b := range every(m.keys) {
				for _, k := range b.Keys() {
					works, told := effect(t, name, prepare, tea.KeyPressMsg{Text: k})
					switch {
					case listed[k] && !works && !told:
						t.Errorf("%s (%s) is listed and does nothing", k, field)
					case !listed[k] && works && field != "Interrupt":
						t.Errorf("%s (%s) works and is not listed", k, field)
					}
				}
			}
		})
	}
}

package filter

import (
	"strings"
	"unicode"

	"github.com/snattop/snattop/internal/session"
)

// is reports whether a term holds for a text: one of its values is part of it.
func (t *term) is(texts ...string) bool {
	for i := range t.values {
		for _, s := range texts {
			if containsFold(s, t.values[i].text) {
				return true
			}
		}
	}
	return false
}

// stands reports whether one of the words is a state that was asked for, or
// begins like it.
func (t *term) stands(words []string) bool {
	for i := range t.values {
		for _, w := range words {
			if len(w) >= len(t.values[i].text) && strings.EqualFold(w[:len(t.values[i].text)], t.values[i].text) {
				return true
			}
		}
	}
	return false
}

// leads reports whether dst: or port: holds for a destination.
func (t *term) leads(d *session.Dest) bool {
	for i := range t.values {
		v := &t.values[i]
		switch {
		case t.field == Port:
			if v.from <= d.Port && d.Port <= v.to {
				return true
			}
		case v.net.IsValid():
			if v.net.Contains(d.IP.Unmap()) && (v.port == 0 || v.port == d.Port) {
				return true
			}
		default:
			var b [64]byte
			if strings.HasPrefix(string(d.IP.AppendTo(b[:0])), v.text) || containsFold(d.Name, v.text) {
				return true
			}
		}
	}
	return false
}

// containsFold is strings.Contains of lower-case letters in a text of any case.
func containsFold(s, part string) bool {
	for i := range len(s) {
		if s[i] >= 'A' && s[i] <= 'Z' || s[i] >= 0x80 {
			return strings.Contains(strings.Map(unicode.ToLower, s), part)
		}
	}
	return strings.Contains(s, part)
}

// ofOwner reports whether ns: or owner: holds for an owner.
func (t *term) ofOwner(o *session.Owner) bool {
	if t.field == Namespace {
		return t.is(o.Namespace)
	}
	return t.is(o.Name, o.Workload.Name, o.Workload.Kind)
}

// Node reports whether the terms hold for a node in a state. Those about owners
// and destinations do when it holds a connection for which they all do; one
// that must not hold, when it does for no connection.
func (f *Filter) Node(n *session.Node, state []string) bool {
	within := false
	for i := range f.terms {
		switch t := &f.terms[i]; t.field {
		case Node:
			if t.is(n.Name, n.InternalIP) == t.not {
				return false
			}
		case State:
			if t.stands(state) == t.not {
				return false
			}
		case Namespace, Owner, Dest, Port:
			if t.not && holds(n, t) {
				return false
			}
			within = within || !t.not
		}
	}
	if !within {
		return true
	}
	for _, o := range n.Owners {
		if f.owned(o) {
			return true
		}
	}
	return false
}

// holds reports whether a node holds a connection for which a term holds.
func holds(n *session.Node, t *term) bool {
	for _, o := range n.Owners {
		if t.field == Namespace || t.field == Owner {
			if t.ofOwner(o) {
				return true
			}
			continue
		}
		if reaches(o, t) {
			return true
		}
	}
	return false
}

func reaches(o *session.Owner, t *term) bool {
	for _, d := range o.Dests() {
		if t.leads(d) {
			return true
		}
	}
	return false
}

// owned reports whether the terms that must hold do so for an owner and one of
// its destinations.
func (f *Filter) owned(o *session.Owner) bool {
	led := false
	for i := range f.terms {
		switch t := &f.terms[i]; {
		case t.not:
		case t.field == Namespace || t.field == Owner:
			if !t.ofOwner(o) {
				return false
			}
		case t.field == Dest || t.field == Port:
			led = true
		}
	}
	if !led {
		return true
	}
	for _, d := range o.Dests() {
		if f.led(d) {
			return true
		}
	}
	return false
}

// led reports whether dst: and port: hold for a destination, where they must.
func (f *Filter) led(d *session.Dest) bool {
	for i := range f.terms {
		if t := &f.terms[i]; !t.not && (t.field == Dest || t.field == Port) && !t.leads(d) {
			return false
		}
	}
	return true
}

// Owner reports whether the terms hold for a pod of a node, in a state.
func (f *Filter) Owner(n *session.Node, o *session.Owner, state []string) bool {
	for i := range f.terms {
		t := &f.terms[i]
		var is bool
		switch t.field {
		case Node:
			is = t.is(n.Name, n.InternalIP)
		case State:
			is = t.stands(state)
		case Namespace, Owner:
			is = t.ofOwner(o)
		case Dest, Port:
			is = !t.not || reaches(o, t) // those that must hold, together below
		}
		if is == t.not {
			return false
		}
	}
	return f.owned(o)
}

// Dest reports whether the terms hold for a destination of a pod of a node, in
// a state.
func (f *Filter) Dest(n *session.Node, o *session.Owner, d *session.Dest, state []string) bool {
	for i := range f.terms {
		t := &f.terms[i]
		var is bool
		switch t.field {
		case Node:
			is = t.is(n.Name, n.InternalIP)
		case State:
			is = t.stands(state)
		case Namespace, Owner:
			is = t.ofOwner(o)
		case Dest, Port:
			is = t.leads(d)
		}
		if is == t.not {
			return false
		}
	}
	return true
}

// Named reports whether the terms hold for a row that has only names: of a node
// or of an owner, empty where it has none, and a state.
func (f *Filter) Named(node, owner string, state []string) bool {
	for i := range f.terms {
		t := &f.terms[i]
		var is bool
		switch t.field {
		case Node:
			is = node != "" && t.is(node)
		case Owner:
			is = owner != "" && t.is(owner)
		case State:
			is = t.stands(state)
		case Namespace, Dest, Port:
		}
		if is == t.not {
			return false
		}
	}
	return true
}

// Package filter reads what is typed to filter rows: words, and terms such as
// ns:shop or dst:20.60.0.0/16. All of them must hold; of the values of one
// term, which stand between commas, one must; and what begins with - or ! must
// not.
package filter

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Field is what a term is about.
type Field string

// The fields, as they are typed before the colon.
const (
	Namespace Field = "ns"
	Node      Field = "node"
	Owner     Field = "owner"
	Dest      Field = "dst"
	Port      Field = "port"
	State     Field = "state"
)

// Terms are those that a page knows.
type Terms struct {
	Fields []Field
	// States are the words that state: may mean there.
	States []string
}

// All returns every field, in the order in which they are named to people.
func All() []Field { return []Field{Namespace, Node, Owner, Dest, Port, State} }

// Hint names the fields: "ns: node: owner:".
func (t Terms) Hint() string {
	var b strings.Builder
	for i, f := range t.Fields {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(string(f) + ":")
	}
	return b.String()
}

// Filter is what was typed. The zero value lets everything through.
type Filter struct {
	// Words must be in a row's text, Not must not be; both are lower case.
	Words, Not []string
	terms      []term
}

// Empty reports whether it lets everything through.
func (f *Filter) Empty() bool { return len(f.Words)+len(f.Not)+len(f.terms) == 0 }

// Terms reports whether there are terms.
func (f *Filter) Terms() bool { return len(f.terms) > 0 }

type term struct {
	field  Field
	not    bool
	values []value
}

// value is one of a term's values.
type value struct {
	text string // lower case
	// net is the network of dst:, or its one address; port that of an address
	// with one, 0 for any.
	net  netip.Prefix
	port uint16
	// from and to are the ports of port:.
	from, to uint16
}

// Parse reads a filter. An error says what is wrong, where, and what to type.
func (t Terms) Parse(text string) (Filter, error) {
	var f Filter
	for _, w := range strings.Fields(strings.ToLower(text)) {
		bare := strings.TrimLeft(w, "!")
		not := bare != w
		if name, _, ok := splitTerm(strings.TrimPrefix(bare, "-")); ok && strings.HasPrefix(bare, "-") && known(name) {
			bare, not = bare[1:], true
		}
		name, values, ok := splitTerm(bare)
		switch {
		case bare == "":
		case !ok && not:
			f.Not = append(f.Not, bare)
		case !ok:
			f.Words = append(f.Words, bare)
		default:
			one, err := t.term(Field(name), values)
			if err != nil {
				return Filter{}, err
			}
			if one.not = not; len(one.values) > 0 { // still being typed
				f.terms = append(f.terms, one)
			}
		}
	}
	return f, nil
}

// splitTerm splits "name:values". What stands before the colon of an address is
// no name.
func splitTerm(w string) (name, values string, ok bool) {
	name, values, ok = strings.Cut(w, ":")
	if !ok || name == "" || strings.HasPrefix(values, "//") {
		return "", "", false
	}
	for _, c := range name {
		if c < 'a' || c > 'z' {
			return "", "", false
		}
	}
	return name, values, !addressLike(w)
}

// addressLike reports whether a word is an IPv6 address, whose first part may
// be letters alone.
func addressLike(w string) bool {
	_, err := netip.ParseAddr(w)
	return err == nil
}

func known(name string) bool { return slices.Contains(All(), Field(name)) }

func (t Terms) term(field Field, values string) (term, error) {
	out := term{field: field}
	if !slices.Contains(t.Fields, field) {
		if len(t.Fields) == 0 {
			return out, fmt.Errorf("%q: there are no terms on this page; type words only", string(field)+":")
		}
		return out, fmt.Errorf("%q is no term of this page; it knows %s", string(field)+":", t.Hint())
	}
	for _, text := range strings.Split(values, ",") {
		if text == "" {
			continue
		}
		v := value{text: text}
		var err error
		switch field {
		case Port:
			v.from, v.to, err = ports(text)
		case Dest:
			v.net, v.port, err = network(text)
		case State:
			if !slices.ContainsFunc(t.States, func(s string) bool { return strings.HasPrefix(s, text) }) {
				err = fmt.Errorf("state:%s is none here; there are %s", text, strings.Join(t.States, ", "))
			}
		case Namespace, Node, Owner:
		}
		if err != nil {
			return out, err
		}
		out.values = append(out.values, v)
	}
	return out, nil
}

// ports reads "443", "400-500" and, while that is typed, "400-".
func ports(text string) (from, to uint16, err error) {
	low, high, ranged := strings.Cut(text, "-")
	a, err1 := strconv.ParseUint(low, 10, 16)
	b, err2 := a, error(nil)
	switch {
	case ranged && high == "":
		b = 1<<16 - 1
	case ranged:
		b, err2 = strconv.ParseUint(high, 10, 16)
	}
	switch {
	case err1 != nil || err2 != nil:
		return 0, 0, fmt.Errorf("port:%s is no port; type a number up to 65535 or a range such as port:400-500", text)
	case ranged && high != "" && len(high) >= len(low) && b < a:
		return 0, 0, fmt.Errorf("port:%s ends before it begins; type port:%d-%d", text, b, a)
	}
	return uint16(a), uint16(max(a, b)), nil
}

// network reads an address, one with a port, and a network. What is none of
// these is a part of a name or the beginning of an address.
func network(text string) (net netip.Prefix, port uint16, err error) {
	if ip, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen()), 0, nil
	}
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return netip.PrefixFrom(ap.Addr().Unmap(), ap.Addr().Unmap().BitLen()), ap.Port(), nil
	}
	head, bits, _ := strings.Cut(text, "/")
	if bits == "" || !addressLike(head) {
		return netip.Prefix{}, 0, nil
	}
	if net, err = netip.ParsePrefix(text); err != nil {
		return netip.Prefix{}, 0, fmt.Errorf("dst:%s is no network; type one such as dst:20.60.0.0/16", text)
	}
	return net.Masked(), 0, nil
}

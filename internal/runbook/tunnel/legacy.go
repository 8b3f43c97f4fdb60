package tunnel

import (
	"slices"
	"strings"
)

// matchLegacy takes a rule of iptables apart, as iptables-save prints it, and
// says whether it holds for a packet and what it does then.
func matchLegacy(rule string, p packet) (answer, target) {
	words := shellWords(rule)
	all, negate := yes, false
	for i := 0; i < len(words); i++ {
		word := words[i]
		if word == "!" {
			negate = true
			continue
		}
		value := ""
		if i+1 < len(words) {
			value = words[i+1]
		}
		if word == "-j" || word == "-g" {
			return all, legacyTarget(word, value)
		}
		a, takes := legacyMatch(word, words[i+1:], p)
		if negate {
			a, negate = a.not(), false
		}
		all = min(all, a)
		i += takes
	}
	return all, target{}
}

// legacyMatch judges one condition, and says how many words follow that belong
// to it.
func legacyMatch(word string, after []string, p packet) (a answer, takes int) {
	value := ""
	if len(after) > 0 {
		value = after[0]
	}
	switch word {
	case "-m", "--comment":
		return yes, 1
	case "-p":
		return truth(slices.Contains([]string{"tcp", "6", "all", "0"}, value)), 1
	case "-s":
		return within(p.from, value), 1
	case "-d":
		return within(p.to, value), 1
	case "-i":
		return fromNetwork(value), 1
	case "--dport", "--dports", "--ports":
		return holdsKubelet(value), 1
	case "--ctstate", "--state":
		return truth(slices.Contains(strings.Split(value, ","), "NEW")), 1
	case "--src-range":
		return within(p.from, value), 1
	case "--syn":
		return yes, 0
	case "--tcp-flags":
		if len(after) < 2 {
			return maybe, len(after)
		}
		return truth(firstFlags(after[0], after[1])), 2
	default:
		takes := 0
		for takes < len(after) && !strings.HasPrefix(after[takes], "-") && after[takes] != "!" {
			takes++
		}
		return maybe, takes
	}
}

// firstFlags reports whether the flags of a first packet, SYN alone, are those
// that are wanted of a mask.
func firstFlags(mask, want string) bool {
	looked := slices.Contains(strings.Split(mask, ","), "SYN") || mask == "ALL"
	if looked {
		return want == "SYN"
	}
	return want == "NONE"
}

// fromNetwork reports whether packets of other nodes come in by an interface.
func fromNetwork(name string) answer {
	switch {
	case name == "lo":
		return no
	case name == "+" || strings.HasPrefix(name, "eth") || strings.HasPrefix(name, "en"):
		return yes
	default:
		return maybe
	}
}

func legacyTarget(word, value string) target {
	switch value {
	case "ACCEPT", "DROP", "REJECT", "RETURN":
		return target{verb: value}
	}
	if word == "-g" {
		return target{verb: "goto", chain: value}
	}
	return target{verb: "jump", chain: value}
}

// shellWords splits a rule at spaces; a quoted comment is one word.
func shellWords(rule string) []string {
	var (
		out    []string
		b      strings.Builder
		quoted bool
		some   bool
	)
	for i := 0; i < len(rule); i++ {
		switch c := rule[i]; {
		case c == '\\' && quoted && i+1 < len(rule):
			i++
			b.WriteByte(rule[i])
		case c == '"':
			quoted, some = !quoted, true
		case c == ' ' && !quoted:
			if some {
				out = append(out, b.String())
			}
			b.Reset()
			some = false
		default:
			b.WriteByte(c)
			some = true
		}
	}
	if some {
		out = append(out, b.String())
	}
	return out
}

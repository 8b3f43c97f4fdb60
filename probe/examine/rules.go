package examine

import (
	"slices"
	"strconv"
	"strings"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/probe/facts"
)

// saved reads what iptables-save prints, and returns of the table filter the
// chain INPUT with those that it leads to. ok is false when there is no such
// table: nothing is filtered then.
func saved(text, tool, family string) (t facts.FilterTable, ok bool) {
	chains := map[string]*facts.FilterChain{}
	in := false
	for line := range strings.Lines(text) {
		line = sanitize.Text(strings.TrimSpace(line))
		switch {
		case strings.HasPrefix(line, "*"):
			in = line == "*filter"
		case !in || line == "":
		case line[0] == ':':
			words := strings.Fields(line[1:])
			if len(words) >= 2 {
				chains[words[0]] = &facts.FilterChain{Name: words[0], Policy: words[1], Base: words[0] == "INPUT"}
			}
		case strings.HasPrefix(line, "-A "):
			name, rule, _ := strings.Cut(line[len("-A "):], " ")
			c := chains[name]
			if c == nil {
				c = &facts.FilterChain{Name: name, Policy: "-"}
				chains[name] = c
			}
			c.Rules = append(c.Rules, facts.FilterRule{Number: len(c.Rules) + 1, Text: rule})
		}
	}
	t = facts.FilterTable{Tool: tool, Family: family, Name: "filter"}
	t.Chains = onTheWay(chains, func(rule string) (string, bool) { return legacyTarget(rule), legacyConcerns(rule) })
	return t, len(t.Chains) > 0
}

// onTheWay returns the base chains and those that they lead to, each once,
// with the rules that may concern the kubelet's port. of takes a rule apart.
func onTheWay(chains map[string]*facts.FilterChain, of func(rule string) (target string, concerns bool)) []facts.FilterChain {
	var next []string
	for name, c := range chains {
		if c.Base {
			next = append(next, name)
		}
	}
	slices.Sort(next)
	var out []facts.FilterChain
	seen := map[string]bool{}
	for len(next) > 0 {
		name := next[0]
		next = next[1:]
		c := chains[name]
		if c == nil || seen[name] {
			continue
		}
		seen[name] = true
		kept := facts.FilterChain{Name: c.Name, Base: c.Base, Policy: c.Policy}
		for _, r := range c.Rules {
			target, concerns := of(r.Text)
			if !concerns {
				continue
			}
			kept.Rules = append(kept.Rules, r)
			if chains[target] != nil {
				next = append(next, target)
			}
		}
		out = append(out, kept)
	}
	return out
}

// legacyTarget is what a rule of iptables leads to.
func legacyTarget(rule string) string {
	words := strings.Fields(rule)
	for i, w := range words {
		if (w == "-j" || w == "-g") && i+1 < len(words) {
			return words[i+1]
		}
	}
	return ""
}

// legacyConcerns reports whether a rule may match a packet that comes in over
// the network to the kubelet's port.
func legacyConcerns(rule string) bool {
	words := strings.Fields(rule)
	for i := 0; i+1 < len(words); i++ {
		if i > 0 && words[i-1] == "!" {
			continue
		}
		switch value := words[i+1]; words[i] {
		case "-p":
			if value != "tcp" && value != "all" && value != "6" && value != "0" {
				return false
			}
		case "-i":
			if value == "lo" {
				return false
			}
		case "--dport", "--dports", "--destination-port", "--destination-ports":
			if !holdsPort(value, facts.KubeletPort) {
				return false
			}
		}
	}
	return true
}

// holdsPort reports whether a list of ports and ranges ("22,80:90") holds one.
func holdsPort(list string, port int) bool {
	for part := range strings.SplitSeq(list, ",") {
		low, high, ranged := strings.Cut(strings.TrimSpace(part), ":")
		if !ranged {
			low, high, ranged = strings.Cut(strings.TrimSpace(part), "-")
		}
		if !ranged {
			high = low
		}
		a, b := 0, 65535
		var err error
		if low != "" {
			if a, err = strconv.Atoi(low); err != nil {
				return true // a name of a service: it may be
			}
		}
		if high != "" {
			if b, err = strconv.Atoi(high); err != nil {
				return true
			}
		}
		if a <= port && port <= b {
			return true
		}
	}
	return false
}

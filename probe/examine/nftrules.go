package examine

import (
	"strconv"
	"strings"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/probe/facts"
)

// nftables reads what "nft -a list ruleset" prints, and returns the tables in
// which packets come in, with the chains on their way. Tables that belong to
// iptables-nft are left out when compat says that it told of them itself.
func nftables(text string, compat bool) []facts.FilterTable {
	var (
		out    []facts.FilterTable
		t      facts.FilterTable
		chains map[string]*facts.FilterChain
		c      *facts.FilterChain
		depth  int
	)
	end := func() {
		t.Chains = onTheWay(chains, func(rule string) (string, bool) { return nftTarget(rule), nftConcerns(rule) })
		if len(t.Chains) > 0 && (!compat || !ofIPTables(&t)) {
			out = append(out, t)
		}
	}
	for line := range strings.Lines(text) {
		line, handle := cutHandle(sanitize.Text(strings.TrimSpace(line)))
		words := strings.Fields(line)
		opens := strings.HasSuffix(line, "{")
		switch {
		case len(words) == 0 || strings.HasPrefix(line, "#"):
		case line == "}":
			depth = max(depth-1, 0)
			switch depth {
			case 0:
				if chains != nil {
					end()
				}
				chains, c = nil, nil
			case 1:
				c = nil
			}
		case depth == 0 && opens && words[0] == "table" && len(words) >= 4:
			t = facts.FilterTable{Tool: "nft", Family: words[1], Name: words[2]}
			chains = map[string]*facts.FilterChain{}
			depth = 1
		case depth == 1 && chains != nil && opens && words[0] == "chain" && len(words) >= 3:
			c = &facts.FilterChain{Name: words[1], Policy: "-"}
			chains[c.Name] = c
			depth = 2
		case opens:
			depth++ // a set, a map, or an element of one
		case c != nil && depth == 2 && words[0] == "type":
			c.Base = strings.Contains(line, "type filter") && strings.Contains(line, "hook input")
			c.Policy = "ACCEPT"
			if strings.Contains(line, "policy drop") {
				c.Policy = "DROP"
			}
		case c != nil && depth == 2:
			c.Rules = append(c.Rules, facts.FilterRule{Number: handle, Text: line})
		}
	}
	return out
}

// cutHandle takes "# handle 7" off the end of a line.
func cutHandle(line string) (rest string, handle int) {
	i := strings.LastIndex(line, "# handle ")
	if i < 0 {
		return line, 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(line[i+len("# handle "):]))
	if err != nil {
		return line, 0
	}
	return strings.TrimSpace(line[:i]), n
}

// ofIPTables reports whether a table is one that iptables-nft keeps.
func ofIPTables(t *facts.FilterTable) bool {
	if t.Name != "filter" || t.Family != "ip" && t.Family != "ip6" {
		return false
	}
	for _, c := range t.Chains {
		if c.Base && c.Name != "INPUT" {
			return false
		}
	}
	return true
}

func nftTarget(rule string) string {
	words := strings.Fields(rule)
	for i, w := range words {
		if (w == "jump" || w == "goto") && i+1 < len(words) {
			return words[i+1]
		}
	}
	return ""
}

// nftConcerns reports whether a rule may match a packet that comes in over the
// network to the kubelet's port.
func nftConcerns(rule string) bool {
	if strings.Contains(rule, `iifname "lo"`) || strings.Contains(rule, `iif "lo"`) || strings.HasPrefix(rule, "udp ") || strings.Contains(rule, " udp dport ") {
		return false
	}
	_, after, ok := strings.Cut(rule, "tcp dport ")
	if !ok || strings.HasPrefix(after, "!=") || strings.HasPrefix(after, "@") || strings.HasPrefix(after, "$") {
		return true
	}
	if list, isSet := strings.CutPrefix(after, "{"); isSet {
		list, _, _ = strings.Cut(list, "}")
		return holdsPort(list, facts.KubeletPort)
	}
	port, _, _ := strings.Cut(after, " ")
	return holdsPort(port, facts.KubeletPort)
}

package tunnel

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/runbook/agents"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/facts"
)

// firewall looks for rules that keep the control plane's connections from a
// node's kubelet.
func firewall(ctx context.Context, l *step.Look, found func(step.Step)) {
	from := senders(ctx, l)
	eachNode(l, func(n inventory.Node) { found(firewallOf(ctx, l, n, from)) })
}

// sender is an address that connections to kubelets come from.
type sender struct {
	addr netip.Addr
	// name says whose it is: "the agent on node1".
	name string
}

// senders are the addresses of the agents and of their nodes; without agents,
// those of the API server.
func senders(ctx context.Context, l *step.Look) []sender {
	var out []sender
	add := func(text, name string) {
		a, err := netip.ParseAddr(text)
		if err == nil && !slices.ContainsFunc(out, func(s sender) bool { return s.addr == a }) {
			out = append(out, sender{a, name})
		}
	}
	if f, err := agents.Find(ctx, l); err == nil {
		for i := range f.Agents {
			a := &f.Agents[i]
			add(a.PodIP, "the agent on "+a.Node)
		}
		for _, name := range sources(l, f) {
			if n, ok := l.Node(name); ok {
				add(n.InternalIP, "node "+name)
			}
		}
	}
	if len(out) > 0 {
		return out
	}
	if api, err := l.Cluster(ctx); err == nil {
		if list, err := api.Addresses(ctx); err == nil {
			for _, a := range list {
				add(a.String(), "the API server")
			}
		}
	}
	return out
}

// elsewhere stands for any other sender of a family: documentation's own
// addresses, which nobody has.
func elsewhere() []sender {
	return []sender{{netip.MustParseAddr("192.0.2.1"), "any address"}, {netip.MustParseAddr("2001:db8::1"), "any address"}}
}

func firewallOf(ctx context.Context, l *step.Look, n inventory.Node, from []sender) step.Step {
	s := step.Step{Subject: subject(n.Name)}
	sec, err := l.Section(ctx, n.Name, facts.PartFirewall)
	if sec == nil || sec.Firewall == nil {
		if err == nil {
			err = errNothing
		}
		return failed(s.Subject, err)
	}
	s.Evidence = rulesOnly(sec)
	to, _ := netip.ParseAddr(n.InternalIP)
	if len(from) == 0 {
		from = elsewhere()
	}
	var kept []block
	unsure := ""
	for i := range sec.Firewall.Tables {
		t := &sec.Firewall.Tables[i]
		for _, who := range from {
			switch v := through(t, packet{from: who.addr, to: to}); v.fate {
			case dropped:
				kept = addBlock(kept, t, v, who)
			case perhaps:
				unsure = fmt.Sprintf("%s may keep %s from port %d: its chain %s has rules that are not understood", t.Tool, who.name, facts.KubeletPort, v.chain)
			case passes:
			}
		}
	}
	switch {
	case len(kept) > 0:
		s.Verdict = step.Problem
		s.Summary = kept[0].summary(from)
		if more := len(kept) - 1; more > 0 {
			s.Summary += fmt.Sprintf("; %d more such rules", more)
		}
		for i := range kept {
			s.Remedies = append(s.Remedies, kept[i].remedies(n)...)
		}
	case len(sec.Firewall.Unread) > 0:
		s.Verdict, s.Summary = step.Unknown, "not every rule could be read: "+sec.Firewall.Unread[0]
	case unsure != "":
		s.Verdict, s.Summary = step.Unknown, unsure
	case err != nil:
		return failed(s.Subject, err)
	case leftOut(sec.Firewall) > 0:
		s.Verdict, s.Summary = step.Unknown, fmt.Sprintf("the node has more rules than are looked at: %d were left out", leftOut(sec.Firewall))
	default:
		s.Verdict, s.Summary = step.OK, fmt.Sprintf("no rule keeps what comes from %s from port %d", names(from), facts.KubeletPort)
		if who := others(sec.Firewall); who != "" {
			s.Summary += "; " + who
		}
	}
	return s
}

// rulesOnly is the evidence without that of ufw, which has a step of its own.
func rulesOnly(s *facts.Section) []step.Evidence {
	return slices.DeleteFunc(evidence(s), func(e step.Evidence) bool { return strings.HasPrefix(e.Command, "ufw ") })
}

func leftOut(f *facts.Firewall) int {
	sum := 0
	for i := range f.Tables {
		sum += f.Tables[i].Left
	}
	return sum
}

func names(from []sender) string {
	var out []string
	for _, s := range from {
		if !slices.Contains(out, s.name) {
			out = append(out, s.name)
		}
	}
	if len(out) > 3 {
		out = append(out[:3], fmt.Sprintf("%d more", len(out)-3))
	}
	return strings.Join(out, ", ")
}

// others names rules that drop the port for somebody else only.
func others(f *facts.Firewall) string {
	for i := range f.Tables {
		for _, c := range f.Tables[i].Chains {
			for _, r := range c.Rules {
				words := shellWords(r.Text)
				at := max(slices.Index(words, "-s"), slices.Index(words, "saddr"))
				if at >= 0 && at+1 < len(words) && strings.Contains(r.Text, strconv.Itoa(facts.KubeletPort)) &&
					(strings.Contains(r.Text, "DROP") || strings.Contains(r.Text, "REJECT") || strings.Contains(r.Text, "drop") || strings.Contains(r.Text, "reject")) {
					return fmt.Sprintf("rule %d of %s keeps %s out, which is none of them", r.Number, c.Name, words[at+1])
				}
			}
		}
	}
	return ""
}

// block is a rule or a policy that keeps somebody out.
type block struct {
	table *facts.FilterTable
	verdict
	who []sender
}

func addBlock(all []block, t *facts.FilterTable, v verdict, who sender) []block {
	for i := range all {
		if b := &all[i]; b.table == t && b.chain == v.chain && b.rule == v.rule {
			b.who = append(b.who, who)
			return all
		}
	}
	return append(all, block{table: t, verdict: v, who: []sender{who}})
}

// summary says what keeps whom out.
func (b *block) summary(from []sender) string {
	what := fmt.Sprintf("the policy of chain %s (%s) drops what no rule lets in", b.chain, b.table.Tool)
	if b.rule != nil {
		verb := "drops"
		if b.reject {
			verb = "rejects"
		}
		what = fmt.Sprintf("rule %d of chain %s (%s) %s", b.rule.Number, b.chain, b.table.Tool, verb)
		if b.table.Tool == "nft" {
			what = fmt.Sprintf("the rule with handle %d of chain %s (nft, table %s %s) %s", b.rule.Number, b.chain, b.table.Family, b.table.Name, verb)
		}
	}
	family := 0
	for _, s := range from {
		if s.addr.Is4() == b.who[0].addr.Is4() {
			family++
		}
	}
	if len(b.who) >= family {
		return fmt.Sprintf("%s: port %d is shut to the control plane's connections", what, facts.KubeletPort)
	}
	return fmt.Sprintf("%s: port %d is shut to %s", what, facts.KubeletPort, names(b.who))
}

// remedies delete the rule, or let the port in before the policy.
func (b *block) remedies(n inventory.Node) []runbook.Remedy {
	t := b.table
	if b.rule == nil {
		script := fmt.Sprintf("%s -I %s -p tcp --dport %d -j ACCEPT", t.Tool, b.chain, facts.KubeletPort)
		if t.Tool == "nft" {
			script = fmt.Sprintf("nft insert rule %s %s %s tcp dport %d accept", t.Family, t.Name, b.chain, facts.KubeletPort)
		}
		if !plainScript(script) {
			return nil
		}
		return onNode(n, "Let the kubelet's port in before the policy applies.", script)
	}
	if t.Tool == "nft" {
		script := fmt.Sprintf("nft delete rule %s %s %s handle %d", t.Family, t.Name, b.chain, b.rule.Number)
		if !plainScript(script) {
			return nil
		}
		return onNode(n, "Delete the rule.", script)
	}
	byNumber := fmt.Sprintf("%s -D %s %d", t.Tool, b.chain, b.rule.Number)
	// What a rule says is somebody else's text; a comment could be more than a
	// word to the shell that it is pasted into.
	script := fmt.Sprintf("%s -D %s %s", t.Tool, b.chain, b.rule.Text)
	if !plainScript(byNumber) {
		return nil
	}
	if !plainScript(script) {
		script = byNumber
	}
	out := onNode(n, fmt.Sprintf("Delete rule %d of chain %s.", b.rule.Number, b.chain), script)
	if script != byNumber {
		out = append(out, runbook.Remedy{Text: "Or by its number, which changes when a rule before it goes; `" + t.Tool + " --list " + b.chain + " --line-numbers` shows it:", Command: byNumber, Warning: byHand})
	}
	return out
}

// plainScript reports whether a line is words that mean themselves in a shell.
func plainScript(line string) bool {
	for _, w := range strings.Fields(line) {
		if !plainWord(w) {
			return false
		}
	}
	return true
}

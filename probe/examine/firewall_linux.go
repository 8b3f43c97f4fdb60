package examine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/probe/facts"
)

// savers are the programs that print the rules of iptables. Without a table in
// their arguments they name only those that are there, and load no module.
func savers() []saver {
	return []saver{
		{"iptables-legacy-save", "iptables-legacy", "ip"}, {"ip6tables-legacy-save", "ip6tables-legacy", "ip6"},
		{"iptables-nft-save", "iptables-nft", "ip"}, {"ip6tables-nft-save", "ip6tables-nft", "ip6"},
	}
}

// plainSavers serve where a node has one kind of iptables only.
func plainSavers() []saver {
	return []saver{{"iptables-save", "iptables", "ip"}, {"ip6tables-save", "ip6tables", "ip6"}}
}

type saver struct{ program, tool, family string }

// lookFirewall reads the rules for incoming packets with the node's own
// programs, side by side.
func lookFirewall(ctx context.Context, place Place, _ facts.Ask, s *facts.Section) {
	f := &facts.Firewall{}
	s.Firewall = f
	var mu sync.Mutex
	var wg sync.WaitGroup
	wg.Go(func() {
		ufw, evidence := lookUFW(ctx, place)
		mu.Lock()
		defer mu.Unlock()
		f.UFW = ufw
		s.Evidence = append(s.Evidence, evidence)
	})
	tables, evidence, unread := iptables(ctx, place)
	compat := false
	for i := range tables {
		compat = compat || strings.Contains(tables[i].Tool, "nft")
	}
	text, err := program(ctx, place, "nft", "-a", "list", "ruleset")
	var nft []facts.FilterTable
	switch {
	case err == nil:
		nft = nftables(text, compat)
		evidence = append(evidence, facts.Evidence{Command: "nft -a list ruleset", Output: nftWords(nft)})
	case !errors.Is(err, errNoProgram):
		unread = append(unread, sanitize.Text(err.Error()))
	}
	wg.Wait()
	f.Tables, f.Unread = slices.Concat(tables, nft), unread
	s.Evidence = append(evidence, s.Evidence...)
	if len(f.Tables) == 0 && len(evidence) == 0 {
		s.Error = "the node has neither iptables nor nft to read its rules with"
		if len(unread) > 0 {
			s.Error = unread[0]
		}
	}
}

// iptables reads every kind of iptables that the node has.
func iptables(ctx context.Context, place Place) (tables []facts.FilterTable, evidence []facts.Evidence, unread []string) {
	list := savers()
	if !anyOf(place, list) {
		list = plainSavers()
	}
	type answer struct {
		text string
		err  error
	}
	answers := make([]answer, len(list))
	var wg sync.WaitGroup
	for i, sv := range list {
		wg.Go(func() { answers[i].text, answers[i].err = program(ctx, place, sv.program) })
	}
	wg.Wait()
	for i, sv := range list {
		switch err := answers[i].err; {
		case errors.Is(err, errNoProgram):
			continue
		case err != nil:
			unread = append(unread, sanitize.Text(err.Error()))
			continue
		}
		if t, ok := saved(answers[i].text, sv.tool, sv.family); ok {
			tables = append(tables, t)
		}
		evidence = append(evidence, facts.Evidence{Command: sv.program + " | grep INPUT", Output: inputLines(answers[i].text)})
	}
	return tables, evidence, unread
}

func anyOf(place Place, list []saver) bool {
	for _, sv := range list {
		if _, err := find(place, sv.program); err == nil {
			return true
		}
	}
	return false
}

// inputLines are the lines about the chain INPUT of every table.
func inputLines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.Contains(line, "INPUT") && b.Len() < facts.MaxOutput {
			b.WriteString(line)
		}
	}
	return b.String()
}

// nftWords are the chains for incoming packets, as nft prints them.
func nftWords(tables []facts.FilterTable) string {
	var b strings.Builder
	for i := range tables {
		t := &tables[i]
		b.WriteString("table " + t.Family + " " + t.Name + "\n")
		for _, c := range t.Chains {
			b.WriteString("  chain " + c.Name + " policy " + strings.ToLower(c.Policy) + "\n")
			for _, r := range c.Rules {
				if b.Len() < facts.MaxOutput {
					b.WriteString("    " + r.Text + "\n")
				}
			}
		}
	}
	return b.String()
}

// lookUFW asks ufw for its state. A node without it is the usual case.
func lookUFW(ctx context.Context, place Place) (facts.UFW, facts.Evidence) {
	e := facts.Evidence{Command: "ufw status verbose"}
	text, err := program(ctx, place, "ufw", "status", "verbose")
	switch {
	case errors.Is(err, errNoProgram):
		e.Output = "ufw: not found"
		return facts.UFW{}, e
	case err != nil:
		e.Output = sanitize.Text(err.Error())
		return facts.UFW{Present: true, Error: e.Output}, e
	}
	e.Output = text
	return ufwStatus(text), e
}

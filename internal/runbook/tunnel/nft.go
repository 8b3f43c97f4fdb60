package tunnel

import (
	"slices"
	"strings"
)

// matchNFT takes a rule of nftables apart, as nft prints it. What it does not
// understand may hold.
func matchNFT(rule string, p packet) (answer, target) {
	words := shellWords(rule)
	all := yes
	for i := 0; i < len(words); {
		if t, ok := nftTarget(words[i:]); ok {
			return all, t
		}
		a, takes := nftMatch(words[i:], p)
		all = min(all, a)
		i += takes
	}
	return all, target{}
}

func nftTarget(words []string) (target, bool) {
	switch words[0] {
	case "accept":
		return target{verb: "ACCEPT"}, true
	case "drop":
		return target{verb: "DROP"}, true
	case "reject":
		return target{verb: "REJECT"}, true
	case "return":
		return target{verb: "RETURN"}, true
	case "jump", "goto":
		if len(words) > 1 {
			return target{verb: words[0], chain: words[1]}, true
		}
	}
	return target{}, false
}

// nftMatch judges one expression, and says how many words it has.
func nftMatch(words []string, p packet) (a answer, takes int) {
	switch words[0] {
	case "counter":
		// "counter packets 0 bytes 0", or alone
		if len(words) >= 5 && words[1] == "packets" {
			return yes, 5
		}
		return yes, 1
	case "comment", "log":
		if len(words) > 1 && words[0] == "comment" {
			return yes, 2
		}
		return yes, 1
	case "iifname", "iif":
		return nftValue(words, 1, fromNetworks)
	case "tcp", "th", "ip", "ip6", "ct", "meta":
		if len(words) < 3 {
			return maybe, len(words)
		}
	default:
		return maybe, 1
	}
	switch words[0] + " " + words[1] {
	case "tcp dport", "th dport":
		return nftValue(words, 2, holdsKubelet)
	case "ip saddr", "ip6 saddr":
		return nftValue(words, 2, func(list string) answer { return within(p.from, list) })
	case "ip daddr", "ip6 daddr":
		return nftValue(words, 2, func(list string) answer { return within(p.to, list) })
	case "ct state":
		return nftValue(words, 2, func(list string) answer { return truth(slices.Contains(strings.Split(list, ","), "new")) })
	case "meta l4proto", "ip protocol", "ip6 nexthdr":
		return nftValue(words, 2, func(list string) answer { return truth(slices.Contains(strings.Split(list, ","), "tcp")) })
	case "meta iifname":
		return nftValue(words, 2, fromNetworks)
	default:
		return maybe, 2
	}
}

func fromNetworks(list string) answer {
	best := no
	for name := range strings.SplitSeq(list, ",") {
		best = max(best, fromNetwork(strings.ReplaceAll(name, "*", "")))
	}
	return best
}

// nftValue judges the value at words[at]: a word, "!= word", or a set in
// braces. A set that has a name may hold anything.
func nftValue(words []string, at int, judge func(list string) answer) (a answer, takes int) {
	i := at
	negate := i < len(words) && words[i] == "!="
	if negate {
		i++
	}
	if i >= len(words) {
		return maybe, len(words)
	}
	list := words[i]
	takes = i + 1
	if list == "{" {
		end := slices.Index(words[i:], "}")
		if end < 0 {
			return maybe, len(words)
		}
		list = strings.Join(words[i+1:i+end], "")
		takes = i + end + 1
	}
	if strings.HasPrefix(list, "@") || strings.HasPrefix(list, "$") {
		return maybe, takes
	}
	a = judge(list)
	if negate {
		a = a.not()
	}
	return a, takes
}

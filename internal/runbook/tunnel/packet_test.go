package tunnel

import (
	"net/netip"
	"testing"

	"github.com/snattop/snattop/probe/facts"
)

func table(tool string, policy string, rules ...string) *facts.FilterTable {
	t := &facts.FilterTable{Tool: tool, Family: "ip", Name: "filter", Chains: []facts.FilterChain{
		{Name: "INPUT", Base: true, Policy: policy}, {Name: "OURS", Policy: "-"}, {Name: "LOOP", Policy: "-"},
	}}
	for _, r := range rules {
		chain := 0
		switch {
		case len(r) > 2 && r[:2] == "O ":
			chain, r = 1, r[2:]
		case len(r) > 2 && r[:2] == "L ":
			chain, r = 2, r[2:]
		}
		c := &t.Chains[chain]
		c.Rules = append(c.Rules, facts.FilterRule{Number: len(c.Rules) + 1, Text: r})
	}
	return t
}

func TestThrough(t *testing.T) {
	t.Parallel()
	p := packet{from: netip.MustParseAddr("10.224.0.5"), to: netip.MustParseAddr("10.224.0.7")}
	tests := []struct {
		name  string
		table *facts.FilterTable
		want  fate
	}{
		{"nothing", table("iptables-legacy", "ACCEPT"), passes},
		{"policy", table("iptables-legacy", "DROP"), dropped},
		{"policy with what lets it in", table("iptables-legacy", "DROP", "-p tcp -m tcp --dport 10250 -j ACCEPT"), passes},
		{"policy with what lets answers in", table("iptables-legacy", "DROP", "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"), dropped},
		{"policy with what is not understood", table("iptables-legacy", "DROP", "-m set --match-set nodes src -j ACCEPT"), perhaps},
		{"drop", table("iptables-nft", "ACCEPT", "-p tcp -m tcp --dport 10250 -j DROP"), dropped},
		{"reject", table("iptables-nft", "ACCEPT", "-p tcp -m tcp --dport 10250 -j REJECT --reject-with icmp-port-unreachable"), dropped},
		{"another port", table("iptables-nft", "ACCEPT", "-p tcp -m tcp --dport 10255 -j DROP"), passes},
		{"every port but it", table("iptables-nft", "ACCEPT", "-p tcp -m tcp ! --dport 10250 -j DROP"), passes},
		{"among ports", table("iptables-nft", "ACCEPT", "-p tcp -m multiport --dports 22,10200:10300 -j DROP"), dropped},
		{"udp", table("iptables-nft", "ACCEPT", "-p udp -m udp --dport 10250 -j DROP"), passes},
		{"from it", table("iptables-nft", "ACCEPT", "-s 10.224.0.4/30 -p tcp -m tcp --dport 10250 -j DROP"), dropped},
		{"from another", table("iptables-nft", "ACCEPT", "-s 198.51.100.7/32 -p tcp -m tcp --dport 10250 -j DROP"), passes},
		{"from all others", table("iptables-nft", "ACCEPT", "! -s 10.224.0.0/16 -p tcp -m tcp --dport 10250 -j DROP"), passes},
		{"to another", table("iptables-nft", "ACCEPT", "-d 10.224.0.9/32 -j DROP"), passes},
		{"marked", table("iptables-nft", "ACCEPT", "-m mark --mark 0x8000/0x8000 -j DROP"), passes},
		{"comment", table("iptables-nft", "ACCEPT", `-p tcp -m comment --comment "-j ACCEPT \" x" -m tcp --dport 10250 -j DROP`), dropped},
		{"first wins", table("iptables-nft", "ACCEPT", "-s 10.224.0.5/32 -j ACCEPT", "-p tcp --dport 10250 -j DROP"), passes},
		{"invalid only", table("iptables-nft", "ACCEPT", "-m conntrack --ctstate INVALID -j DROP"), passes},
		{"syn", table("iptables-nft", "ACCEPT", "-p tcp -m tcp --dport 10250 --tcp-flags FIN,SYN,RST,ACK SYN -j DROP"), dropped},
		{"not syn", table("iptables-nft", "ACCEPT", "-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -j DROP"), passes},
		{"limited", table("iptables-nft", "ACCEPT", "-p tcp -m tcp --dport 10250 -m limit --limit 1/sec -j ACCEPT", "-p tcp -m tcp --dport 10250 -j DROP"), perhaps},
		{"chain", table("iptables-nft", "ACCEPT", "-p tcp -j OURS", "O -m tcp --dport 10250 -j DROP"), dropped},
		{"chain that is left", table("iptables-nft", "ACCEPT", "-p tcp -j OURS", "O -s 10.224.0.5/32 -j RETURN", "O -j DROP"), passes},
		{"chain that may be entered", table("iptables-nft", "ACCEPT", "-m mark --mark 0x1 -j OURS", "O -j DROP"), passes},
		{"goto", table("iptables-nft", "DROP", "-p tcp -g OURS", "-j ACCEPT"), dropped},
		{"circle", table("iptables-nft", "ACCEPT", "-j LOOP", "L -j LOOP", "L -j LOOP"), passes},
		{"unknown target", table("iptables-nft", "ACCEPT", "-j LOG --log-prefix x", "-p tcp --dport 10250 -j DROP"), dropped},
		{"nft drop", table("nft", "ACCEPT", "tcp dport 10250 counter packets 1 bytes 60 drop"), dropped},
		{"nft set", table("nft", "ACCEPT", "tcp dport { 22, 10000-10300 } reject with tcp reset"), dropped},
		{"nft another", table("nft", "ACCEPT", "tcp dport != 10250 drop"), passes},
		{"nft source", table("nft", "ACCEPT", "ip saddr { 10.224.0.5, 10.224.0.6 } tcp dport 10250 drop"), dropped},
		{"nft other source", table("nft", "ACCEPT", "ip saddr 198.51.100.7 tcp dport 10250 drop"), passes},
		{"nft named set", table("nft", "DROP", "ip saddr @nodes accept"), perhaps},
		{"nft states", table("nft", "DROP", "ct state established,related accept"), dropped},
		{"nft jump", table("nft", "ACCEPT", "meta l4proto tcp jump OURS", `O iifname "eth0" tcp dport 10250 drop`), dropped},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := through(tt.table, p)
			if v.fate != tt.want {
				t.Errorf("got %+v, want %d", v, tt.want)
			}
		})
	}
	six := table("ip6tables-nft", "DROP")
	six.Family = "ip6"
	if v := through(six, p); v.fate != passes {
		t.Errorf("IPv4 in a table of IPv6: %+v", v)
	}
	if v := through(six, packet{from: netip.MustParseAddr("fd00::5"), to: netip.MustParseAddr("fd00::7")}); v.fate != dropped {
		t.Errorf("IPv6: %+v", v)
	}
}

func FuzzThrough(f *testing.F) {
	f.Add("-p tcp -m tcp --dport 10250 -j DROP", "-j OURS", false)
	f.Add("tcp dport { 1, 2 drop", "ip saddr != jump OURS", true)
	f.Add(`-m comment --comment "\`, "! ! -s -j", false)
	f.Fuzz(func(t *testing.T, a, b string, nft bool) {
		tool := "iptables"
		if nft {
			tool = "nft"
		}
		v := through(table(tool, "ACCEPT", a, b, "O "+a, "O "+b), packet{from: netip.MustParseAddr("10.0.0.1"), to: netip.MustParseAddr("10.0.0.2")})
		if v.fate == dropped && v.chain == "" {
			t.Errorf("dropped by nothing: %+v", v)
		}
	})
}

package ground

import (
	"fmt"
	"strings"
	"testing"
)

const listing = `ipv4     2 tcp      6 1795 ESTABLISHED src=10.224.0.5 dst=20.60.1.9 sport=40000 dport=443 src=20.60.1.9 dst=203.0.113.10 sport=443 dport=1024 [ASSURED] mark=0 use=1
ipv4     2 tcp      6 1795 ESTABLISHED src=10.224.0.5 dst=20.60.1.9 sport=40001 dport=443 src=20.60.1.9 dst=203.0.113.10 sport=443 dport=1025 [ASSURED] mark=0 use=1
ipv4     2 tcp      6 200 TIME_WAIT src=10.224.0.5 dst=20.60.1.9 sport=40002 dport=443 src=20.60.1.9 dst=203.0.113.10 sport=443 dport=1026 [ASSURED] mark=0 use=1
ipv4     2 tcp      6 1795 ESTABLISHED src=10.224.0.5 dst=20.60.1.8 sport=40003 dport=80 src=20.60.1.8 dst=203.0.113.10 sport=80 dport=1024 [ASSURED] mark=0 use=1
ipv4     2 tcp      6 29 SYN_SENT src=10.224.0.6 dst=20.60.1.1 sport=50000 dport=81 [UNREPLIED] src=20.60.1.1 dst=203.0.113.10 sport=81 dport=22357 mark=0 use=1
ipv4     2 udp      17 29 src=10.224.0.6 dst=20.60.1.1 sport=50000 dport=53 src=20.60.1.1 dst=203.0.113.10 sport=53 dport=22357 mark=0 use=1
ipv4     2 tcp      6 1795 ESTABLISHED src=10.224.0.6 dst=10.224.0.1 sport=40003 dport=80 src=10.224.0.1 dst=10.224.0.6 sport=80 dport=40003 [ASSURED] mark=0 use=1
ipv4     2 icmp     1 29 src=10.224.0.6 dst=20.60.1.1 type=8 code=0 id=1 src=20.60.1.1 dst=203.0.113.10 type=0 code=0 id=1 mark=0 use=1
ipv6     10 tcp      6 1795 ESTABLISHED src=fd00:224::5 dst=2603:1030::1 sport=40003 dport=443 src=2603:1030::1 dst=2001:db8::10 sport=443 dport=1027 [ASSURED] mark=0 use=1
`

func TestCountFlows(t *testing.T) {
	nodes := []NodeTruth{
		{Name: "node1", IP: "10.224.0.5", Block: Block{1024, 1151}},
		{Name: "node2", IP: "10.224.0.6", Block: Block{30000, 30127}},
	}
	entries, err := countFlows(strings.NewReader(listing), nodes)
	if err != nil {
		t.Fatal(err)
	}
	if entries != 8 {
		t.Errorf("entries = %d, want 8", entries)
	}
	n1 := nodes[0]
	if n1.TCP != 3 || n1.UDP != 0 || n1.Peak != 3 || n1.Outside != 0 {
		t.Errorf("node1 = %+v", n1)
	}
	d, ok := n1.Destination("tcp", "20.60.1.9:443")
	if !ok || d.Established != 2 || d.Closing != 1 || d.SynSent != 0 || d.Ports != 3 {
		t.Errorf("20.60.1.9:443 = %+v, %v", d, ok)
	}
	if n1.Destinations[0].Address != "20.60.1.9:443" {
		t.Errorf("the fullest destination is not first: %+v", n1.Destinations)
	}
	n2 := nodes[1]
	if n2.TCP != 1 || n2.UDP != 1 || n2.Outside != 2 {
		t.Errorf("node2 = %+v", n2)
	}
	if d, ok := n2.Destination("tcp", "20.60.1.1:81"); !ok || d.SynSent != 1 || d.Established != 0 {
		t.Errorf("20.60.1.1:81 = %+v, %v", d, ok)
	}
}

func TestParseFlowRejects(t *testing.T) {
	for _, line := range []string{
		"ipv4 2 tcp 6 5 ESTABLISHED src=10.0.0.1 dst=20.0.0.1 sport=1 dport=2",
		"ipv4 2 tcp 6 5 ESTABLISHED src=banana dst=20.0.0.1 sport=1 dport=2 src=1.1.1.1 dst=2.2.2.2 sport=1 dport=2",
		"ipv4 2 tcp 6 5 ESTABLISHED src=10.0.0.1 dst=20.0.0.1 sport=1 dport=99999 src=1.1.1.1 dst=2.2.2.2 sport=1 dport=2",
	} {
		if _, _, err := parseFlow(line); err == nil {
			t.Errorf("no error for %q", line)
		}
	}
	for _, line := range []string{"", "conntrack v1.4.7 (conntrack-tools): 3 flow entries have been shown."} {
		if _, ok, err := parseFlow(line); ok || err != nil {
			t.Errorf("%q: ok=%v err=%v", line, ok, err)
		}
	}
}

func TestParseStats(t *testing.T) {
	stats, err := parseStats(strings.NewReader(
		"cpu=0   \tfound=0 invalid=1 insert=0 insert_failed=12 drop=13 early_drop=1 error=0 search_restart=0\n" +
			"cpu=1   \tfound=0 invalid=1 insert=0 insert_failed=30 drop=7 early_drop=0 error=0 search_restart=0\n"))
	if err != nil {
		t.Fatal(err)
	}
	if stats != (ConntrackStats{InsertFailed: 42, Drop: 20, EarlyDrop: 1}) {
		t.Errorf("stats = %+v", stats)
	}
}

func TestBlocks(t *testing.T) {
	seen := map[int]int{}
	for i := range 3 {
		b, err := blockFor(i, 3, 1024)
		if err != nil {
			t.Fatal(err)
		}
		if b.Size() != 1024 || b.First < firstPort || b.Last > 65535 {
			t.Errorf("block %d = %v", i, b)
		}
		for p := b.First; p <= b.Last; p++ {
			if other, taken := seen[p]; taken {
				t.Fatalf("port %d is in the blocks of %d and %d", p, other, i)
			}
			seen[p] = i
		}
	}
	full, err := blockFor(15, 16, MaxBlock(16))
	if err != nil || full.Last > 65535 {
		t.Errorf("last block of sixteen = %v, %v", full, err)
	}
	for _, bad := range [][3]int{{0, 3, 0}, {0, 3, 21334}, {3, 3, 8}, {-1, 3, 8}} {
		if _, err := blockFor(bad[0], bad[1], bad[2]); err == nil {
			t.Errorf("blockFor(%v): no error", bad)
		}
	}
}

func BenchmarkCountFlows(b *testing.B) {
	var s strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&s, "ipv4     2 tcp      6 1795 ESTABLISHED src=10.224.0.5 dst=20.60.1.%d sport=%d dport=443 src=20.60.1.9 dst=203.0.113.10 sport=443 dport=%d [ASSURED] mark=0 use=1\n", i%32, 20000+i, 1024+i%1024)
	}
	for b.Loop() {
		nodes := []NodeTruth{{Name: "node1", IP: "10.224.0.5", Block: Block{1024, 2047}}}
		if _, err := countFlows(strings.NewReader(s.String()), nodes); err != nil {
			b.Fatal(err)
		}
	}
}

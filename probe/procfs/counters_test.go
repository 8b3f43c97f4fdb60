package procfs

import "testing"

const snmpText = `Ip: Forwarding DefaultTTL InReceives
Ip: 1 64 100
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens OutSegs RetransSegs
Tcp: 1 200 120000 -1 7 1234 56
Udp: InDatagrams NoPorts
Udp: 5 6
`

func TestCounters(t *testing.T) {
	t.Parallel()
	got := Counters(snmpText, "Tcp")
	if got["OutSegs"] != 1234 || got["RetransSegs"] != 56 || got["RtoMin"] != 200 {
		t.Errorf("got %v", got)
	}
	if _, ok := got["MaxConn"]; ok {
		t.Error("-1 is a count")
	}
	for name, text := range map[string]string{"nothing": "", "names only": "Tcp: OutSegs\n", "another table": "Ip: A\nIp: 1\n", "more names than numbers": "Tcp: A OutSegs\nTcp: 1\n"} {
		if got := Counters(text, "Tcp"); got["OutSegs"] != 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestSoftnetDropped(t *testing.T) {
	t.Parallel()
	text := "0000272d 0000000a 00000003 00000000\n000034d9 00000006 00000002 00000000\nx y\n\n"
	if got := SoftnetDropped(text); got != 16 {
		t.Errorf("got %d", got)
	}
}

func TestNeighbourTable(t *testing.T) {
	t.Parallel()
	text := "entries  allocs   destroys hash_grows lookups  hits     res_failed rcv_probes_mcast rcv_probes_ucast periodic_gc_runs forced_gc_runs unresolved_discards table_fulls\n" +
		"0000000c 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000002\n" +
		"0000000c 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000010\n"
	entries, full, ok := NeighbourTable(text)
	if entries != 12 || full != 18 || !ok {
		t.Errorf("%d entries, full %d times, %t", entries, full, ok)
	}
	if _, full, ok := NeighbourTable("entries allocs\n00000003 00000001\n"); full != 0 || !ok {
		t.Error("an older kernel has no such column")
	}
	if _, _, ok := NeighbourTable("hello\n"); ok {
		t.Error("anything goes")
	}
}

func FuzzCounters(f *testing.F) {
	f.Add(snmpText, "Tcp")
	f.Fuzz(func(_ *testing.T, text, table string) {
		Counters(text, table)
		SoftnetDropped(text)
		_, _, _ = NeighbourTable(text)
	})
}

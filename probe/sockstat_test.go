package probe

import "testing"

func TestParseSockStat(t *testing.T) {
	t.Parallel()
	const v4 = "sockets: used 25\nTCP: inuse 10 orphan 3 tw 4 alloc 3639 mem 5333\nUDP: inuse 7 mem 0\nUDPLITE: inuse 0\nRAW: inuse 0\nFRAG: inuse 0 memory 0\n"
	const v6 = "TCP6: inuse 3\nUDP6: inuse 1\n"
	for name, tc := range map[string]struct {
		text string
		want sockStat
	}{
		// Orphans are in use already, and theirs is the count of the machine.
		"IPv4":      {v4, sockStat{inUse: 10, timeWait: 4}},
		"both":      {v4 + v6, sockStat{inUse: 13, timeWait: 4}},
		"nothing":   {"", sockStat{}},
		"malformed": {"TCP: inuse x tw\nTCP6 inuse 4\nTCP6:\nTCP: inuse", sockStat{}},
	} {
		var got sockStat
		parseSockStat(tc.text, &got)
		if got != tc.want {
			t.Errorf("%s: got %+v, want %+v", name, got, tc.want)
		}
	}
}

func FuzzParseSockStat(f *testing.F) {
	f.Add("TCP: inuse 10 orphan 3 tw 4 alloc 3639 mem 5333\nTCP6: inuse 3\n")
	f.Fuzz(func(t *testing.T, text string) {
		var st sockStat
		parseSockStat(text, &st) // any answer but a panic
		var twice sockStat
		for range 2 {
			parseSockStat(text, &twice)
		}
		if twice.inUse != 2*st.inUse || twice.timeWait != 2*st.timeWait {
			t.Errorf("%+v, and %+v when it is read twice", st, twice)
		}
	})
}

package probe

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// Lines as a little-endian kernel prints them.
const (
	procTCPHeader = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     \n"
	procListen    = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 28412 1 0000000000000000 100 0 0 10 0                      \n"
	procEstab     = "   1: 0701F40A:C4EC 04013C14:01BB 01 00000000:00000000 02:000A7D8C 00000000     0        0 31337 2 0000000000000000 20 4 30 10 -1                     \n"
	procTimeWait  = "   2: 0701F40A:C4ED 04013C14:01BB 06 00000000:00000000 03:00000A3F 00000000     0        0 0 3 0000000000000000                                      \n"
	procTCP6      = "   3: 000000FD000000000000000007000000:C4EE 20100326000000000000000004000000:01BB 02 00000001:00000000 01:0000012B 00000003     0        0 777 2 0000000000000000 800 0 0 1 7\n"
	procMapped    = "   4: 0000000000000000FFFF00000701F40A:C4EF 0000000000000000FFFF000004013C14:01BB 08 00000000:00000000 00:00000000 00000000     0        0 778 1 0000000000000000 20 4 30 10 -1\n"
)

func littleEndian(t testing.TB) {
	t.Helper()
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the lines are those of a little-endian machine")
	}
}

func TestParseProcNetLine(t *testing.T) {
	t.Parallel()
	littleEndian(t)
	for name, tc := range map[string]struct {
		line, local, remote string
		state               State
		inode               uint64
	}{
		"listener":    {procListen, "127.0.0.1:8080", "0.0.0.0:0", StateListen, 28412},
		"established": {procEstab, "10.244.1.7:50412", "20.60.1.4:443", StateEstablished, 31337},
		"TIME_WAIT":   {procTimeWait, "10.244.1.7:50413", "20.60.1.4:443", StateTimeWait, 0},
		"IPv6":        {procTCP6, "[fd00::7]:50414", "[2603:1020::4]:443", StateSynSent, 777},
		"mapped":      {procMapped, "10.244.1.7:50415", "20.60.1.4:443", StateCloseWait, 778},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Socket{Cgroup: 9, Key: 9}
			if err := parseProcNetLine([]byte(strings.TrimSuffix(tc.line, "\n")), &got); err != nil {
				t.Fatal(err)
			}
			want := Socket{
				Protocol: protocolTCP, State: tc.state, Inode: tc.inode,
				Local: netip.MustParseAddrPort(tc.local), Remote: netip.MustParseAddrPort(tc.remote),
			}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestParseProcNetLineMalformed(t *testing.T) {
	t.Parallel()
	good := strings.TrimSuffix(procEstab, "\n")
	for name, line := range map[string]string{
		"empty":            "",
		"blanks":           strings.Repeat(" ", 150),
		"too few fields":   good[:80],
		"local cut":        strings.Replace(good, "0701F40A:C4EC", "0701F40A:C4E", 1),
		"no colon":         strings.Replace(good, "0701F40A:C4EC", "0701F40AXC4EC", 1),
		"address not hex":  strings.Replace(good, "0701F40A", "0701G40A", 1),
		"port not hex":     strings.Replace(good, ":C4EC", ":C4EX", 1),
		"signed port":      strings.Replace(good, ":C4EC", ":+4EC", 1),
		"remote":           strings.Replace(good, "04013C14:01BB", "04013C14", 1),
		"state":            strings.Replace(good, " 01 ", " 0Z ", 1),
		"state too big":    strings.Replace(good, " 01 ", " 100 ", 1),
		"inode":            strings.Replace(good, "31337", "-1", 1),
		"inode too big":    strings.Replace(good, "31337", "18446744073709551616", 1),
		"an odd long addr": strings.Replace(good, "0701F40A:C4EC", "0701F40A0701F40A:C4EC", 1),
	} {
		s := Socket{Inode: 5}
		if err := parseProcNetLine([]byte(line), &s); !errors.Is(err, errProcfsLine) {
			t.Errorf("%s: %v", name, err)
		}
		if s != (Socket{Inode: 5}) {
			t.Errorf("%s: the socket was touched: %+v", name, s)
		}
	}
}

func TestParseProcNet(t *testing.T) {
	t.Parallel()
	littleEndian(t)
	text := procTCPHeader + procListen + "garbage\n" + procEstab + "\n" + procTimeWait + procTCP6 + procMapped
	var states []State
	key := func(local, _ netip.AddrPort) uint64 { return uint64(local.Port()) }
	bad, err := parseProcNet(strings.NewReader(text), key, func(s *Socket) {
		states = append(states, s.State)
		if s.Key != uint64(s.Local.Port()) {
			t.Errorf("key %d of %s", s.Key, s.Local)
		}
	})
	if err != nil || bad != 2 || len(states) != 5 {
		t.Errorf("%d bad, %v, states %v", bad, err, states)
	}
	for name, text := range map[string]string{"empty": "", "headings only": procTCPHeader} {
		if bad, err := parseProcNet(strings.NewReader(text), key, func(*Socket) { t.Error(name) }); bad != 0 || err != nil {
			t.Errorf("%s: %d, %v", name, bad, err)
		}
	}
	if _, err := parseProcNet(strings.NewReader(procTCPHeader+strings.Repeat("x", maxProcfsLine+1)), key, nil); err == nil {
		t.Error("a line without an end is accepted")
	}
}

func TestTupleKeys(t *testing.T) {
	t.Parallel()
	k := newTupleKeys()
	a, b := netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.2:2")
	same := k.key(1, protocolTCP, a, b)
	if k.key(1, protocolTCP, a, b) != same {
		t.Error("the same tuple has two keys")
	}
	for name, other := range map[string]uint64{
		"namespace": k.key(2, protocolTCP, a, b), "protocol": k.key(1, protocolUDP, a, b), "direction": k.key(1, protocolTCP, b, a),
		"run": newTupleKeys().key(1, protocolTCP, a, b),
	} {
		if other == same {
			t.Errorf("another %s has the same key", name)
		}
	}
}

func FuzzParseProcNet(f *testing.F) {
	f.Add(procTCPHeader + procListen + procEstab + procTimeWait)
	f.Add(procTCPHeader + procTCP6 + procMapped)
	f.Add("x\n   1: 0:0 1:1 01 a b c d e 5\n")
	f.Fuzz(func(t *testing.T, text string) {
		key := func(netip.AddrPort, netip.AddrPort) uint64 { return 1 }
		lines := strings.Count(text, "\n") + 1
		emitted := 0
		bad, err := parseProcNet(strings.NewReader(text), key, func(s *Socket) {
			emitted++
			if !s.Local.IsValid() || !s.Remote.IsValid() || s.Local.Addr().Is4In6() {
				t.Errorf("%+v", s)
			}
		})
		if err == nil && bad+emitted > lines {
			t.Errorf("%d bad and %d sockets out of %d lines", bad, emitted, lines)
		}
	})
}

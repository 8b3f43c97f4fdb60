package procfs

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

func TestSocketLines(t *testing.T) {
	t.Parallel()
	littleEndian(t)
	for name, tc := range map[string]struct {
		line, local, remote string
		state               uint8
		inode               uint64
	}{
		"listener":    {procListen, "127.0.0.1:8080", "0.0.0.0:0", 10, 28412},
		"established": {procEstab, "10.244.1.7:50412", "20.60.1.4:443", 1, 31337},
		"TIME_WAIT":   {procTimeWait, "10.244.1.7:50413", "20.60.1.4:443", 6, 0},
		"IPv6":        {procTCP6, "[fd00::7]:50414", "[2603:1020::4]:443", 2, 777},
		"mapped":      {procMapped, "10.244.1.7:50415", "20.60.1.4:443", 8, 778},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Socket{Inode: 9}
			if err := parseSocket([]byte(strings.TrimSuffix(tc.line, "\n")), &got); err != nil {
				t.Fatal(err)
			}
			want := Socket{
				State: tc.state, Inode: tc.inode,
				Local: netip.MustParseAddrPort(tc.local), Remote: netip.MustParseAddrPort(tc.remote),
			}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestSocketLinesMalformed(t *testing.T) {
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
		if err := parseSocket([]byte(line), &s); !errors.Is(err, ErrLine) {
			t.Errorf("%s: %v", name, err)
		}
		if s != (Socket{Inode: 5}) {
			t.Errorf("%s: the socket was touched: %+v", name, s)
		}
	}
}

func TestSockets(t *testing.T) {
	t.Parallel()
	littleEndian(t)
	text := procTCPHeader + procListen + "garbage\n" + procEstab + "\n" + procTimeWait + procTCP6 + procMapped
	var states []uint8
	bad, err := Sockets(strings.NewReader(text), func(s *Socket) {
		states = append(states, s.State)
	})
	if err != nil || bad != 2 || len(states) != 5 {
		t.Errorf("%d bad, %v, states %v", bad, err, states)
	}
	for name, text := range map[string]string{"empty": "", "headings only": procTCPHeader} {
		if bad, err := Sockets(strings.NewReader(text), func(*Socket) { t.Error(name) }); bad != 0 || err != nil {
			t.Errorf("%s: %d, %v", name, bad, err)
		}
	}
	if _, err := Sockets(strings.NewReader(procTCPHeader+strings.Repeat("x", maxLine+1)), nil); err == nil {
		t.Error("a line without an end is accepted")
	}
}

func FuzzSockets(f *testing.F) {
	f.Add(procTCPHeader + procListen + procEstab + procTimeWait)
	f.Add(procTCPHeader + procTCP6 + procMapped)
	f.Add("x\n   1: 0:0 1:1 01 a b c d e 5\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		emitted := 0
		bad, err := Sockets(strings.NewReader(text), func(s *Socket) {
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

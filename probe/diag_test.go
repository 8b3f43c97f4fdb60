package probe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/snattop/snattop/probe/netlink"
)

// diagMessage builds struct inet_diag_msg by hand, as the kernel fills it.
func diagMessage(family uint8, s Socket) []byte {
	b := make([]byte, inetDiagMsgSize)
	b[0], b[1] = family, byte(s.State)
	binary.BigEndian.PutUint16(b[4:], s.Local.Port())
	binary.BigEndian.PutUint16(b[6:], s.Remote.Port())
	put := func(at int, a netip.Addr) {
		if family == familyINET {
			v4 := a.As4()
			copy(b[at:], v4[:])
			return
		}
		v6 := a.As16() // an IPv4 address becomes a mapped one
		copy(b[at:], v6[:])
	}
	put(8, s.Local.Addr())
	put(24, s.Remote.Addr())
	binary.NativeEndian.PutUint32(b[44:], uint32(s.Key))
	binary.NativeEndian.PutUint32(b[48:], uint32(s.Key>>32))
	binary.NativeEndian.PutUint32(b[68:], uint32(s.Inode))
	return b
}

// diagInfo appends INET_DIAG_INFO: the three times in milliseconds, and segments.
func diagInfo(dst []byte, size int, sent, came, acked, out, in uint32) []byte {
	info := make([]byte, 232) // as of Linux 5.10
	for at, n := range map[int]uint32{
		tcpInfoLastDataSent: sent, tcpInfoLastDataRecv: came, tcpInfoLastAckRecv: acked, tcpInfoSegsOut: out, tcpInfoSegsIn: in,
		48: 1, // tcpi_last_ack_sent, which the kernel leaves at 0
	} {
		binary.NativeEndian.PutUint32(info[at:], n)
	}
	return netlink.Attr(dst, inetDiagInfo, info[:size])
}

func TestParseDiag(t *testing.T) {
	t.Parallel()
	v4 := Socket{
		Key: 0x1122334455667788, Protocol: protocolTCP, State: StateEstablished, Inode: 4_000_000_001,
		Local: netip.MustParseAddrPort("10.244.1.7:50412"), Remote: netip.MustParseAddrPort("20.60.1.4:443"),
	}
	v6 := v4
	v6.Local, v6.Remote = netip.MustParseAddrPort("[fd00::7]:50412"), netip.MustParseAddrPort("[2603:1020::4]:443")
	timeWait := v4
	timeWait.State, timeWait.Inode = StateTimeWait, 0
	owned := v4
	owned.Cgroup = 0xabcdef0123
	cgroup := netlink.Attr(nil, inetDiagCgroupID, binary.NativeEndian.AppendUint64(nil, owned.Cgroup))
	silent := func(idle time.Duration, segments uint32) Socket {
		s := v4
		s.Silence = silence{known: true, idle: idle, segments: segments}
		return s
	}

	for name, tc := range map[string]struct {
		in   []byte
		want Socket
	}{
		"IPv4":                        {diagMessage(familyINET, v4), v4},
		"IPv6":                        {diagMessage(familyINET6, v6), v6},
		"IPv4 in an IPv6 socket":      {diagMessage(familyINET6, v4), v4},
		"TIME_WAIT":                   {diagMessage(familyINET, timeWait), timeWait},
		"cgroup":                      {append(diagMessage(familyINET, v4), cgroup...), owned},
		"cgroup behind another":       {append(netlink.Attr(diagMessage(familyINET, v4), 8, []byte{0}), cgroup...), owned},
		"a cgroup of four bytes":      {netlink.Attr(diagMessage(familyINET, v4), inetDiagCgroupID, []byte{1, 2, 3, 4}), v4},
		"silence, sent last":          {diagInfo(diagMessage(familyINET, v4), 232, 90_001, 95_000, 95_000, 4, 3), silent(90_001*time.Millisecond, 7)},
		"silence, got last":           {diagInfo(diagMessage(familyINET, v4), 232, 95_000, 90_001, 95_000, 4, 3), silent(90_001*time.Millisecond, 7)},
		"silence, acknowledged":       {diagInfo(diagMessage(familyINET, v4), 232, 95_000, 95_000, 90_001, 1<<32-1, 3), silent(90_001*time.Millisecond, 2)},
		"silence of Linux 4.1":        {diagInfo(diagMessage(familyINET, v4), 136, 60_000, 95_000, 95_000, 4, 3), silent(time.Minute, 0)},
		"silence that is cut":         {diagInfo(diagMessage(familyINET, v4), 59, 60_000, 95_000, 95_000, 4, 3), v4},
		"silence of one in TIME_WAIT": {diagInfo(diagMessage(familyINET, timeWait), 232, 1, 1, 1, 1, 1), timeWait},
		"nothing stays from before":   {diagMessage(familyINET, v4), v4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Socket{Cgroup: 99, Inode: 99, Silence: silence{known: true}}
			if err := parseDiag(tc.in, &got); err != nil {
				t.Fatal(err)
			}
			if got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestParseDiagCutShort(t *testing.T) {
	t.Parallel()
	whole := netlink.Attr(diagMessage(familyINET, Socket{
		Local: netip.MustParseAddrPort("10.0.0.1:1"), Remote: netip.MustParseAddrPort("10.0.0.2:2"),
	}), inetDiagCgroupID, make([]byte, 8))
	for n := range whole {
		if n >= inetDiagMsgSize && n < inetDiagMsgSize+4 {
			continue // less than an attribute's header is padding
		}
		var s Socket
		if err := parseDiag(whole[:n], &s); !errors.Is(err, netlink.ErrShort) {
			t.Errorf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
}

func FuzzParseDiag(f *testing.F) {
	f.Add(diagMessage(familyINET, Socket{Local: netip.MustParseAddrPort("10.0.0.1:1"), Remote: netip.MustParseAddrPort("10.0.0.2:2")}))
	f.Add(make([]byte, inetDiagMsgSize))
	open := diagMessage(familyINET, Socket{State: StateEstablished, Local: netip.MustParseAddrPort("10.0.0.1:1"), Remote: netip.MustParseAddrPort("10.0.0.2:2")})
	f.Add(diagInfo(bytes.Clone(open), 232, 1, 2, 3, 4, 5))
	f.Add(diagInfo(bytes.Clone(open), 60, 1, 2, 3, 4, 5))
	f.Add(diagInfo(bytes.Clone(open), 4, 1, 2, 3, 4, 5))
	f.Fuzz(func(t *testing.T, in []byte) {
		var s Socket
		if err := parseDiag(in, &s); err != nil {
			return
		}
		if !s.Local.IsValid() || !s.Remote.IsValid() || s.Remote.Addr().Is4In6() {
			t.Errorf("%+v", s)
		}
		if s.Silence.idle < 0 || !s.Silence.known && s.Silence != (silence{}) || s.Silence.known && s.State != StateEstablished {
			t.Errorf("%+v", s)
		}
	})
}

func BenchmarkParseDiag(b *testing.B) {
	in := netlink.Attr(diagMessage(familyINET, Socket{
		Key: 7, State: StateEstablished, Local: netip.MustParseAddrPort("10.0.0.1:1"), Remote: netip.MustParseAddrPort("10.0.0.2:2"),
	}), inetDiagCgroupID, make([]byte, 8))
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	var s Socket
	for b.Loop() {
		if err := parseDiag(in, &s); err != nil {
			b.Fatal(err)
		}
	}
}

package probe

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
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
	cgroup := nlAttr(nil, inetDiagCgroupID, binary.NativeEndian.AppendUint64(nil, owned.Cgroup))

	for name, tc := range map[string]struct {
		in   []byte
		want Socket
	}{
		"IPv4":                      {diagMessage(familyINET, v4), v4},
		"IPv6":                      {diagMessage(familyINET6, v6), v6},
		"IPv4 in an IPv6 socket":    {diagMessage(familyINET6, v4), v4},
		"TIME_WAIT":                 {diagMessage(familyINET, timeWait), timeWait},
		"cgroup":                    {append(diagMessage(familyINET, v4), cgroup...), owned},
		"cgroup behind another":     {append(nlAttr(diagMessage(familyINET, v4), 8, []byte{0}), cgroup...), owned},
		"a cgroup of four bytes":    {nlAttr(diagMessage(familyINET, v4), inetDiagCgroupID, []byte{1, 2, 3, 4}), v4},
		"nothing stays from before": {diagMessage(familyINET, v4), v4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Socket{Cgroup: 99, Inode: 99}
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
	whole := nlAttr(diagMessage(familyINET, Socket{
		Local: netip.MustParseAddrPort("10.0.0.1:1"), Remote: netip.MustParseAddrPort("10.0.0.2:2"),
	}), inetDiagCgroupID, make([]byte, 8))
	for n := range whole {
		if n >= inetDiagMsgSize && n < inetDiagMsgSize+4 {
			continue // less than an attribute's header is padding
		}
		var s Socket
		if err := parseDiag(whole[:n], &s); !errors.Is(err, errNetlinkShort) {
			t.Errorf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
}

func FuzzParseDiag(f *testing.F) {
	f.Add(diagMessage(familyINET, Socket{Local: netip.MustParseAddrPort("10.0.0.1:1"), Remote: netip.MustParseAddrPort("10.0.0.2:2")}))
	f.Add(make([]byte, inetDiagMsgSize))
	f.Fuzz(func(t *testing.T, in []byte) {
		var s Socket
		if err := parseDiag(in, &s); err != nil {
			return
		}
		if !s.Local.IsValid() || !s.Remote.IsValid() || s.Remote.Addr().Is4In6() {
			t.Errorf("%+v", s)
		}
	})
}

func BenchmarkParseDiag(b *testing.B) {
	in := nlAttr(diagMessage(familyINET, Socket{
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

package ground

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

func TestEntryMessage(t *testing.T) {
	t.Parallel()
	source, target := netip.MustParseAddr("10.224.0.250"), netip.MustParseAddr("10.224.0.5")
	message := entryMessage(source, target, 3<<16|7, 600)
	if size := binary.NativeEndian.Uint32(message); int(size) != len(message) || size%4 != 0 {
		t.Errorf("it says %d bytes and has %d", size, len(message))
	}
	seen := map[uint16][]byte{}
	if err := eachAttribute(message[netlinkHeader+netfilterHeader:], func(kind uint16, value []byte) error {
		seen[kind] = value
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if got := binary.BigEndian.Uint32(seen[ctaTimeout]); got != 600 {
		t.Errorf("it lasts %d s", got)
	}
	if got := binary.BigEndian.Uint32(seen[ctaStatus]); got&ipsAssured == 0 {
		t.Errorf("status %#x: the kernel would evict it", got)
	}
	// The reply's tuple is the original's, turned round.
	for kind, want := range map[uint16][]byte{
		ctaTupleOrig:  tcpTuple(source, target, 7, stuffingPort+3),
		ctaTupleReply: tcpTuple(target, source, stuffingPort+3, 7),
	} {
		if !bytes.Equal(seen[kind], want) {
			t.Errorf("tuple %d is %x, want %x", kind, seen[kind], want)
		}
	}
}

func TestEntryMessagesDiffer(t *testing.T) {
	t.Parallel()
	source, target := netip.MustParseAddr("10.224.0.250"), netip.MustParseAddr("10.224.0.5")
	seen := map[string]uint32{}
	for _, n := range []uint32{0, 1, 65_535, 65_536, 65_537, maxStuffing - 1} {
		key := string(entryMessage(source, target, n, 1))
		if other, ok := seen[key]; ok {
			t.Errorf("%d and %d are the same connection", n, other)
		}
		seen[key] = n
	}
}

// answer is a netlink error message, as the kernel sends it.
func answer(errno unix.Errno) []byte {
	message := make([]byte, netlinkHeader+4)
	binary.NativeEndian.PutUint32(message, uint32(len(message)))
	binary.NativeEndian.PutUint16(message[4:], unix.NLMSG_ERROR)
	binary.NativeEndian.PutUint32(message[netlinkHeader:], uint32(-int32(errno)))
	return message
}

func TestParseRefusals(t *testing.T) {
	t.Parallel()
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, c := range map[string]struct {
		data   []byte
		full   bool
		failed bool
	}{
		"nothing":              {nil, false, false},
		"taken":                {answer(0), false, false},
		"there already":        {answer(unix.EEXIST), false, false},
		"full":                 {join(answer(unix.EEXIST), answer(unix.ENOMEM)), true, false},
		"not allowed":          {join(answer(unix.ENOMEM), answer(unix.EPERM)), true, true},
		"cut in the header":    {answer(unix.ENOMEM)[:10], false, false},
		"cut in the number":    {answer(unix.ENOMEM)[:netlinkHeader+2], false, true},
		"longer than it is":    {append([]byte{255, 0, 0, 0}, answer(0)[4:]...), false, true},
		"shorter than it must": {append([]byte{3, 0, 0, 0}, answer(0)[4:]...), false, true},
	} {
		full, err := parseRefusals(c.data)
		if full != c.full || (err != nil) != c.failed {
			t.Errorf("%s: full %t, %v", name, full, err)
		}
	}
}

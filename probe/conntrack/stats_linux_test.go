package conntrack

import (
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/netlink"
)

// A table is walked when there is something in it.
func TestEntries(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		count   uint32
		err     error
		entries int
	}{
		"empty":     {0, nil, 0},
		"two":       {2, nil, 2},
		"forbidden": {2, unix.EPERM, 0},
	} {
		var asked []uint16
		ask := func(request, _ []byte, fn func(uint16, []byte) error) error {
			kind := binary.NativeEndian.Uint16(request[4:]) &^ (Subsystem << 8)
			asked = append(asked, kind)
			if kind == msgGet {
				return errors.Join(fn(Subsystem<<8, nil), fn(Subsystem<<8, nil))
			}
			return errors.Join(tc.err, fn(0, netlink.Attr([]byte{0, 0, 0, 0}, statsGlobalCount, binary.BigEndian.AppendUint32(nil, tc.count))))
		}
		entries := 0
		err := Entries(ask, nil, func(uint16, []byte) error { entries++; return nil })
		if !errors.Is(err, tc.err) || entries != tc.entries || asked[0] != msgGetStats || len(asked) != 1+min(tc.entries, 1) {
			t.Errorf("%s: %d entries, %v, asked %d", name, entries, err, asked)
		}
	}
}

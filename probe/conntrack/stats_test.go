package conntrack

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/snattop/snattop/probe/netlink"
)

func TestParseStats(t *testing.T) {
	t.Parallel()
	number := func(dst []byte, kind uint16, n uint32) []byte {
		return netlink.Attr(dst, kind, binary.BigEndian.AppendUint32(nil, n))
	}
	head := []byte{0, 0, 0, 0}
	global := number(number(head, statsGlobalCount, 1234), statsGlobalMax, 262144)
	cpu := number(number(number(head, statsInsertFailed, 3), statsDrop, 5), statsEarlyDrop, 7)
	cpu = netlink.Attr(cpu, statsDrop, []byte{1, 2}) // another kernel's idea of it
	var st Stats
	for range 2 { // two CPUs
		if err := parseStats(cpu, true, &st); err != nil {
			t.Fatal(err)
		}
	}
	if err := parseStats(global, false, &st); err != nil {
		t.Fatal(err)
	}
	want := Stats{Count: 1234, Max: 262144, InsertFailed: 6, Drop: 10, EarlyDrop: 14}
	if st != want {
		t.Errorf("got %+v, want %+v", st, want)
	}
	if err := parseStats([]byte{2}, false, &st); !errors.Is(err, netlink.ErrShort) {
		t.Error(err)
	}
}

func FuzzParseStats(f *testing.F) {
	f.Add([]byte{2, 0, 0, 0}, false)
	f.Add(netlink.Attr([]byte{0, 0, 0, 0}, statsDrop, []byte{0, 0, 0, 7}), true)
	f.Fuzz(func(_ *testing.T, in []byte, perCPU bool) {
		var st Stats
		_ = parseStats(in, perCPU, &st) // any answer but a panic
	})
}

package probe

import (
	"net/netip"
	"testing"
)

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

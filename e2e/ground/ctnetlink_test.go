package ground

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
)

// event builds a conntrack message as the kernel sends it.
func event(kind uint16, status uint32, state byte) []byte {
	tcp := appendAttribute(nil, ctaTCPState, []byte{state})
	info := appendAttribute(nil, ctaProtoInfoTCP|attrNested, tcp)
	message := append(make([]byte, 0, 128), make([]byte, netlinkHeader)...)
	binary.NativeEndian.PutUint16(message[4:], kind)
	message = append(message, 2, 0, 0, 0)
	message = appendAttribute(message, ctaTupleOrig|attrNested, []byte("tuple"))
	message = appendAttribute(message, ctaStatus, binary.BigEndian.AppendUint32(nil, status))
	message = appendAttribute(message, ctaProtoInfo|attrNested, info)
	binary.NativeEndian.PutUint32(message, uint32(len(message)))
	return message
}

func TestParseEndings(t *testing.T) {
	const update = nfnlSubsysCTNetlink<<8 | ctMsgNew
	var data []byte
	data = append(data, event(update, 0x8e, 3)...)                 // established: goes on
	data = append(data, event(update, 0x8e, tcpStateTimeWait)...)  // ended
	data = append(data, event(update, 0x8e, tcpStateClose)...)     // reset
	data = append(data, event(update, 0x48e, tcpStateTimeWait)...) // fixed already
	data = append(data, event(2, 0x8e, tcpStateTimeWait)...)       // an error message
	endings, err := parseEndings(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(endings) != 2 || endings[0].reset || !endings[1].reset || endings[0].family != 2 || endings[0].status != 0x8e {
		t.Fatalf("endings = %+v", endings)
	}
	for i := range data {
		// Cut anywhere: an error or fewer endings, never a panic.
		if got, err := parseEndings(data[:i]); err == nil && len(got) > 2 {
			t.Errorf("cut at %d: %+v", i, got)
		}
	}
	if _, err := parseEndings(data[:len(data)-4]); !errors.Is(err, errShortMessage) {
		t.Errorf("cut short: %v", err)
	}
}

func TestHoldMessage(t *testing.T) {
	message := holdMessage(ending{family: 2, tuple: []byte("tuple"), status: 0x8e}, 240)
	if int(binary.NativeEndian.Uint32(message)) != len(message) || len(message)%4 != 0 {
		t.Fatalf("length = %d of %d", binary.NativeEndian.Uint32(message), len(message))
	}
	got := map[uint16][]byte{}
	if err := eachAttribute(message[netlinkHeader+netfilterHeader:], func(kind uint16, value []byte) error {
		got[kind] = value
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if string(got[ctaTupleOrig]) != "tuple" || binary.BigEndian.Uint32(got[ctaTimeout]) != 240 ||
		binary.BigEndian.Uint32(got[ctaStatus]) != 0x8e|ipsFixedTimeout {
		t.Errorf("attributes = %v", got)
	}
}

func TestParseStartTime(t *testing.T) {
	const stat = "27319 (a (strange) name) %s 1 27319 27319 0 -1 4194560 1 0 0 0 6 2 0 0 20 0 14 0 141234 1 2 3"
	for state, want := range map[string]bool{"S": true, "R": true, "Z": false, "X": false} {
		got, ok := parseStartTime(fmt.Sprintf(stat, state))
		if ok != want || (ok && got != 141234) {
			t.Errorf("%s: %d, %v", state, got, ok)
		}
	}
	for _, bad := range []string{"", "1 (x", "1 (x) S 1 2"} {
		if _, ok := parseStartTime(bad); ok {
			t.Errorf("%q: accepted", bad)
		}
	}
}

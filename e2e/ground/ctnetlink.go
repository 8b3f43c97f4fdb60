package ground

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The few words of the kernel's conntrack netlink protocol that the keeper of
// holds speaks.
const (
	nfnlSubsysCTNetlink = 1
	ctMsgNew            = 0
	ctMsgDelete         = 2
	nlmRequest          = 1
	netlinkHeader       = 16
	netfilterHeader     = 4

	ctaTupleOrig     = 1
	ctaStatus        = 3
	ctaProtoInfo     = 4
	ctaTimeout       = 7
	ctaProtoInfoTCP  = 1
	ctaTCPState      = 1
	attrNested       = 0x8000
	attrTypeMask     = 0x3fff
	ipsFixedTimeout  = 1 << 10
	tcpStateTimeWait = 7
	tcpStateClose    = 8
)

// ending is a conntrack event that says that a TCP flow has ended.
type ending struct {
	family byte
	tuple  []byte // content of CTA_TUPLE_ORIG, as the kernel sent it
	status uint32
	reset  bool // ended with RST rather than FIN
}

var errShortMessage = errors.New("netlink message ends early")

// parseEndings reads a datagram of conntrack events and keeps those that say
// that a flow has ended and may be evicted from now on.
func parseEndings(data []byte) ([]ending, error) {
	var found []ending
	for len(data) >= netlinkHeader {
		size := int(binary.NativeEndian.Uint32(data))
		kind := binary.NativeEndian.Uint16(data[4:])
		if size < netlinkHeader || size > len(data) {
			return found, errShortMessage
		}
		body := data[netlinkHeader:size]
		if kind == nfnlSubsysCTNetlink<<8|ctMsgNew {
			e, ok, err := parseEnding(body)
			if err != nil {
				return found, err
			}
			if ok {
				found = append(found, e)
			}
		}
		data = data[min(align(size), len(data)):]
	}
	return found, nil
}

func parseEnding(body []byte) (ending, bool, error) {
	if len(body) < netfilterHeader {
		return ending{}, false, errShortMessage
	}
	e := ending{family: body[0]}
	state := byte(0)
	err := eachAttribute(body[netfilterHeader:], func(kind uint16, value []byte) error {
		switch kind {
		case ctaTupleOrig:
			e.tuple = append([]byte(nil), value...)
		case ctaStatus:
			if len(value) < 4 {
				return errShortMessage
			}
			e.status = binary.BigEndian.Uint32(value)
		case ctaProtoInfo:
			return eachAttribute(value, func(kind uint16, value []byte) error {
				if kind != ctaProtoInfoTCP {
					return nil
				}
				return eachAttribute(value, func(kind uint16, value []byte) error {
					if kind == ctaTCPState && len(value) > 0 {
						state = value[0]
					}
					return nil
				})
			})
		}
		return nil
	})
	if err != nil {
		return ending{}, false, err
	}
	e.reset = state == tcpStateClose
	ended := state == tcpStateTimeWait || state == tcpStateClose
	return e, ended && len(e.tuple) > 0 && e.status&ipsFixedTimeout == 0, nil
}

func eachAttribute(data []byte, f func(kind uint16, value []byte) error) error {
	for len(data) >= 4 {
		size := int(binary.NativeEndian.Uint16(data))
		kind := binary.NativeEndian.Uint16(data[2:]) & attrTypeMask
		if size < 4 || size > len(data) {
			return fmt.Errorf("attribute %d of %d bytes: %w", kind, size, errShortMessage)
		}
		if err := f(kind, data[4:size]); err != nil {
			return err
		}
		data = data[min(align(size), len(data)):]
	}
	return nil
}

// holdMessage asks the kernel to keep the flow's entry for exactly so many
// seconds, come what may.
func holdMessage(e ending, seconds uint32) []byte {
	message := append(make([]byte, 0, 128), make([]byte, netlinkHeader)...)
	binary.NativeEndian.PutUint16(message[4:], nfnlSubsysCTNetlink<<8|ctMsgNew)
	binary.NativeEndian.PutUint16(message[6:], nlmRequest)
	message = append(message, e.family, 0, 0, 0)
	message = appendAttribute(message, ctaTupleOrig|attrNested, e.tuple)
	message = appendAttribute(message, ctaTimeout, binary.BigEndian.AppendUint32(nil, seconds))
	message = appendAttribute(message, ctaStatus, binary.BigEndian.AppendUint32(nil, e.status|ipsFixedTimeout))
	binary.NativeEndian.PutUint32(message, uint32(len(message)))
	return message
}

func appendAttribute(message []byte, kind uint16, value []byte) []byte {
	message = binary.NativeEndian.AppendUint16(message, uint16(4+len(value)))
	message = binary.NativeEndian.AppendUint16(message, kind)
	message = append(message, value...)
	for len(message)%4 != 0 {
		message = append(message, 0)
	}
	return message
}

func align(n int) int { return (n + 3) &^ 3 }

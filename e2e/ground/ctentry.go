package ground

import (
	"encoding/binary"
	"net/netip"
)

// More words of the protocol, from include/uapi/linux/netfilter/
// nfnetlink_conntrack.h and nf_conntrack_common.h.
const (
	nlmCreate    = 0x400
	nlmExclusive = 0x200

	ctaTupleReply = 2
	ctaTupleIP    = 1
	ctaTupleProto = 2
	ctaIPv4Src    = 1
	ctaIPv4Dst    = 2
	ctaProtoNum   = 1
	ctaProtoSrc   = 2
	ctaProtoDst   = 3

	ipsSeenReply        = 1 << 1
	ipsAssured          = 1 << 2
	ipsConfirmed        = 1 << 3
	tcpStateEstablished = 3
	familyIPv4          = 2
	protocolTCP         = 6
)

// entryMessage asks the kernel to enter an established TCP connection into its
// table. number picks the source's port and, after 65,536 of them, another
// destination port. Assured entries are not evicted when the table is full.
func entryMessage(source, target netip.Addr, number, seconds uint32) []byte {
	sport, dport := uint16(number), stuffingPort+uint16(number>>16)
	message := append(make([]byte, 0, 256), make([]byte, netlinkHeader)...)
	binary.NativeEndian.PutUint16(message[4:], nfnlSubsysCTNetlink<<8|ctMsgNew)
	binary.NativeEndian.PutUint16(message[6:], nlmRequest|nlmCreate|nlmExclusive)
	message = append(message, familyIPv4, 0, 0, 0)
	message = appendAttribute(message, ctaTupleOrig|attrNested, tcpTuple(source, target, sport, dport))
	message = appendAttribute(message, ctaTupleReply|attrNested, tcpTuple(target, source, dport, sport))
	message = appendAttribute(message, ctaTimeout, binary.BigEndian.AppendUint32(nil, seconds))
	message = appendAttribute(message, ctaStatus, binary.BigEndian.AppendUint32(nil, ipsSeenReply|ipsAssured|ipsConfirmed))
	state := appendAttribute(nil, ctaTCPState, []byte{tcpStateEstablished})
	message = appendAttribute(message, ctaProtoInfo|attrNested, appendAttribute(nil, ctaProtoInfoTCP|attrNested, state))
	binary.NativeEndian.PutUint32(message, uint32(len(message)))
	return message
}

// removalMessage asks the kernel to take an entry of entryMessage out again.
func removalMessage(source, target netip.Addr, number uint32) []byte {
	sport, dport := uint16(number), stuffingPort+uint16(number>>16)
	message := append(make([]byte, 0, 128), make([]byte, netlinkHeader)...)
	binary.NativeEndian.PutUint16(message[4:], nfnlSubsysCTNetlink<<8|ctMsgDelete)
	binary.NativeEndian.PutUint16(message[6:], nlmRequest)
	message = append(message, familyIPv4, 0, 0, 0)
	message = appendAttribute(message, ctaTupleOrig|attrNested, tcpTuple(source, target, sport, dport))
	binary.NativeEndian.PutUint32(message, uint32(len(message)))
	return message
}

// tcpTuple is the content of a CTA_TUPLE attribute.
func tcpTuple(src, dst netip.Addr, sport, dport uint16) []byte {
	from, to := src.As4(), dst.As4()
	ip := appendAttribute(appendAttribute(nil, ctaIPv4Src, from[:]), ctaIPv4Dst, to[:])
	proto := appendAttribute(nil, ctaProtoNum, []byte{protocolTCP})
	proto = appendAttribute(proto, ctaProtoSrc, binary.BigEndian.AppendUint16(nil, sport))
	proto = appendAttribute(proto, ctaProtoDst, binary.BigEndian.AppendUint16(nil, dport))
	return appendAttribute(appendAttribute(nil, ctaTupleIP|attrNested, ip), ctaTupleProto|attrNested, proto)
}

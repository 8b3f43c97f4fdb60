package probe

import (
	"encoding/binary"
	"net/netip"

	"github.com/snattop/snattop/probe/conntrack"
	"github.com/snattop/snattop/probe/netlink"
)

// An entry of a tracking table, as include/uapi/linux/netfilter/nfnetlink_conntrack.h
// describes it.
const (
	ctaTupleOrig = 1
	ctaStatus    = 3

	ctStatusSeenReply = 1 << 1 // IPS_SEEN_REPLY, in nf_conntrack_common.h

	ctaTupleIP    = 1
	ctaTupleProto = 2

	ctaIPv4Src = 1
	ctaIPv4Dst = 2
	ctaIPv6Src = 3
	ctaIPv6Dst = 4

	ctaProtoNum     = 1
	ctaProtoSrcPort = 2
	ctaProtoDstPort = 3
)

// parseCtFlow reads the original direction of one entry, and whether it has been
// answered; ok is false for what is neither TCP nor UDP.
func parseCtFlow(b []byte, s *Socket) (ok bool, err error) {
	if len(b) < conntrack.HeaderSize {
		return false, netlink.ErrShort
	}
	var proto uint8
	var src, dst netip.Addr
	var sport, dport uint16
	var inner error
	unanswered := false
	note := func(err error) {
		if inner == nil {
			inner = err
		}
	}
	err = netlink.Attrs(b[conntrack.HeaderSize:], func(kind uint16, v []byte) {
		if kind == ctaStatus && len(v) == 4 {
			unanswered = binary.BigEndian.Uint32(v)&ctStatusSeenReply == 0
		}
		if kind != ctaTupleOrig {
			return
		}
		note(netlink.Attrs(v, func(kind uint16, v []byte) {
			switch kind {
			case ctaTupleIP:
				note(netlink.Attrs(v, func(kind uint16, v []byte) {
					switch {
					case kind == ctaIPv4Src && len(v) == 4:
						src = netip.AddrFrom4([4]byte(v))
					case kind == ctaIPv4Dst && len(v) == 4:
						dst = netip.AddrFrom4([4]byte(v))
					case kind == ctaIPv6Src && len(v) == 16:
						src = netip.AddrFrom16([16]byte(v)).Unmap()
					case kind == ctaIPv6Dst && len(v) == 16:
						dst = netip.AddrFrom16([16]byte(v)).Unmap()
					}
				}))
			case ctaTupleProto:
				note(netlink.Attrs(v, func(kind uint16, v []byte) {
					switch {
					case kind == ctaProtoNum && len(v) == 1:
						proto = v[0]
					case kind == ctaProtoSrcPort && len(v) == 2:
						sport = binary.BigEndian.Uint16(v)
					case kind == ctaProtoDstPort && len(v) == 2:
						dport = binary.BigEndian.Uint16(v)
					}
				}))
			}
		}))
	})
	if err == nil {
		err = inner
	}
	if err != nil || proto != protocolTCP && proto != protocolUDP || !src.IsValid() || !dst.IsValid() {
		return false, err
	}
	*s = Socket{
		Protocol: proto, State: StateEstablished,
		Local: netip.AddrPortFrom(src, sport), Remote: netip.AddrPortFrom(dst, dport),
		Unanswered: unanswered,
	}
	return true, nil
}

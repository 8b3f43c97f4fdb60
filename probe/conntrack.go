package probe

import (
	"encoding/binary"
	"net/netip"
)

// ctnetlink as include/uapi/linux/netfilter/nfnetlink_conntrack.h describes it.
const (
	nfnlSubsysCtnetlink = 1
	ctMsgGet            = 1
	ctMsgGetStatsCPU    = 4
	ctMsgGetStats       = 5

	ctaTupleOrig = 1
	ctaFilter    = 25

	ctaTupleIP    = 1
	ctaTupleProto = 2

	ctaIPv4Src = 1
	ctaIPv4Dst = 2
	ctaIPv6Src = 3
	ctaIPv6Dst = 4

	ctaProtoNum     = 1
	ctaProtoSrcPort = 2
	ctaProtoDstPort = 3

	ctaFilterOrigFlags   = 1
	ctaFilterProtoNum    = 1 << 3 // CTA_FILTER_F_CTA_PROTO_NUM in nf_conntrack_netlink.c
	ctaStatsGlobalCount  = 1
	ctaStatsGlobalMax    = 2
	ctaStatsInsertFailed = 9
	ctaStatsDrop         = 10
	ctaStatsEarlyDrop    = 11

	nfgenmsgSize = 4
)

func ctRequest(kind uint16, flags uint16, family uint8, attrs []byte) []byte {
	payload := append([]byte{family, 0, 0, 0}, attrs...)
	return nlRequest(nfnlSubsysCtnetlink<<8|kind, flags, payload)
}

// ctUDPRequest asks for UDP entries. Kernels from 5.8 on filter by protocol
// themselves; older ones ignore the filter, so parseCtUDP looks again.
func ctUDPRequest(family uint8, filter bool) []byte {
	const dump = 0x300 | 0x1
	var attrs []byte
	if filter {
		proto := nlAttr(nil, ctaProtoNum, []byte{protocolUDP})
		tuple := nlAttr(nil, ctaTupleProto|0x8000, proto)
		attrs = nlAttr(attrs, ctaTupleOrig|0x8000, tuple)
		flags := nlAttr(nil, ctaFilterOrigFlags, binary.NativeEndian.AppendUint32(nil, ctaFilterProtoNum))
		attrs = nlAttr(attrs, ctaFilter|0x8000, flags)
	}
	return ctRequest(ctMsgGet, dump, family, attrs)
}

// parseCtUDP reads one entry; ok is false for what is not UDP.
func parseCtUDP(b []byte, s *Socket) (ok bool, err error) {
	if len(b) < nfgenmsgSize {
		return false, errNetlinkShort
	}
	var proto uint8
	var src, dst netip.Addr
	var sport, dport uint16
	var inner error
	note := func(err error) {
		if inner == nil {
			inner = err
		}
	}
	err = nlAttrs(b[nfgenmsgSize:], func(kind uint16, v []byte) {
		if kind != ctaTupleOrig {
			return
		}
		note(nlAttrs(v, func(kind uint16, v []byte) {
			switch kind {
			case ctaTupleIP:
				note(nlAttrs(v, func(kind uint16, v []byte) {
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
				note(nlAttrs(v, func(kind uint16, v []byte) {
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
	if err != nil || proto != protocolUDP || !src.IsValid() || !dst.IsValid() {
		return false, err
	}
	*s = Socket{
		Protocol: protocolUDP, State: StateEstablished,
		Local: netip.AddrPortFrom(src, sport), Remote: netip.AddrPortFrom(dst, dport),
	}
	return true, nil
}

// ctStats is the state of one namespace's table.
type ctStats struct{ count, max, insertFailed, drop, earlyDrop uint64 }

// parseCtStats adds one answer to the global or the per-CPU question.
func parseCtStats(b []byte, perCPU bool, st *ctStats) error {
	if len(b) < nfgenmsgSize {
		return errNetlinkShort
	}
	return nlAttrs(b[nfgenmsgSize:], func(kind uint16, v []byte) {
		if len(v) != 4 {
			return
		}
		n := uint64(binary.BigEndian.Uint32(v))
		switch {
		case !perCPU && kind == ctaStatsGlobalCount:
			st.count = n
		case !perCPU && kind == ctaStatsGlobalMax:
			st.max = n
		case perCPU && kind == ctaStatsInsertFailed:
			st.insertFailed += n
		case perCPU && kind == ctaStatsDrop:
			st.drop += n
		case perCPU && kind == ctaStatsEarlyDrop:
			st.earlyDrop += n
		}
	})
}

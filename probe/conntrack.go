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

	// enum ctattr_stats_global and enum ctattr_stats_cpu; 8 is what was inserted.
	ctaStatsGlobalCount  = 1
	ctaStatsGlobalMax    = 2
	ctaStatsInsertFailed = 9
	ctaStatsDrop         = 10
	ctaStatsEarlyDrop    = 11

	nfgenmsgSize = 4
)

func ctRequest(kind, flags uint16) []byte {
	payload := make([]byte, nfgenmsgSize) // AF_UNSPEC: both families
	return nlRequest(nfnlSubsysCtnetlink<<8|kind, flags, payload)
}

// ctDumpRequest asks for all entries of both families.
func ctDumpRequest() []byte { return ctRequest(ctMsgGet, nlFlagsDump) }

// parseCtFlow reads the original direction of one entry, and whether it has been
// answered; ok is false for what is neither TCP nor UDP.
func parseCtFlow(b []byte, s *Socket) (ok bool, err error) {
	if len(b) < nfgenmsgSize {
		return false, errNetlinkShort
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
	err = nlAttrs(b[nfgenmsgSize:], func(kind uint16, v []byte) {
		if kind == ctaStatus && len(v) == 4 {
			unanswered = binary.BigEndian.Uint32(v)&ctStatusSeenReply == 0
		}
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

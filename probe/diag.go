package probe

import (
	"encoding/binary"
	"net/netip"
)

// inet_diag as include/uapi/linux/inet_diag.h and sock_diag(7) describe it.
const (
	sockDiagByFamily  = 20
	inetDiagCgroupID  = 21 // INET_DIAG_CGROUP_ID, Linux 5.7
	inetDiagMsgSize   = 72
	familyINET        = 2
	familyINET6       = 10
	protocolTCP       = 6
	protocolUDP       = 17
	diagStatesOfFlows = 1<<StateEstablished | 1<<StateSynSent | 1<<StateFinWait1 | 1<<StateFinWait2 |
		1<<StateTimeWait | 1<<StateCloseWait | 1<<StateLastAck | 1<<StateClosing | 1<<StateListen
)

// diagRequest returns a dump request for the TCP sockets of one family: struct
// inet_diag_req_v2.
func diagRequest(family uint8) []byte {
	req := make([]byte, 56)
	req[0] = family
	req[1] = protocolTCP
	binary.NativeEndian.PutUint32(req[4:8], diagStatesOfFlows)
	const dump = 0x300 | 0x1 // NLM_F_DUMP | NLM_F_REQUEST
	return nlRequest(sockDiagByFamily, dump, req)
}

// parseDiag reads struct inet_diag_msg and the attributes behind it into s.
func parseDiag(b []byte, s *Socket) error {
	if len(b) < inetDiagMsgSize {
		return errNetlinkShort
	}
	family := b[0]
	id := b[4:]
	*s = Socket{Protocol: protocolTCP, State: State(b[1])}
	sport, dport := binary.BigEndian.Uint16(id[0:2]), binary.BigEndian.Uint16(id[2:4])
	src, dst := diagAddr(family, id[4:20]), diagAddr(family, id[20:36])
	s.Local, s.Remote = netip.AddrPortFrom(src, sport), netip.AddrPortFrom(dst, dport)
	// idiag_cookie is two native 32-bit halves, the low one first.
	s.Key = uint64(binary.NativeEndian.Uint32(id[40:44])) | uint64(binary.NativeEndian.Uint32(id[44:48]))<<32
	s.Inode = uint64(binary.NativeEndian.Uint32(b[68:72]))
	return nlAttrs(b[inetDiagMsgSize:], func(kind uint16, v []byte) {
		if kind == inetDiagCgroupID && len(v) == 8 {
			s.Cgroup = binary.NativeEndian.Uint64(v)
		}
	})
}

func diagAddr(family uint8, b []byte) netip.Addr {
	if family == familyINET {
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	return netip.AddrFrom16([16]byte(b[:16])).Unmap()
}

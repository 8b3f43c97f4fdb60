package probe

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/snattop/snattop/probe/netlink"
)

// inet_diag as include/uapi/linux/inet_diag.h and sock_diag(7) describe it.
const (
	// tcpDiagGetSock is TCPDIAG_GETSOCK, the request that is older than
	// sockDiagByFamily. The kernel answers it for both families at once: it
	// sets AF_UNSPEC itself (inet_diag_dump_compat), which a request by family
	// cannot ask for.
	tcpDiagGetSock   = 18
	sockDiagByFamily = 20

	inetDiagReqBytecode = 1  // INET_DIAG_REQ_BYTECODE
	inetDiagInfo        = 2  // INET_DIAG_INFO: struct tcp_info
	inetDiagCgroupID    = 21 // INET_DIAG_CGROUP_ID, Linux 5.7
	inetDiagMsgSize     = 72
	inetDiagReqSize     = 60 // struct inet_diag_req
	inetDiagReqV2Size   = 56 // struct inet_diag_req_v2

	familyINET  = 2
	familyINET6 = 10
	protocolTCP = 6
	protocolUDP = 17

	diagStatesOfListeners = 1 << StateListen
	diagStatesOfFlows     = 1<<StateEstablished | 1<<StateSynSent | 1<<StateFinWait1 | 1<<StateFinWait2 |
		1<<StateTimeWait | 1<<StateCloseWait | 1<<StateLastAck | 1<<StateClosing
)

// Fields of struct tcp_info (include/uapi/linux/tcp.h), all of 32 bits: how long
// ago, in milliseconds, data was sent, data came and an acknowledgement came;
// and segments in all, which the kernel tells since 4.2 (2efd055c53c0). The kernel
// tells no last acknowledgement sent.
const (
	tcpInfoLastDataSent = 44
	tcpInfoLastDataRecv = 52
	tcpInfoLastAckRecv  = 56
	tcpInfoSegsOut      = 136
	tcpInfoSegsIn       = 140
)

// diagQuery is what a dump is to tell.
type diagQuery struct {
	states uint32
	// filter is byte-code, or nil.
	filter []byte
	// silence asks for how silent connections are, which makes the answer long.
	silence bool
}

// extensions are bits that ask for attributes.
func (q *diagQuery) extensions() byte {
	if q.silence {
		return 1 << (inetDiagInfo - 1)
	}
	return 0
}

// diagRequest returns a dump request for the TCP sockets of both families:
// struct inet_diag_req.
func diagRequest(q diagQuery) []byte {
	req := make([]byte, inetDiagReqSize)
	req[3] = q.extensions()
	binary.NativeEndian.PutUint32(req[52:56], q.states)
	return netlink.Request(tcpDiagGetSock, netlink.FlagsDump, withFilter(req, q.filter))
}

// diagFamilyRequest returns a dump request for one family: struct
// inet_diag_req_v2.
func diagFamilyRequest(family uint8, q diagQuery) []byte {
	req := make([]byte, inetDiagReqV2Size)
	req[0] = family
	req[1] = protocolTCP
	req[2] = q.extensions()
	binary.NativeEndian.PutUint32(req[4:8], q.states)
	return netlink.Request(sockDiagByFamily, netlink.FlagsDump, withFilter(req, q.filter))
}

func withFilter(req, filter []byte) []byte {
	if len(filter) == 0 {
		return req
	}
	return netlink.Attr(req, inetDiagReqBytecode, filter)
}

// parseDiag reads struct inet_diag_msg and the attributes behind it into s.
func parseDiag(b []byte, s *Socket) error {
	if len(b) < inetDiagMsgSize {
		return netlink.ErrShort
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
	return netlink.Attrs(b[inetDiagMsgSize:], func(kind uint16, v []byte) {
		switch {
		case kind == inetDiagCgroupID && len(v) == 8:
			s.Cgroup = binary.NativeEndian.Uint64(v)
		case kind == inetDiagInfo && s.State == StateEstablished:
			s.Silence = parseSilence(v)
		}
	})
}

// parseSilence reads struct tcp_info, which grows with the kernel.
func parseSilence(v []byte) silence {
	if len(v) < tcpInfoLastAckRecv+4 {
		return silence{}
	}
	field := func(at int) uint32 { return binary.NativeEndian.Uint32(v[at:]) }
	ms := min(field(tcpInfoLastDataSent), field(tcpInfoLastDataRecv), field(tcpInfoLastAckRecv))
	out := silence{known: true, idle: time.Duration(ms) * time.Millisecond}
	if len(v) >= tcpInfoSegsIn+4 {
		out.segments = field(tcpInfoSegsOut) + field(tcpInfoSegsIn)
	}
	return out
}

func diagAddr(family uint8, b []byte) netip.Addr {
	if family == familyINET {
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	return netip.AddrFrom16([16]byte(b[:16])).Unmap()
}

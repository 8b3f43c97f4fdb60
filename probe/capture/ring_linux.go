package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// The ring of packet(7), version 3 (include/uapi/linux/if_packet.h): blocks that
// the kernel fills one after the other, and hands over when they are full or
// have waited for blockTime.
const (
	blockSize  = 256 << 10
	blockCount = 32
	blockTime  = 50 * time.Millisecond

	// Offsets in struct tpacket_block_desc.
	blockStatus  = 8
	blockPackets = 12
	blockFirst   = 16
	// Offsets in struct tpacket3_hdr, and of the struct sockaddr_ll behind it.
	packetNext    = 0
	packetSec     = 4
	packetNsec    = 8
	packetSnaplen = 12
	packetLen     = 16
	packetStatus  = 20
	packetMAC     = 24
	packetTCI     = 32
	packetTPID    = 36
	packetAddress = unix.SizeofTpacket3Hdr
	packetType    = packetAddress + 10
)

// errDown means that the interface has gone down, or away.
var errDown = errors.New("the interface went down: its pod may have ended")

// ring is a packet socket.
type ring struct {
	fd    int
	link  Link
	mem   []byte
	block int
	// scratch holds a packet whose tag was put back.
	scratch []byte
	// The kernel's counters begin anew with each reading.
	seen, dropped uint64
}

// openRing captures on an interface of the calling thread's network namespace;
// the socket stays there wherever the thread goes. Nothing arrives before the
// filter holds: the socket is bound to no protocol until then.
func openRing(of Device, link Link, filter Filter, snaplen uint32) (_ *ring, err error) {
	kind := unix.SOCK_RAW
	if link == RawIP {
		kind = unix.SOCK_DGRAM // from the network header on
	}
	fd, err := unix.Socket(unix.AF_PACKET, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("opening a packet socket: %w", err)
	}
	r := &ring{fd: fd, link: link, scratch: make([]byte, 0, MaxSnaplen+tagSize)}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	code, err := filter.Program(link, snaplen)
	if err != nil {
		return nil, err
	}
	if err := r.attach(code); err != nil {
		return nil, fmt.Errorf("attaching the filter: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return nil, fmt.Errorf("asking for packet rings of version 3: %w", err)
	}
	if err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &unix.TpacketReq3{
		Block_size: blockSize, Block_nr: blockCount, Frame_size: blockSize, Frame_nr: blockCount,
		Retire_blk_tov: uint32(blockTime / time.Millisecond),
	}); err != nil {
		return nil, fmt.Errorf("making the packet ring: %w", err)
	}
	if r.mem, err = unix.Mmap(fd, 0, blockSize*blockCount, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return nil, fmt.Errorf("mapping the packet ring: %w", err)
	}
	if of.Loopback {
		// Kernels before 4.20 do not know this, and show packets twice.
		_ = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL), Ifindex: of.Index}); err != nil {
		return nil, fmt.Errorf("binding to the interface: %w", err)
	}
	return r, nil
}

// networkOrder returns a number whose bytes in memory are big-endian.
func networkOrder(n uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], n)
	return binary.NativeEndian.Uint16(b[:])
}

func (r *ring) attach(code []bpf.Instruction) error {
	raw, err := bpf.Assemble(code)
	if err != nil {
		return err
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, in := range raw {
		filter[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	return unix.SetsockoptSockFprog(r.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{
		Len: uint16(len(filter)), Filter: &filter[0], //nolint:gosec // at most BPF_MAXINSNS
	})
}

// read implements source.
func (r *ring) read(patience time.Duration, fn func(Packet)) error {
	if !r.ready() {
		fds := []unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN | unix.POLLERR}} //nolint:gosec // a file descriptor
		_, err := unix.Poll(fds, int(patience/time.Millisecond))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("waiting for packets: %w", err)
		}
		if fds[0].Revents&unix.POLLERR != 0 && !r.ready() {
			return r.broken()
		}
	}
	for range blockCount {
		if !r.ready() {
			return nil
		}
		if err := r.take(fn); err != nil {
			return err
		}
		r.status().Store(unix.TP_STATUS_KERNEL)
		r.block = (r.block + 1) % blockCount
	}
	return nil
}

// broken says what the socket's error is.
func (r *ring) broken() error {
	code, err := unix.GetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	switch {
	case err != nil:
		return fmt.Errorf("asking for the packet socket's error: %w", err)
	case code == int(unix.ENETDOWN):
		return errDown
	case code != 0:
		return fmt.Errorf("reading packets: %w", unix.Errno(code))
	default:
		return nil
	}
}

// status is the word by which kernel and reader hand a block to each other.
func (r *ring) status() *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Pointer(&r.mem[r.block*blockSize+blockStatus])) //nolint:gosec // within the mapping, aligned
}

func (r *ring) ready() bool { return r.status().Load()&unix.TP_STATUS_USER != 0 }

// take calls fn for the packets of the current block.
func (r *ring) take(fn func(Packet)) error {
	block := r.mem[r.block*blockSize : (r.block+1)*blockSize]
	at := binary.NativeEndian.Uint32(block[blockFirst:])
	for range binary.NativeEndian.Uint32(block[blockPackets:]) {
		if uint64(at)+packetType >= blockSize {
			return errors.New("the kernel's packet ring makes no sense")
		}
		head := block[at:]
		from := uint64(binary.NativeEndian.Uint16(head[packetMAC:]))
		to := from + uint64(binary.NativeEndian.Uint32(head[packetSnaplen:]))
		if to > uint64(len(head)) {
			return errors.New("the kernel's packet ring makes no sense")
		}
		p := Packet{
			UnixNanos: int64(binary.NativeEndian.Uint32(head[packetSec:]))*int64(time.Second) + int64(binary.NativeEndian.Uint32(head[packetNsec:])),
			Length:    binary.NativeEndian.Uint32(head[packetLen:]), Data: head[from:to], Direction: Inbound,
		}
		if head[packetType] == unix.PACKET_OUTGOING {
			p.Direction = Outbound
		}
		r.tagged(head, &p)
		fn(p)
		at += binary.NativeEndian.Uint32(head[packetNext:])
	}
	return nil
}

// tagged puts the VLAN tag back that the kernel took off.
func (r *ring) tagged(head []byte, p *Packet) {
	status := binary.NativeEndian.Uint32(head[packetStatus:])
	const addresses = 12 // of an Ethernet header, before the tag
	if r.link != Ethernet || status&unix.TP_STATUS_VLAN_VALID == 0 || len(p.Data) < addresses {
		return
	}
	kind := uint16(etherVLAN)
	if status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		kind = binary.NativeEndian.Uint16(head[packetTPID:])
	}
	b := r.scratch[:0]
	b = append(b, p.Data[:addresses]...)
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(binary.NativeEndian.Uint32(head[packetTCI:]))) //nolint:gosec // the field is of 16 bits
	b = append(b, p.Data[addresses:]...)
	p.Data = b
	p.Length += tagSize
}

// counts implements source.
func (r *ring) counts() (seen, dropped uint64, err error) {
	st, err := unix.GetsockoptTpacketStatsV3(r.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return 0, 0, fmt.Errorf("asking for the packet socket's counters: %w", err)
	}
	r.seen += uint64(st.Packets) // those dropped are among them
	r.dropped += uint64(st.Drops)
	return r.seen, r.dropped, nil
}

// stop implements source.
func (r *ring) stop() error {
	if err := r.attach([]bpf.Instruction{bpf.RetConstant{Val: 0}}); err != nil {
		return fmt.Errorf("closing the filter: %w", err)
	}
	return nil
}

func (r *ring) close() error {
	var err error
	if r.mem != nil {
		err = unix.Munmap(r.mem)
	}
	return errors.Join(err, unix.Close(r.fd))
}

//go:build bench && linux

package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// farSide answers for every address beyond the network namespace of this
// process, as the peers of a node's connections do from elsewhere: no socket,
// no process and no port of this machine is spent on it. It accepts whatever
// knocks, and says nothing ever after.
//
// Peers that are processes of this machine (peers_test.go) double the sockets that
// every dump walks over.
func farSide() error {
	// Not blocking, so that os.File waits for packets instead of a thread.
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening /dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq("far0")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		return fmt.Errorf("making a tun device: %w", err)
	}
	tun := os.NewFile(uintptr(fd), "tun")
	if err := configure("link set far0 up\nroute add default dev far0\n"); err != nil {
		return err
	}
	go func() {
		buf := make([]byte, 2048)
		for {
			n, err := tun.Read(buf)
			if err != nil {
				fmt.Fprintln(os.Stderr, "the far side ended:", err)
				return
			}
			answer := accept(buf[:n])
			if answer == nil {
				continue
			}
			if _, err := tun.Write(answer); err != nil && !errors.Is(err, unix.ENOBUFS) {
				fmt.Fprintln(os.Stderr, "the far side ended:", err)
				return
			}
		}
	}()
	return nil
}

const (
	ipHeader  = 20
	tcpHeader = 20

	flagSYN = 0x02
	flagACK = 0x10
)

// accept returns the SYN-ACK to an IPv4 SYN, and nil to anything else. The
// answer lies in the packet's own memory.
func accept(packet []byte) []byte {
	if len(packet) < ipHeader+tcpHeader || packet[0] != 0x45 || packet[9] != unix.IPPROTO_TCP {
		return nil
	}
	ip, tcp := packet[:ipHeader], packet[ipHeader:ipHeader+tcpHeader]
	if tcp[13]&(flagSYN|flagACK) != flagSYN {
		return nil
	}
	var source [4]byte
	copy(source[:], ip[12:16])
	copy(ip[12:16], ip[16:20])
	copy(ip[16:20], source[:])
	binary.BigEndian.PutUint16(ip[2:], ipHeader+tcpHeader)
	setChecksum(ip[10:12], sum(ip))

	from := binary.BigEndian.Uint16(tcp)
	copy(tcp[0:2], tcp[2:4])
	binary.BigEndian.PutUint16(tcp[2:], from)
	binary.BigEndian.PutUint32(tcp[8:], binary.BigEndian.Uint32(tcp[4:])+1)
	binary.BigEndian.PutUint32(tcp[4:], 1)
	tcp[12], tcp[13] = tcpHeader/4<<4, flagSYN|flagACK
	setChecksum(tcp[16:18], sum(tcp)+sum(ip[12:20])+unix.IPPROTO_TCP+tcpHeader)
	return packet[:ipHeader+tcpHeader]
}

// sum adds up 16-bit words.
func sum(b []byte) uint32 {
	total := uint32(0)
	for i := 0; i < len(b); i += 2 {
		total += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	return total
}

// setChecksum writes the Internet checksum whose field still holds the old one,
// which total includes.
func setChecksum(field []byte, total uint32) {
	total -= uint32(binary.BigEndian.Uint16(field))
	for total > 0xffff {
		total = total&0xffff + total>>16
	}
	binary.BigEndian.PutUint16(field, ^uint16(total))
}

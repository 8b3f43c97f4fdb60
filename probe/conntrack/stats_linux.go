package conntrack

import (
	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/netlink"
)

// ReadStats reads the state of the table of the calling thread's network
// namespace; buf takes answers of the kernel.
func ReadStats(buf []byte) (Stats, error) {
	var st Stats
	const ask, ack = 0x1, 0x4
	err := netlink.Dump(unix.NETLINK_NETFILTER, request(msgGetStats, ask|ack), buf, func(_ uint16, b []byte) error {
		return parseStats(b, false, &st)
	})
	if err != nil {
		return st, err
	}
	err = netlink.Dump(unix.NETLINK_NETFILTER, request(msgGetStatsCPU, netlink.FlagsDump), buf, func(_ uint16, b []byte) error {
		return parseStats(b, true, &st)
	})
	return st, err
}

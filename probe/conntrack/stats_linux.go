package conntrack

import (
	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/netlink"
)

// ReadStats reads the state of the table of the calling thread's network
// namespace; buf takes answers of the kernel.
func ReadStats(buf []byte) (Stats, error) {
	var st Stats
	err := netlink.Dump(unix.NETLINK_NETFILTER, request(msgGetStats, flagsAsk), buf, func(_ uint16, b []byte) error {
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

// Entries calls fn for every entry of a table, of both families; buf takes answers.
// An empty table is not walked: its buckets are many all the same, and Linux 6.18
// takes some 9 ms for 262,144 of them.
func Entries(ask netlink.Ask, buf []byte, fn func(kind uint16, payload []byte) error) error {
	empty := false
	err := ask(request(msgGetStats, flagsAsk), buf, func(_ uint16, b []byte) error {
		st := Stats{Count: 1}
		err := parseStats(b, false, &st)
		empty = st.Count == 0
		return err
	})
	if err != nil || empty {
		return err
	}
	return ask(request(msgGet, netlink.FlagsDump), buf, fn)
}

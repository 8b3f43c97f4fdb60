// Package conntrack asks the kernel for connection tracking tables, as
// include/uapi/linux/netfilter/nfnetlink_conntrack.h describes it.
package conntrack

import (
	"encoding/binary"

	"github.com/snattop/snattop/probe/netlink"
)

const (
	// Subsystem is ctnetlink's number among those of nfnetlink.
	Subsystem = 1
	// HeaderSize is that of struct nfgenmsg, with which every message begins.
	HeaderSize = 4

	msgGet         = 1
	msgGetStatsCPU = 4
	msgGetStats    = 5

	// enum ctattr_stats_global and enum ctattr_stats_cpu; 8 is what was inserted.
	statsGlobalCount  = 1
	statsGlobalMax    = 2
	statsInsertFailed = 9
	statsDrop         = 10
	statsEarlyDrop    = 11

	// flagsAsk are NLM_F_REQUEST and NLM_F_ACK: one answer and an end.
	flagsAsk = 0x1 | 0x4
)

func request(kind, flags uint16) []byte {
	payload := make([]byte, HeaderSize) // AF_UNSPEC: both families
	return netlink.Request(Subsystem<<8|kind, flags, payload)
}

// Stats is the state of one namespace's table. Count and Max are entries, the
// others packets since the namespace began: InsertFailed those whose entry was
// there already, or found no free port; Drop those that found the table full;
// EarlyDrop the entries that were given up for others.
type Stats struct{ Count, Max, InsertFailed, Drop, EarlyDrop uint64 }

// parseStats adds one answer to the global or the per-CPU question.
func parseStats(b []byte, perCPU bool, st *Stats) error {
	if len(b) < HeaderSize {
		return netlink.ErrShort
	}
	return netlink.Attrs(b[HeaderSize:], func(kind uint16, v []byte) {
		if len(v) != 4 {
			return
		}
		n := uint64(binary.BigEndian.Uint32(v))
		switch {
		case !perCPU && kind == statsGlobalCount:
			st.Count = n
		case !perCPU && kind == statsGlobalMax:
			st.Max = n
		case perCPU && kind == statsInsertFailed:
			st.InsertFailed += n
		case perCPU && kind == statsDrop:
			st.Drop += n
		case perCPU && kind == statsEarlyDrop:
			st.EarlyDrop += n
		}
	})
}

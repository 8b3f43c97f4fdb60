package procfs

import (
	"strconv"
	"strings"
)

// Counters reads one table of /proc/<pid>/net/snmp or netstat: a line of names
// and a line of numbers, both beginning with "Tcp:". What is no number is left
// out.
func Counters(text, table string) map[string]uint64 {
	out := map[string]uint64{}
	var names []string
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, table+":")
		if !ok {
			continue
		}
		fields := strings.Fields(rest)
		if names == nil {
			names = fields
			continue
		}
		for i, f := range fields[:min(len(fields), len(names))] {
			// Some are signed: MaxConn is -1.
			if n, err := strconv.ParseUint(f, 10, 64); err == nil {
				out[names[i]] = n
			}
		}
		break
	}
	return out
}

// SoftnetDropped adds up the second column of /proc/net/softnet_stat: packets
// for which a processor's backlog had no room.
func SoftnetDropped(text string) uint64 {
	var sum uint64
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 1 {
			n, _ := strconv.ParseUint(f[1], 16, 64) // what is no number drops nothing
			sum += n
		}
	}
	return sum
}

// NeighbourTable reads /proc/net/stat/arp_cache: how many entries there are, and
// how often there was no room for another. ok is false when it is no such text.
func NeighbourTable(text string) (entries, full uint64, ok bool) {
	column := -1
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if !ok {
			if len(f) == 0 || f[0] != "entries" {
				return 0, 0, false
			}
			ok = true
			for i, name := range f {
				if name == "table_fulls" {
					column = i
				}
			}
			continue
		}
		if len(f) == 0 {
			continue
		}
		// The same on the line of each processor, unlike what follows it.
		if n, err := strconv.ParseUint(f[0], 16, 64); err == nil {
			entries = n
		}
		if column >= 0 && column < len(f) {
			n, _ := strconv.ParseUint(f[column], 16, 64) // what is no number adds nothing
			full += n
		}
	}
	return entries, full, ok
}

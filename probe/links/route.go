package links

import (
	"strconv"
	"strings"
)

// DefaultRoute names the interface of the best default route in the texts of
// /proc/net/route and /proc/net/ipv6_route; "" when there is none.
func DefaultRoute(v4, v6 string) string {
	best, metric := "", uint64(0)
	better := func(name, text string, base int) {
		m, err := strconv.ParseUint(text, base, 32)
		if err == nil && (best == "" || m < metric) {
			best, metric = name, m
		}
	}
	for line := range strings.Lines(v4) {
		// Iface Destination Gateway Flags RefCnt Use Metric Mask …
		f := strings.Fields(line)
		if len(f) >= 8 && f[1] == "00000000" && f[7] == "00000000" {
			better(f[0], f[6], 10)
		}
	}
	if best != "" {
		return best
	}
	for line := range strings.Lines(v6) {
		// destination length source length hop metric references use flags name
		f := strings.Fields(line)
		if len(f) == 10 && strings.Trim(f[0], "0") == "" && f[1] == "00" && f[9] != "lo" {
			better(f[9], f[5], 16)
		}
	}
	return best
}

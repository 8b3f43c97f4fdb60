package tcptracer

import (
	"bytes"
	"slices"
)

// Format is the columns that a tool prints, which depend on its options.
type Format struct {
	// Time is whether -t was given.
	Time bool
	// Verbose is whether -v was given: words instead of letters for the kinds,
	// and nanoseconds instead of seconds.
	Verbose bool
	// NetNS is whether the namespace is told: with -v, unless -N names one.
	NetNS bool
}

// runFormat is the format of the options that Start gives.
var runFormat = Format{Time: true, Verbose: true, NetNS: true}

// The widths to which columns are padded, the same in every version. They are
// minima: a longer value pushes the rest to the right. TIME is followed by no
// blank, so after 2 h 46 min it touches the next column.
const (
	widthNanos   = 14 // TIME(ns)
	widthSeconds = 9  // TIME(s)
	widthWord    = 13 // TYPE and a blank
	widthLetter  = 3  // T and a blank
	widthPID     = 6
	widthComm    = 16
)

// ParseHeader reads the line of headings. The tool prints it once its probes
// are attached, after a line of greeting.
func ParseHeader(line []byte) (Format, bool) {
	var f Format
	words := bytes.Fields(line)
	if len(words) == 0 {
		return f, false
	}
	unit := string(words[0])
	if unit == "TIME(ns)" || unit == "TIME(s)" {
		f.Time = true
		words = words[1:]
	}
	middle := []string{"PID", "COMM", "IP", "SADDR", "DADDR", "SPORT", "DPORT"}
	if len(words) < 1+len(middle) || len(words) > 2+len(middle) {
		return Format{}, false
	}
	switch string(words[0]) {
	case "TYPE":
		f.Verbose = true
	case "T":
	default:
		return Format{}, false
	}
	if f.Time && f.Verbose != (unit == "TIME(ns)") {
		return Format{}, false
	}
	if !slices.EqualFunc(words[1:1+len(middle)], middle, func(a []byte, b string) bool { return string(a) == b }) {
		return Format{}, false
	}
	if rest := words[1+len(middle):]; len(rest) == 1 {
		f.NetNS = true
		if !f.Verbose || string(rest[0]) != "NETNS" {
			return Format{}, false
		}
	}
	return f, true
}

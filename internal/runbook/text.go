package runbook

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
)

// num writes a number with commas between its thousands.
func num[N int | uint64](n N) string {
	digits := strconv.FormatUint(uint64(max(n, 0)), 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// plural writes a number with its noun: "1 connection", "12 connections".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return num(n) + " " + noun + "s"
}

// perSecond writes events a second.
func perSecond(r float64) string {
	switch {
	case math.IsNaN(r) || r <= 0:
		return "0"
	case r < 0.1:
		return "under 0.1"
	case r < 9.95:
		return strings.TrimSuffix(strconv.FormatFloat(r, 'f', 1, 64), ".0")
	case r > 1e12:
		return "over a trillion"
	default:
		return num(int(math.Round(r)))
	}
}

// percent writes a share. What is not nothing and not all is never rounded to
// it.
func percent(share float64) string {
	p := math.Round(100 * share)
	switch {
	case math.IsNaN(p) || p < 0:
		p = 0
	case p == 0 && share > 0:
		return "under 1 %"
	case p >= 100 && share < 1:
		p = 99
	}
	return strconv.Itoa(int(min(p, 100))) + " %"
}

// span writes a duration in its largest whole unit.
func span(d time.Duration) string {
	switch d = max(d, 0); {
	case d < 2*time.Minute:
		return num(int(d/time.Second)) + " s"
	case d < 2*time.Hour:
		return num(int(d/time.Minute)) + " min"
	default:
		return num(int(d/time.Hour)) + " h"
	}
}

// clock writes a time of day in UTC.
func clock(t time.Time) string { return t.UTC().Format("15:04:05Z") }

// collectorName spells a collector as operators know it.
func collectorName(name string) string {
	switch name {
	case "diag":
		return "inet_diag"
	case "ebpf":
		return "eBPF"
	case "":
		return "the collector"
	default:
		return sanitize.Text(name)
	}
}

// titled names an owner as the pages do.
func titled(o *session.Owner) string { return sanitize.Text(o.Title()) }

// whose names an owner by the workload that made it, which is who can mend it.
func whose(o *session.Owner) string {
	if o.Name == "" || o.Workload.Name == "" {
		return titled(o)
	}
	if o.Namespace == "" {
		return sanitize.Text(o.Workload.Name)
	}
	return sanitize.Text(o.Namespace + "/" + o.Workload.Name)
}

func sentence(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// Quote makes a word from the cluster safe to paste into a POSIX shell.
func Quote(word string) string {
	word = sanitize.Text(word)
	safe := word != "" && !strings.HasPrefix(word, "-") && !strings.ContainsFunc(word, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_@%+=:,./-", r))
	})
	if safe {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

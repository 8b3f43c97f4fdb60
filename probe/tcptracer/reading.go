package tcptracer

import (
	"fmt"

	"github.com/snattop/snattop/probe/count"
)

// Read tells what has been counted since the last reading. Rows carry NetNS,
// PID and Remote, the gauge Established and the events Opens, Closes and Lives;
// the tool knows of nothing else.
func (t *Table) Read() count.Reading {
	t.out = t.out[:0]
	for k, r := range t.rows {
		t.out = append(t.out, count.Row{
			Key: k, Command: r.command, Gauges: count.Gauges{Established: r.established}, Events: r.events,
		})
		r.events = count.Events{}
		if r.established == 0 {
			delete(t.rows, k)
		}
	}
	reading := count.Reading{Rows: t.out, Lost: t.lost}
	if t.malformed > 0 {
		reading.Problems = append(reading.Problems, fmt.Sprintf("%d lines of tcptracer did not parse", t.malformed))
	}
	if t.untracked > 0 {
		reading.Problems = append(reading.Problems,
			fmt.Sprintf("more than %d connections are open: tcptracer's count of those that are open lacks %d", t.max, t.untracked))
	}
	t.malformed, t.untracked = 0, 0
	return reading
}

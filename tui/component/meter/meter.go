// Package meter draws quantities: bars in eighth blocks and sparklines.
package meter

import "strings"

// blocks are the left eighths of a cell, from one to eight.
var blocks = [...]string{"▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"}

// levels are the lower eighths of a cell, from one to eight.
var levels = [...]rune{'▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'}

// Bar draws part of whole as a bar of at most width cells. What is not
// nothing shows at least an eighth; more than the whole is a full bar.
func Bar(part, whole, width int) string {
	if width <= 0 || whole <= 0 || part <= 0 {
		return ""
	}
	eighths := width * 8
	if part < whole {
		eighths = max(1, int(float64(part)/float64(whole)*float64(eighths)))
	}
	s := strings.Repeat(blocks[7], eighths/8)
	if rest := eighths % 8; rest > 0 {
		s += blocks[rest-1]
	}
	return s
}

// Spark draws values as a line of width cells, newest at the right, against a
// scale from zero to full. Without a scale (full of zero or less) the highest
// value is full. Several values that share a cell show their highest; fewer
// values than cells leave the left empty.
func Spark(values []int, full, steps, width int) string {
	if width <= 0 {
		return ""
	}
	if len(values) > steps {
		values = values[len(values)-steps:]
	}
	if full <= 0 {
		for _, v := range values {
			full = max(full, v)
		}
	}
	if len(values) == 0 || steps <= 0 {
		return strings.Repeat(" ", width)
	}
	cells := make([]rune, width)
	for i := range cells {
		// The cell covers the steps [from, to) of the whole window.
		from := i*steps/width - (steps - len(values))
		to := max((i+1)*steps/width, i*steps/width+1) - (steps - len(values))
		cells[i] = ' '
		if to <= 0 || from >= len(values) {
			continue
		}
		high := 0
		for _, v := range values[max(from, 0):min(to, len(values))] {
			high = max(high, v)
		}
		level := 0
		if full > 0 {
			level = int(float64(min(high, full)) / float64(full) * 7.999)
		}
		cells[i] = levels[max(level, 0)]
	}
	return string(cells)
}

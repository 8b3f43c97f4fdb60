package meter_test

import (
	"math"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/tui/component/meter"
)

func TestBar(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		part, whole, width int
		want               string
	}{
		{0, 100, 4, ""}, {1, 1000000, 4, "▏"}, {50, 100, 4, "██"}, {99, 100, 4, "███▉"}, {100, 100, 4, "████"},
		{900, 100, 4, "████"}, {5, 0, 4, ""}, {5, 10, 0, ""}, {-5, 10, 4, ""}, {math.MaxInt, math.MaxInt, 2, "██"},
	} {
		if got := meter.Bar(c.part, c.whole, c.width); got != c.want {
			t.Errorf("Bar(%d, %d, %d) = %q, want %q", c.part, c.whole, c.width, got, c.want)
		}
	}
}

func TestSpark(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values             []int
		full, steps, width int
		want               string
	}{
		{nil, 100, 8, 4, "    "},
		{[]int{0, 50, 100}, 100, 3, 3, "▁▄█"},
		{[]int{100}, 100, 4, 4, "   █"},
		{[]int{1, 2, 4, 8}, 0, 4, 2, "▂█"},
		{[]int{9, 9, 0, 0}, 9, 2, 2, "▁▁"},
		{[]int{1}, 1, 1, 0, ""},
		{[]int{0, 0}, 0, 2, 2, "▁▁"},
		{[]int{10, 20}, 20, 2, 4, "▄▄██"},
	} {
		got := meter.Spark(c.values, c.full, c.steps, c.width)
		if got != c.want {
			t.Errorf("Spark(%v, %d, %d, %d) = %q, want %q", c.values, c.full, c.steps, c.width, got, c.want)
		}
		if w := ansi.StringWidth(got); w != c.width {
			t.Errorf("Spark(%v) is %d wide, want %d", c.values, w, c.width)
		}
	}
}

package stepper_test

import (
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/tui/component/stepper"
	"github.com/snattop/snattop/tui/theme"
)

func TestHitAgreesWithView(t *testing.T) {
	t.Parallel()
	line := ansi.Strip(stepper.View(1, theme.New(true, true), 60))
	if want := " ① Node ── ❷ Pod ── ③ Connections ── ④ Cause ── ⑤ Proof"; ansi.Cut(line, 0, ansi.StringWidth(want)) != want || ansi.StringWidth(line) != 60 {
		t.Fatalf("%q", line)
	}
	for x := -1; x < 60; x++ {
		want := -1
		switch {
		case x >= 1 && x < 7:
			want = 0
		case x >= 11 && x < 16:
			want = 1
		case x >= 20 && x < 33:
			want = 2
		case x >= 37 && x < 44:
			want = 3
		case x >= 48 && x < 55:
			want = 4
		}
		if got := stepper.Hit(x); got != want {
			t.Errorf("Hit(%d) = %d, want %d", x, got, want)
		}
	}
}

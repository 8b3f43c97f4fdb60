package format_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/format"
)

func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 1024: "1,024", -1024: "-1,024", 1234567: "1,234,567", 100000: "100,000"} {
		if got := format.Count(n); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
	if got, want := format.Count(uint64(math.MaxUint64)), "18,446,744,073,709,551,615"; got != want {
		t.Errorf("Count(MaxUint64) = %q, want %q", got, want)
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	for r, want := range map[float64]string{
		0: "0", 0.004: "<0.01", 0.02: "0.02", 0.5: "0.5", 1: "1", 4.94: "4.9", 9.96: "10", 311.6: "312", 4000: "4,000",
		-1: format.Dash, math.Inf(1): format.Dash, 1e300: ">1e12",
	} {
		if got := format.Rate(r); got != want {
			t.Errorf("Rate(%v) = %q, want %q", r, got, want)
		}
	}
}

func TestPercent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		part, whole int
		want        string
	}{{0, 1024, "0%"}, {1, 1024, "<1%"}, {612, 1024, "60%"}, {1023, 1024, "99%"}, {1024, 1024, "100%"}, {2000, 1024, "195%"}, {3, 0, format.Dash}} {
		if got := format.Percent(c.part, c.whole); got != c.want {
			t.Errorf("Percent(%d, %d) = %q, want %q", c.part, c.whole, got, c.want)
		}
	}
}

// A mark stands before a number, never before another mark.
func TestMarkedPercent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		part, whole  int
		about, least string
	}{
		{0, 1024, "0%", "0%"},
		{1, 1024, "<1%", ">0%"},
		{612, 1024, "~60%", "≥60%"},
		{2000, 1024, "~195%", "≥195%"},
		{3, 0, format.Dash, format.Dash},
	} {
		if got := format.AboutPercent(c.part, c.whole); got != c.about {
			t.Errorf("AboutPercent(%d, %d) = %q, want %q", c.part, c.whole, got, c.about)
		}
		if got := format.LeastPercent(c.part, c.whole); got != c.least {
			t.Errorf("LeastPercent(%d, %d) = %q, want %q", c.part, c.whole, got, c.least)
		}
	}
}

func TestLeastRate(t *testing.T) {
	t.Parallel()
	for rate, want := range map[float64]string{0: "≥0", 0.001: ">0", 0.3: "≥0.3", 312: "≥312", -1: format.Dash} {
		if got := format.LeastRate(rate); got != want {
			t.Errorf("LeastRate(%v) = %q, want %q", rate, got, want)
		}
	}
}

func TestAge(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{-time.Second: "0 s", 14 * time.Second: "14 s", 3 * time.Minute: "3 min", 5 * time.Hour: "5 h", 72 * time.Hour: "3 d"} {
		if got := format.Age(d); got != want {
			t.Errorf("Age(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestWidths(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "plain", "日本語のとても長い名前です", "e\u0301e\u0301e\u0301e\u0301", "\x1b[31mred and long enough to cut\x1b[m"} {
		for w := range 20 {
			if got := ansi.StringWidth(format.Left(s, w)); got != w {
				t.Errorf("Left(%q, %d) is %d wide", s, w, got)
			}
			if got := ansi.StringWidth(format.Right(s, w)); got != w {
				t.Errorf("Right(%q, %d) is %d wide", s, w, got)
			}
			if got := ansi.StringWidth(format.CutMiddle(s, w)); got > w {
				t.Errorf("CutMiddle(%q, %d) is %d wide", s, w, got)
			}
			if got := ansi.StringWidth(format.Ends(s, s, w)); got != w {
				t.Errorf("Ends(%q, %d) is %d wide", s, w, got)
			}
			if got := ansi.StringWidth(format.Fit(w, s, s)); got > w {
				t.Errorf("Fit(%d, %q) is %d wide", w, s, got)
			}
		}
	}
	if got, want := format.CutMiddle("shop/checkout-7d9f8b6c5-x2x9q", 20), "shop/checkou…5-x2x9q"; got != want {
		t.Errorf("CutMiddle = %q, want %q", got, want)
	}
}

func FuzzWidth(f *testing.F) {
	for _, s := range []string{"plain", "\x1b[1;31mred\x1b[m", "\x1b[", "\x1b[3", "\x1b[2J", "日本", "e\u0301", "a\x1b[31", "\x1b[31mé"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := format.Width(s), ansi.StringWidth(s); got != want {
			t.Fatalf("Width(%q) = %d, x/ansi says %d", s, got, want)
		}
	})
}

func TestCollector(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"ebpf": "eBPF", "diag": "inet_diag", "procfs": "procfs", "tcptracer": "tcptracer", "": "collector unknown", "x\x1b[2J\n": "x",
	} {
		if got := strings.TrimSpace(format.Collector(name)); got != want {
			t.Errorf("Collector(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestMedianLife(t *testing.T) {
	t.Parallel()
	for want, l := range map[string]*session.Lives{
		format.Dash: nil, "<8 ms": {3: 2, 9: 1}, "<1 ms": {0: 1}, "≥69 min": {23: 1}, "<1.1 s": {10: 5},
	} {
		if got := format.MedianLife(l); got != want {
			t.Errorf("MedianLife(%v) = %q, want %q", l, got, want)
		}
	}
	if got := format.MedianLife(&session.Lives{}); got != format.Dash {
		t.Errorf("none has ended: %q", got)
	}
}

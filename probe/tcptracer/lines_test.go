package tcptracer

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestEachLine(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxLine+1)
	endless := strings.Repeat("y", 3*readBuffer)
	for name, tc := range map[string]struct {
		text  string
		whole []string
		parts int
	}{
		"nothing":                     {"", nil, 0},
		"lines":                       {"a\nb\n\n", []string{"a", "b", ""}, 0},
		"a last line that is cut":     {"a\n40265", []string{"a"}, 1},
		"the longest line":            {long[1:] + "\nb\n", []string{long[1:], "b"}, 0},
		"a long line":                 {long + "\nb\n", []string{"b"}, 1},
		"a line beyond the buffer":    {endless + "\nb\n", []string{"b"}, 1},
		"a line without an end":       {"a\n" + endless, []string{"a"}, 1},
		"a long line without an end":  {long, nil, 1},
		"a break where a buffer ends": {strings.Repeat("z", readBuffer) + "\nb\n", []string{"b"}, 1},
	} {
		var whole []string
		parts := 0
		err := eachLine(iotest.OneByteReader(strings.NewReader(tc.text)), func(line []byte, all bool) {
			if len(line) > maxLine {
				t.Errorf("%s: a line of %d bytes", name, len(line))
			}
			if all {
				whole = append(whole, string(line))
			} else {
				parts++
			}
		})
		if err != nil || strings.Join(whole, "|") != strings.Join(tc.whole, "|") || parts != tc.parts {
			t.Errorf("%s: %d whole lines, %d parts, %v", name, len(whole), parts, err)
		}
	}
	for _, before := range []string{"a\n", endless} {
		r := io.MultiReader(strings.NewReader(before), iotest.ErrReader(io.ErrUnexpectedEOF))
		if err := eachLine(r, func([]byte, bool) {}); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("a broken stream: %v", err)
		}
	}
}

func TestComplaints(t *testing.T) {
	t.Parallel()
	var c complaints
	for line, lost := range map[string]uint64{
		"Possibly lost 12 samples":                   12,
		"Lost 3 samples":                             3,
		"lost 1 samples\r":                           1,
		"Possibly lost 18446744073709551616 samples": 0,
		"Possibly lost some samples":                 0,
		"lost 5 times":                               0,
		"los":                                        0,
		"":                                           0,
	} {
		if got := c.line([]byte(line)); got != lost {
			t.Errorf("%q: %d lost", line, got)
		}
	}
	c.line([]byte("Exception: \x1b[31mFailed to attach\x1b[0m"))
	c.line([]byte("   "))
	c.line([]byte("Possibly lost 1 samples"))
	if got := c.text(); got != "Exception: Failed to attach" {
		t.Errorf("the last complaint is %q", got)
	}
	c.line([]byte(strings.Repeat("é", maxComplaint)))
	if got := c.text(); len(got) > maxComplaint || strings.Trim(got, "é") != "" {
		t.Errorf("a long complaint is %q", got)
	}
}

func TestRecentForgets(t *testing.T) {
	t.Parallel()
	r := newRecent[int, int](10)
	for i := range 100 {
		r.put(i, i)
		if v, ok := r.get(0); !ok || v != 0 {
			t.Fatalf("what is asked for again and again is forgotten after %d", i)
		}
		for j := max(i-3, 0); j <= i; j++ {
			if v, ok := r.get(j); !ok || v != j {
				t.Fatalf("%d is forgotten after %d", j, i)
			}
		}
		if n := len(r.now) + len(r.old); n > 10 {
			t.Fatalf("%d entries of 10", n)
		}
	}
	if _, ok := r.get(50); ok {
		t.Error("nothing is forgotten")
	}
}

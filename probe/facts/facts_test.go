package facts

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAsksAreJoined(t *testing.T) {
	t.Parallel()
	a := Ask{Parts: []Part{"x", "y"}}
	if got := a.With(Ask{Parts: []Part{"y", "z"}}); !slices.Equal(got.Parts, []Part{"x", "y", "z"}) {
		t.Errorf("joined to %v", got.Parts)
	}
	if len(a.Parts) != 2 || a.Wants("z") || !a.Wants("x") {
		t.Errorf("the first has changed: %v", a.Parts)
	}
}

func FuzzBound(f *testing.F) {
	f.Add("", 0)
	f.Add(strings.Repeat("é", MaxOutput), MaxEvidence+1)
	f.Add("\xff\xfe"+strings.Repeat("a\xf0", MaxOutput), 2)
	f.Fuzz(func(t *testing.T, text string, n int) {
		s := Section{Error: text, Evidence: make([]Evidence, min(max(n, 0), 99))}
		for i := range s.Evidence {
			s.Evidence[i] = Evidence{Command: text, Output: text}
		}
		s.Bound()
		if len(s.Evidence) > MaxEvidence {
			t.Fatalf("%d pieces of evidence", len(s.Evidence))
		}
		for _, got := range append([]Evidence{{Command: s.Error}}, s.Evidence...) {
			for _, text := range []string{got.Command, got.Output} {
				if len(text) > MaxOutput || !utf8.ValidString(text) {
					t.Fatalf("%d bytes, valid: %v", len(text), utf8.ValidString(text))
				}
			}
		}
	})
}

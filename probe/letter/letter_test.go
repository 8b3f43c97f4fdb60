package letter

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestWhatIsSealedIsOpened(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.Byte(), 0, Pieces*room-64).Draw(t, "text")
		pieces, err := Seal(text)
		if err != nil {
			t.Fatal(err)
		}
		messages := append([]string{"unrelated", ""}, pieces[:]...)
		rand.Shuffle(len(messages), func(i, j int) { messages[i], messages[j] = messages[j], messages[i] })
		for _, m := range messages {
			if len(m) > MaxPiece || !utf8.ValidString(m) {
				t.Fatalf("a piece of %d bytes", len(m))
			}
		}
		got, err := Open(messages)
		if err != nil || !bytes.Equal(got, text) {
			t.Fatalf("%d bytes of %d, %v", len(got), len(text), err)
		}
	})
}

func TestTooLong(t *testing.T) {
	t.Parallel()
	noise := make([]byte, Pieces*room+1)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(noise)
	if _, err := Seal(noise); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
	// A bomb does not get out either, nor in.
	if _, err := Seal(make([]byte, MaxOpened+1)); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 2*room)
	r := rand.NewChaCha8([32]byte{2})
	_, _ = r.Read(noise)
	p, err := Seal(noise)
	if err != nil {
		t.Fatal(err)
	}
	for name, messages := range map[string][]string{
		"nothing": nil, "others": {"OOMKilled"}, "one is missing": {p[0], p[2]}, "twice": {p[0], p[0], p[1]},
		"damaged": {p[0], p[1][:40] + "!" + p[1][41:], p[2]}, "cut": {p[0], p[1], p[2][:len(p[2])-4]}, "number": {magic + "93AAAA"},
	} {
		if _, err := Open(messages); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

func FuzzOpen(f *testing.F) {
	p, err := Seal([]byte("hello"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(p[0], "")
	f.Add(magic+"02AAAA", magic+"12AAAA")
	f.Fuzz(func(t *testing.T, a, b string) {
		if text, err := Open([]string{a, b}); err == nil && len(text) > MaxOpened {
			t.Errorf("%d bytes", len(text))
		}
	})
}

package netlink

import (
	"encoding/binary"
	"errors"
	"reflect"
	"slices"
	"testing"
)

// message builds one message of an answer.
func message(kind, flags uint16, payload []byte) []byte {
	b := Request(kind, flags, payload)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func code(code int32) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(code)) }

func TestMessages(t *testing.T) {
	t.Parallel()
	one, two := message(20, 0, []byte{1, 2, 3}), message(21, 0, []byte{4})
	done := message(msgDone, 2, code(0))
	for name, tc := range map[string]struct {
		in          []byte
		kinds       []uint16
		done, intr  bool
		err         error
		kernelError errno
	}{
		"nothing":                {},
		"two":                    {in: slices.Concat(one, two), kinds: []uint16{20, 21}},
		"the end of a dump":      {in: slices.Concat(one, done, two), kinds: []uint16{20}, done: true},
		"a done without a code":  {in: message(msgDone, 0, nil), done: true},
		"a done that failed":     {in: message(msgDone, 0, code(-22)), done: true, kernelError: -22},
		"an acknowledgement":     {in: message(msgError, 0, code(0)), done: true},
		"refused":                {in: message(msgError, 0, code(-1)), done: true, kernelError: -1},
		"an error without code":  {in: message(msgError, 0, nil), err: ErrShort},
		"interrupted":            {in: slices.Concat(message(20, flagIntr, nil), done), kinds: []uint16{20}, done: true, intr: true},
		"half a header":          {in: slices.Concat(one, two[:9]), kinds: []uint16{20}, err: ErrShort},
		"half a message":         {in: two[:17], err: ErrShort, kinds: nil},
		"shorter than a header":  {in: binary.NativeEndian.AppendUint32(nil, 8), err: ErrShort},
		"a length of zero":       {in: make([]byte, 16), err: ErrShort},
		"the last is not padded": {in: slices.Concat(two, one[:19]), kinds: []uint16{21, 20}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var kinds []uint16
			in := tc.in
			if name == "half a message" {
				in = slices.Clone(in)
				binary.NativeEndian.PutUint32(in, 18)
			}
			done, intr, err := Messages(in, func(kind uint16, _ []byte) error {
				kinds = append(kinds, kind)
				return nil
			})
			if !slices.Equal(kinds, tc.kinds) || done != tc.done || intr != tc.intr {
				t.Errorf("kinds %v, done %t, interrupted %t", kinds, done, intr)
			}
			var code errno
			switch {
			case tc.kernelError != 0:
				if !errors.As(err, &code) || code != tc.kernelError {
					t.Errorf("got %v", err)
				}
			case !errors.Is(err, tc.err):
				t.Errorf("got %v, want %v", err, tc.err)
			}
		})
	}
}

func TestMessagesStopsOnError(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	calls := 0
	_, _, err := Messages(slices.Concat(message(20, 0, nil), message(20, 0, nil)), func(uint16, []byte) error {
		calls++
		return boom
	})
	if !errors.Is(err, boom) || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

type attr struct {
	Kind  uint16
	Value string
}

func attrsOf(b []byte) (out []attr, err error) {
	err = Attrs(b, func(kind uint16, v []byte) { out = append(out, attr{kind, string(v)}) })
	return out, err
}

func TestAttrs(t *testing.T) {
	t.Parallel()
	b := Attr(nil, 1, []byte("a"))
	b = Attr(b, 2|0x8000, []byte("bcde"))
	b = Attr(b, 3|0x4000, nil)
	want := []attr{{1, "a"}, {2, "bcde"}, {3, ""}}
	if got, err := attrsOf(b); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := attrsOf(append(slices.Clone(b), 0, 0, 0)); err != nil || len(got) != 3 {
		t.Errorf("padding at the end: %v, %v", got, err)
	}
	for name, bad := range map[string][]byte{"too short": {3, 0, 1, 0}, "too long": {200, 0, 1, 0, 1}, "zero": {0, 0, 0, 0}} {
		if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
			t.Skip("the bytes are little-endian")
		}
		if _, err := attrsOf(bad); !errors.Is(err, ErrShort) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzNetlink(f *testing.F) {
	f.Add(message(20, 0, Attr(nil, 1, []byte("abc"))))
	f.Add(slices.Concat(message(20, flagIntr, nil), message(msgDone, 0, code(-5))))
	f.Add(message(msgError, 0, code(0)))
	f.Fuzz(func(t *testing.T, in []byte) {
		seen := 0
		_, _, err := Messages(in, func(_ uint16, payload []byte) error {
			seen += HeaderSize + len(payload)
			return Attrs(payload, func(uint16, []byte) {})
		})
		if err == nil && seen > len(in) {
			t.Errorf("%d bytes of %d", seen, len(in))
		}
	})
}

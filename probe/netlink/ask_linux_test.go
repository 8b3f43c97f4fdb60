package netlink

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fakeLink answers in the kernel's place, a datagram or an error at a time.
type fakeLink struct {
	t       *testing.T
	sendErr error
	answers []fakeAnswer
}

type fakeAnswer struct {
	data               []byte
	truncated, foreign bool
	err                error
}

func (l *fakeLink) send([]byte) error { return l.sendErr }
func (*fakeLink) close() error        { return nil }

func (l *fakeLink) recv(buf []byte) (n int, truncated, foreign bool, err error) {
	if len(l.answers) == 0 {
		l.t.Fatal("read beyond the end of a dump")
	}
	a := l.answers[0]
	l.answers = l.answers[1:]
	return copy(buf, a.data), a.truncated, a.foreign, a.err
}

func TestExchange(t *testing.T) {
	t.Parallel()
	row := func(b byte) fakeAnswer { return fakeAnswer{data: message(20, 0, []byte{b})} }
	done := fakeAnswer{data: message(msgDone, 0, code(0))}
	interrupted := fakeAnswer{data: message(20, flagIntr, []byte{9})}
	for name, tc := range map[string]struct {
		send    error
		answers []fakeAnswer
		want    string
		err     error
		text    string
	}{
		"in pieces":               {answers: []fakeAnswer{row('a'), row('b'), done}, want: "ab"},
		"signals":                 {answers: []fakeAnswer{{err: unix.EINTR}, row('a'), {err: unix.EINTR}, {err: unix.EINTR}, done}, want: "a"},
		"somebody else talks":     {answers: []fakeAnswer{{data: message(20, 0, []byte{'x'}), foreign: true}, row('a'), done}, want: "a"},
		"interrupted":             {answers: []fakeAnswer{row('a'), interrupted, done}, want: "a\t", err: ErrInterrupted},
		"overrun":                 {answers: []fakeAnswer{row('a'), {err: unix.ENOBUFS}}, want: "a", err: unix.ENOBUFS},
		"silence":                 {answers: []fakeAnswer{{err: unix.EAGAIN}}, err: unix.EAGAIN, text: "none came for 5 seconds"},
		"too long":                {answers: []fakeAnswer{{data: []byte{1}, truncated: true}}, err: ErrShort, text: "longer than 4096 bytes"},
		"cut short":               {answers: []fakeAnswer{{data: []byte{1}}}, err: ErrShort},
		"refused":                 {answers: []fakeAnswer{{data: message(msgError, 0, code(-1))}}, err: unix.EPERM, text: "netlink answers"},
		"fails at the end":        {answers: []fakeAnswer{row('a'), {data: message(msgDone, 0, code(-12))}}, want: "a", err: unix.ENOMEM},
		"the question is refused": {send: unix.ECONNREFUSED, err: unix.ECONNREFUSED, text: "asking over netlink"},
	} {
		var got []byte
		link := &fakeLink{t: t, sendErr: tc.send, answers: tc.answers}
		err := exchange(link, nil, make([]byte, 4096), func(_ uint16, b []byte) error {
			got = append(got, b[0])
			return nil
		})
		if string(got) != tc.want || !errors.Is(err, tc.err) || len(link.answers) != 0 {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if tc.text != "" && !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %v does not say %q", name, err, tc.text)
		}
	}
}

// A dump that was not whole is read again, a few times.
func TestAskAgain(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, tc := range map[string]struct {
		errs []error
		err  error
	}{
		"whole":                      {[]error{nil}, nil},
		"the second is whole":        {[]error{ErrInterrupted, nil}, nil},
		"it always changes":          {[]error{ErrInterrupted, ErrInterrupted, ErrInterrupted}, nil},
		"the third is not lost":      {[]error{unix.ENOBUFS, ErrInterrupted, nil}, nil},
		"always lost":                {[]error{unix.ENOBUFS, unix.ENOBUFS, unix.ENOBUFS}, unix.ENOBUFS},
		"the last is lost":           {[]error{ErrInterrupted, ErrInterrupted, unix.ENOBUFS}, unix.ENOBUFS},
		"another error is no reason": {[]error{boom}, boom},
	} {
		asked := 0
		err := AskAgain(func(_, _ []byte, _ func(uint16, []byte) error) error {
			asked++
			return tc.errs[asked-1]
		}, nil, nil, nil)
		if !errors.Is(err, tc.err) || (err == nil) != (tc.err == nil) || asked != len(tc.errs) {
			t.Errorf("%s: %v after %d dumps", name, err, asked)
		}
	}
}

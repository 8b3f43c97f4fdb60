package probe

import (
	"errors"
	"slices"
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

func TestNetlinkExchange(t *testing.T) {
	t.Parallel()
	row := func(b byte) fakeAnswer { return fakeAnswer{data: nlMessage(20, 0, []byte{b})} }
	done := fakeAnswer{data: nlMessage(nlMsgDone, 0, nlCode(0))}
	interrupted := fakeAnswer{data: nlMessage(20, nlFlagIntr, []byte{9})}
	for name, tc := range map[string]struct {
		send    error
		answers []fakeAnswer
		want    string
		err     error
		text    string
	}{
		"in pieces":               {answers: []fakeAnswer{row('a'), row('b'), done}, want: "ab"},
		"signals":                 {answers: []fakeAnswer{{err: unix.EINTR}, row('a'), {err: unix.EINTR}, {err: unix.EINTR}, done}, want: "a"},
		"somebody else talks":     {answers: []fakeAnswer{{data: nlMessage(20, 0, []byte{'x'}), foreign: true}, row('a'), done}, want: "a"},
		"interrupted":             {answers: []fakeAnswer{row('a'), interrupted, done}, want: "a\t", err: errDumpInterrupted},
		"overrun":                 {answers: []fakeAnswer{row('a'), {err: unix.ENOBUFS}}, want: "a", err: unix.ENOBUFS},
		"silence":                 {answers: []fakeAnswer{{err: unix.EAGAIN}}, err: unix.EAGAIN, text: "none came for 5 seconds"},
		"too long":                {answers: []fakeAnswer{{data: []byte{1}, truncated: true}}, err: errNetlinkShort, text: "longer than 4096 bytes"},
		"cut short":               {answers: []fakeAnswer{{data: []byte{1}}}, err: errNetlinkShort},
		"refused":                 {answers: []fakeAnswer{{data: nlMessage(nlMsgError, 0, nlCode(-1))}}, err: unix.EPERM, text: "netlink answers"},
		"fails at the end":        {answers: []fakeAnswer{row('a'), {data: nlMessage(nlMsgDone, 0, nlCode(-12))}}, want: "a", err: unix.ENOMEM},
		"the question is refused": {send: unix.ECONNREFUSED, err: unix.ECONNREFUSED, text: "asking over netlink"},
	} {
		var got []byte
		link := &fakeLink{t: t, sendErr: tc.send, answers: tc.answers}
		err := nlExchange(link, nil, make([]byte, 4096), func(_ uint16, b []byte) error {
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
func TestNetlinkAskAgain(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, tc := range map[string]struct {
		errs []error
		err  error
	}{
		"whole":                      {[]error{nil}, nil},
		"the second is whole":        {[]error{errDumpInterrupted, nil}, nil},
		"it always changes":          {[]error{errDumpInterrupted, errDumpInterrupted, errDumpInterrupted}, nil},
		"the third is not lost":      {[]error{unix.ENOBUFS, errDumpInterrupted, nil}, nil},
		"always lost":                {[]error{unix.ENOBUFS, unix.ENOBUFS, unix.ENOBUFS}, unix.ENOBUFS},
		"the last is lost":           {[]error{errDumpInterrupted, errDumpInterrupted, unix.ENOBUFS}, unix.ENOBUFS},
		"another error is no reason": {[]error{boom}, boom},
	} {
		asked := 0
		err := nlAskAgain(func(_, _ []byte, _ func(uint16, []byte) error) error {
			asked++
			return tc.errs[asked-1]
		}, nil, nil, nil)
		if !errors.Is(err, tc.err) || (err == nil) != (tc.err == nil) || asked != len(tc.errs) {
			t.Errorf("%s: %v after %d dumps", name, err, asked)
		}
	}
}

// Sockets met twice in a dump that was read again count once.
func TestInterruptedDumpCountsOnce(t *testing.T) {
	t.Parallel()
	k := &fakeKernel{table: []Socket{
		sock(1, StateListen, "[fd00::1]:80", "[::]:0"), sock(2, StateEstablished, "10.0.0.1:50000", "20.0.0.1:443"),
	}}
	d := newDiagCollector()
	tries := 0
	d.ask = func(request, buf []byte, fn func(uint16, []byte) error) error {
		if err := k.ask(request, buf, fn); err != nil {
			return err
		}
		if tries++; tries%2 == 1 {
			return errDumpInterrupted
		}
		return nil
	}
	s := deskSampler(t, "/nowhere")
	s.collect = d
	r := &reader{s, newReceiver()}
	got := r.look(t, s.scans.next, false)
	if len(got) != 1 || tries != 4 {
		t.Errorf("%v after %d dumps", got, tries)
	}
	for _, g := range got {
		if g != (gauges{established: 1}) {
			t.Errorf("%+v", g)
		}
	}
}

// The real kernel: a filter leaves out what the rule says, no more and no less.
func TestFilterOfTheKernel(t *testing.T) {
	t.Parallel()
	wild, narrow := mustListen(t, "::", 64), mustListen(t, loopback(), 64)
	conns := newOpened(t)
	conns.dial(t, 3, narrow, false, 0)
	conns.dial(t, 4, at("127.0.0.1"+wild.String()[len("[::]"):]), false, 0)
	conns.dial(t, 2, at("[::1]"+wild.String()[len("[::]"):]), false, 0)

	d := newDiagCollector()
	dump := func(states uint32, ports []uint16) (out []Socket) {
		err := d.dump(diagQuery{states: states, filter: portFilter(ports)}, func(s *Socket) error {
			out = append(out, *s)
			return nil
		})
		if err != nil {
			t.Skipf("inet_diag does not work here: %v", err)
		}
		return out
	}
	heard := make(listeners)
	for _, l := range dump(diagStatesOfListeners, nil) {
		if l.State != StateListen {
			t.Errorf("%+v among the listeners", l)
		}
		if l.Local.Addr().IsUnspecified() {
			heard.add(&l)
		}
	}
	if !heard.accepts(at("10.9.8.7" + wild.String()[len("[::]"):])) {
		t.Fatalf("the listener on %s is not heard", wild)
	}
	// Of this test alone: others run beside it.
	mine := func(all []Socket) (out []string) {
		for _, s := range all {
			if s.State != StateEstablished {
				continue // left over on the same port
			}
			for _, p := range []uint16{s.Local.Port(), s.Remote.Port()} {
				if p == wild.Port() || p == narrow.Port() {
					out = append(out, s.Local.String()+" "+s.Remote.String())
					break
				}
			}
		}
		slices.Sort(out)
		return out
	}
	ports := []uint16{1, wild.Port(), 65535}
	all := dump(diagStatesOfFlows, nil)
	if d.way != 0 {
		t.Errorf("this kernel refuses way %d", d.way)
	}
	got := mine(dump(diagStatesOfFlows, ports))
	kept := slices.DeleteFunc(slices.Clone(all), func(s Socket) bool {
		rule := listeners{wild.Port(): heard[wild.Port()]}
		return rule.accepts(s.Local)
	})
	if want := mine(kept); !slices.Equal(got, want) || len(got) != 2*3+4+2 {
		t.Errorf("with a filter %q\nby the rule %q", got, want)
	}
	if whole := mine(all); len(whole) != 2*3+2*(4+2) {
		t.Errorf("without a filter %q", whole)
	}
	// The older way tells the same.
	for way := range diagWays {
		d.way = way
		want := got
		if diagWays[way].plain {
			want = mine(all)
		}
		if other := mine(dump(diagStatesOfFlows, ports)); !slices.Equal(other, want) {
			t.Errorf("way %d: %q", way, other)
		}
	}
}

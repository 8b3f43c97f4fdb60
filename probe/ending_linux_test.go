package probe

import (
	"testing"
	"time"
)

// A socket that is told as CLOSED has not ended before the next snapshot says
// so, and may be in TIME_WAIT then.
func TestSocketEndsWhileItIsTold(t *testing.T) {
	t.Parallel()
	const local, remote = "10.0.0.1:50000", "20.0.0.1:443"
	for name, tc := range map[string]struct {
		then []Socket
	}{
		"into TIME_WAIT": {[]Socket{sock(1, StateTimeWait, local, remote)}},
		"for good":       {},
	} {
		k := &fakeKernel{table: []Socket{sock(1, StateFinWait2, local, remote)}}
		d := newDiagCollector()
		s := deskSampler(t, "/nowhere")
		s.collect, d.ask = d, func(request, buf []byte, fn func(uint16, []byte) error) error {
			return k.ask(request, buf, func(kind uint16, b []byte) error {
				if k.table[0].Inode == 0 {
					b[1] = byte(StateClose)
				}
				return fn(kind, b)
			})
		}
		r := &reader{s, newReceiver()}
		now := time.Unix(1000, 0)
		r.look(t, now, false)
		k.table[0].Inode = 0
		for range 2 {
			for key, g := range r.look(t, now, false) {
				if key.proto == 255 || g != (gauges{closing: 1}) {
					t.Errorf("%s: %v is %+v while it ends", name, key, g)
				}
			}
		}
		k.table = tc.then
		got := r.look(t, now, false)
		for key, g := range got {
			if key.proto == 255 && g != (gauges{closing: 1}) { // one close, see reader
				t.Errorf("%s: events %+v", name, g)
			}
		}
		if len(got) != 2 {
			t.Errorf("%s: %v", name, got)
		}
		// What nobody knows and is closed was never there.
		k.table = []Socket{sock(2, StateFinWait2, local, "20.0.0.2:443")}
		k.table[0].Inode = 0
		for key := range r.look(t, now, false) {
			if key.dest.Addr() == k.table[0].Remote.Addr() {
				t.Errorf("%s: %v", name, key)
			}
		}
	}
}

//go:build kernel && linux

package kernel

import (
	"testing"
	"time"
)

// TestTcptracerCollector has the probe run bcc's tcptracer and read its output.
// The load is slow, since a fast one shows what tcptracer itself loses.
func TestTcptracerCollector(t *testing.T) {
	inGuest(t)
	l := newLoad(t, loadPlan{Connections: 60, Workers: 1, Hold: 50 * time.Millisecond})
	w := watchWithProbe(t, "tcptracer", l.place)
	did := l.run()
	saw := w.settled()
	t.Logf("did %+v, saw %+v", did, saw)
	if saw.opens != did.Opened || saw.closes != did.Finished+did.Reset {
		t.Errorf("%d opens and %d closes of %d were seen", saw.opens, saw.closes, did.Opened)
	}
	if saw.lost != 0 {
		t.Errorf("%d lines of tcptracer were not understood", saw.lost)
	}
}

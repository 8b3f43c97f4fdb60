package probe

import (
	"net/netip"
	"testing"
)

func TestListeners(t *testing.T) {
	t.Parallel()
	l := make(listeners)
	for _, at := range []string{"0.0.0.0:80", "127.0.0.1:8080", "[::]:443", "[fd00::1]:8443"} {
		l.add(&Socket{State: StateListen, Local: netip.MustParseAddrPort(at)})
	}
	for local, want := range map[string]bool{
		"10.0.0.1:80":    true,
		"10.0.0.1:81":    false,
		"127.0.0.1:8080": true,
		"10.0.0.1:8080":  false,
		"10.0.0.1:443":   true, // a dual-stack listener serves IPv4 too
		"[fd00::2]:443":  true,
		"[fd00::1]:8443": true,
		"[fd00::2]:8443": false,
	} {
		if got := l.accepts(netip.MustParseAddrPort(local)); got != want {
			t.Errorf("accepts(%s) = %t", local, got)
		}
	}
}

func TestPhases(t *testing.T) {
	t.Parallel()
	for state, want := range map[State]phase{
		0: phaseNone, StateEstablished: phaseEstablished, StateSynSent: phaseAttempting, StateSynRecv: phaseNone,
		StateFinWait1: phaseClosing, StateFinWait2: phaseClosing, StateTimeWait: phaseTimeWait, StateClose: phaseNone,
		StateCloseWait: phaseClosing, StateLastAck: phaseClosing, StateListen: phaseListen, StateClosing: phaseClosing,
		StateNewSynRecv: phaseNone, 200: phaseNone,
	} {
		if got := state.phase(); got != want {
			t.Errorf("state %d is phase %d, want %d", state, got, want)
		}
	}
}

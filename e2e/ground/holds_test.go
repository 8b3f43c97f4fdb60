package ground

import (
	"testing"
	"time"
)

func TestHoldsSettings(t *testing.T) {
	t.Parallel()
	// Azure's load balancer: see Options for the sources of these defaults.
	opts, err := Options{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	got := opts.holds().settings()
	for name, want := range map[string]string{
		finSetting: "240", resetSetting: "15",
		"net/netfilter/nf_conntrack_tcp_timeout_syn_sent":    "240",
		"net/netfilter/nf_conntrack_tcp_timeout_established": "1800",
		"net/netfilter/nf_conntrack_tcp_timeout_fin_wait":    "240",
		"net/netfilter/nf_conntrack_udp_timeout":             "240",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %s", name, got[name], want)
		}
	}
}

func TestHoldsCheck(t *testing.T) {
	t.Parallel()
	good := Holds{FIN: time.Second, Reset: time.Second, HalfOpen: time.Second, Idle: time.Second, UDP: time.Second}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*Holds){
		"nothing":         func(h *Holds) { h.FIN = 0 },
		"half a second":   func(h *Holds) { h.HalfOpen = 500 * time.Millisecond },
		"one and a half":  func(h *Holds) { h.UDP = 1500 * time.Millisecond },
		"below nothing":   func(h *Holds) { h.Idle = -time.Second },
		"no time for RST": func(h *Holds) { h.Reset = 0 },
	} {
		bad := good
		spoil(&bad)
		if bad.check() == nil {
			t.Errorf("%s passes", name)
		}
	}
}

func TestHoldsRoundTrip(t *testing.T) {
	t.Parallel()
	want := Holds{FIN: 20 * time.Second, Reset: 5 * time.Second, HalfOpen: 30 * time.Second, Idle: time.Minute, UDP: 9 * time.Second}
	if got := (Options{}).withHolds(want).holds(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

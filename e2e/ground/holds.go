package ground

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Holds are how long the gateway keeps the port of a flow that has ended or
// gone silent: the timers of a balancer.
type Holds struct {
	// FIN and Reset are counted from the end of the flow.
	FIN, Reset time.Duration
	// HalfOpen is counted from the last SYN of an attempt without an answer.
	HalfOpen time.Duration
	// Idle and UDP are counted from the last packet of an open flow.
	Idle, UDP time.Duration
}

func (o Options) holds() Holds {
	return Holds{FIN: o.Hold, Reset: o.HoldReset, HalfOpen: o.HalfOpen, Idle: o.Idle, UDP: o.IdleUDP}
}

func (o Options) withHolds(h Holds) Options {
	o.Hold, o.HoldReset, o.HalfOpen, o.Idle, o.IdleUDP = h.FIN, h.Reset, h.HalfOpen, h.Idle, h.UDP
	return o
}

// The settings that the keeper of holds follows.
const (
	finSetting   = "net/netfilter/nf_conntrack_tcp_timeout_time_wait"
	resetSetting = "net/netfilter/nf_conntrack_tcp_timeout_close"
)

// settings are the kernel's settings of the gateway, in
// Documentation/networking/nf_conntrack-sysctl.rst. A port is held from the
// first FIN on, whatever the rest of the close does.
func (h Holds) settings() map[string]string {
	seconds := func(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }
	return map[string]string{
		"net/netfilter/nf_conntrack_tcp_timeout_syn_sent":    seconds(h.HalfOpen),
		"net/netfilter/nf_conntrack_tcp_timeout_established": seconds(h.Idle),
		"net/netfilter/nf_conntrack_tcp_timeout_fin_wait":    seconds(h.FIN),
		"net/netfilter/nf_conntrack_tcp_timeout_close_wait":  seconds(h.FIN),
		"net/netfilter/nf_conntrack_tcp_timeout_last_ack":    seconds(h.FIN),
		finSetting:                               seconds(h.FIN),
		resetSetting:                             seconds(h.Reset),
		"net/netfilter/nf_conntrack_udp_timeout": seconds(h.UDP),
		"net/netfilter/nf_conntrack_udp_timeout_stream": seconds(h.UDP),
	}
}

func (h Holds) check() error {
	for _, d := range []time.Duration{h.FIN, h.Reset, h.HalfOpen, h.Idle, h.UDP} {
		if d%time.Second != 0 {
			return fmt.Errorf("a hold of %s: the kernel knows whole seconds only", d)
		}
		if d < time.Second {
			return errors.New("hold times below one second cannot be set in the kernel")
		}
	}
	return nil
}

package snat

import "time"

// Timers are how long a provider keeps a port for a flow that has ended or
// gone silent. A field of zero means that the port is free at once.
type Timers struct {
	// FIN and Reset are counted from the end of the flow.
	FIN   time.Duration `cbor:"1,keyasint,omitempty"`
	Reset time.Duration `cbor:"2,keyasint,omitempty"`
	// HalfOpen is counted from the last SYN of an attempt without an answer.
	HalfOpen time.Duration `cbor:"3,keyasint,omitempty"`
	// Idle is after how long without a packet an open flow loses its port.
	Idle time.Duration `cbor:"4,keyasint,omitempty"`
	// UDP is the same for UDP flows.
	UDP time.Duration `cbor:"5,keyasint,omitempty"`
}

// MaxTimer is longer than any provider keeps a port.
const MaxTimer = 24 * time.Hour

// Sane returns the timers without those that no provider has: a file may say
// anything.
func (t Timers) Sane() Timers {
	for _, d := range []*time.Duration{&t.FIN, &t.Reset, &t.HalfOpen, &t.Idle, &t.UDP} {
		if *d < 0 || *d > MaxTimer {
			*d = 0
		}
	}
	return t
}

// Timers returns what the provider documents, or the named stand-in where it
// documents nothing.
//
// Sources: Azure Load Balancer, "Outbound connections", older page (FIN 240 s,
// RST 15 s) and AKS, "Configure the load balancer idle timeout" (30 min); an
// attempt without an answer is held for the idle timeout of the balancer's own
// default, 4 min, because no page names another. Azure NAT gateway, "SNAT
// timers" (FIN 65 s, RST 16 s, half-open 30 s, idle 4 min, UDP 65 s). Google
// Cloud NAT, "Timeouts" (TIME_WAIT 120 s, transitory and UDP 30 s, established
// idle 1200 s); it names none for resets, so those count as TIME_WAIT. AWS NAT
// gateway publishes the idle timeout (350 s) alone: the kernel's TIME_WAIT of
// 60 s (include/net/tcp.h, TCP_TIMEWAIT_LEN) stands in there and for unknowns.
func (p Provider) Timers() Timers {
	switch p {
	case ProviderAzureLB:
		return Timers{FIN: 240 * time.Second, Reset: 15 * time.Second, HalfOpen: 4 * time.Minute, Idle: 30 * time.Minute, UDP: 4 * time.Minute}
	case ProviderAzureNATGW:
		return Timers{FIN: 65 * time.Second, Reset: 16 * time.Second, HalfOpen: 30 * time.Second, Idle: 4 * time.Minute, UDP: 65 * time.Second}
	case ProviderGCPNAT:
		return Timers{FIN: 120 * time.Second, Reset: 120 * time.Second, HalfOpen: 30 * time.Second, Idle: 1200 * time.Second, UDP: 30 * time.Second}
	case ProviderAWSNATGW:
		return Timers{FIN: 60 * time.Second, Reset: 60 * time.Second, HalfOpen: 60 * time.Second, Idle: 350 * time.Second, UDP: 350 * time.Second}
	case ProviderUnknown, ProviderAuto:
		return Timers{FIN: 60 * time.Second, Reset: 60 * time.Second, HalfOpen: 60 * time.Second, Idle: 4 * time.Minute, UDP: 2 * time.Minute}
	default:
		return ProviderUnknown.Timers()
	}
}

// With returns the timers with those replaced that o sets.
func (t Timers) With(o Timers) Timers {
	replace := func(own *time.Duration, by time.Duration) {
		if by > 0 {
			*own = by
		}
	}
	replace(&t.FIN, o.FIN)
	replace(&t.Reset, o.Reset)
	replace(&t.HalfOpen, o.HalfOpen)
	replace(&t.Idle, o.Idle)
	replace(&t.UDP, o.UDP)
	return t
}

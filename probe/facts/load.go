package facts

import "math"

// PartLoad is how busy the node is: processor, memory and what waits for them.
const PartLoad Part = "load"

// Load is how busy a node is. What could not be read is nil or 0.
type Load struct {
	// Cores is what the node may use: its processors, or the limit of its own
	// control group where it is a container itself.
	Cores float64 `cbor:"1,keyasint,omitempty"`
	// Busy is how many cores it used on average over WindowMillis; nil when
	// that could not be read.
	Busy         *float64 `cbor:"2,keyasint,omitempty"`
	WindowMillis int64    `cbor:"3,keyasint,omitempty"`
	// Average are the load averages over 1, 5 and 15 minutes, of the kernel.
	Average []float64 `cbor:"4,keyasint,omitempty"`
	// MemoryTotal and MemoryAvailable are the kernel's, in bytes.
	MemoryTotal     uint64 `cbor:"5,keyasint,omitempty"`
	MemoryAvailable uint64 `cbor:"6,keyasint,omitempty"`
	// CPU, Memory and IO are pressure stall information; nil where the kernel
	// has none.
	CPU    *Pressure `cbor:"7,keyasint,omitempty"`
	Memory *Pressure `cbor:"8,keyasint,omitempty"`
	IO     *Pressure `cbor:"9,keyasint,omitempty"`
}

// Pressure is the share of time, in per cent, in which some or all processes
// waited for a resource, over the last 10 and 60 seconds.
//
// Source: Linux, Documentation/accounting/psi.rst.
type Pressure struct {
	Some10 float64 `cbor:"1,keyasint,omitempty"`
	Some60 float64 `cbor:"2,keyasint,omitempty"`
	Full10 float64 `cbor:"3,keyasint,omitempty"`
	Full60 float64 `cbor:"4,keyasint,omitempty"`
}

// bound makes figures that cannot be unknown.
func (l *Load) bound() {
	if l == nil {
		return
	}
	l.Average = l.Average[:min(len(l.Average), 3)]
	for i := range l.Average {
		l.Average[i] = finite(l.Average[i])
	}
	l.Cores = finite(l.Cores)
	if l.Busy != nil && finite(*l.Busy) != *l.Busy {
		l.Busy = nil
	}
	l.MemoryAvailable = min(l.MemoryAvailable, l.MemoryTotal)
	for _, p := range []*Pressure{l.CPU, l.Memory, l.IO} {
		if p != nil {
			p.Some10, p.Some60, p.Full10, p.Full60 = finite(p.Some10), finite(p.Some60), finite(p.Full10), finite(p.Full60)
		}
	}
}

// finite returns f, or 0 when no such figure can be.
func finite(f float64) float64 {
	if math.IsNaN(f) || f < 0 || f > 1e6 {
		return 0
	}
	return f
}

package capture

import (
	"fmt"
	"time"

	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe"
	"github.com/snattop/snattop/probe/capture"
)

// Defaults of a capture. Packets are cut behind the headers that most of them
// have: what follows is what people say to each other.
const (
	DefaultSnaplen  = 128
	DefaultMaxSize  = 100 << 20
	DefaultDuration = time.Minute
	// MaxDuration is the longest that a capture may be asked to last.
	MaxDuration = time.Hour
)

// Wanted is what is to be captured, and how much of it.
type Wanted struct {
	// Interface is the pod's own name of it, or the node's; "" is the one that
	// leads out. Inside asks for the pod's end of a veth.
	Interface string
	Inside    bool
	Filter    capture.Filter
	// Snaplen is the most bytes that are kept of a packet; 0 means all.
	Snaplen uint32
	// MaxSize bounds the file in bytes, Duration the time.
	MaxSize  int64
	Duration time.Duration
}

// Check reports what a probe would refuse, or what makes no sense.
func (w Wanted) Check() error {
	switch {
	case w.Snaplen > capture.MaxSnaplen:
		return fmt.Errorf("snaplen %d: use 1 to %d, or 0 for all of a packet", w.Snaplen, capture.MaxSnaplen)
	case w.MaxSize < MinSize:
		return fmt.Errorf("a file of %d bytes: use %d or more", w.MaxSize, MinSize)
	case w.Duration < time.Second || w.Duration > MaxDuration:
		return fmt.Errorf("a capture of %s: use 1s to %s", w.Duration, MaxDuration)
	}
	return nil
}

// Config is what a probe has to know, for the node itself.
func (w Wanted) Config() probe.CaptureConfig {
	return probe.CaptureConfig{
		Interface: w.Interface, Inside: w.Inside, Filter: w.Filter, Snaplen: w.Snaplen,
		Limits: capture.Limits{Duration: w.Duration, Bytes: w.MaxSize - reserve},
	}
}

// ConfigFor is the same for a pod, found by whatever its node knows it by.
func (w Wanted) ConfigFor(pod *inventory.Pod) probe.CaptureConfig {
	c := w.Config()
	for _, uid := range []string{pod.UID, pod.ConfigHash} {
		if uid != "" {
			c.Pods = append(c.Pods, uid)
		}
	}
	for _, ct := range pod.Containers {
		c.Containers = append(c.Containers, ct.ID)
	}
	for _, a := range pod.IPs {
		c.Addresses = append(c.Addresses, a.Unmap().WithZone(""))
	}
	return c
}

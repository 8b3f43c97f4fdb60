package capture

import (
	"context"
	"errors"
	"io"
)

// Ring is an interface that is being captured.
type Ring struct {
	r     *ring
	start Start
}

// Device is an interface of the calling thread's network namespace.
type Device struct {
	Index int
	// Loopback says that each packet comes back in: it counts once, then.
	Loopback bool
}

// Open begins to capture; packets are kept in a ring from now on. start says
// what is told of the capture: its Link and Snaplen hold, and Filter is filled
// in.
func Open(of Device, filter Filter, start Start) (*Ring, error) {
	start.Filter = filter.String()
	r, err := openRing(of, start.Link, filter, start.Snaplen)
	if err != nil {
		return nil, err
	}
	return &Ring{r: r, start: start}, nil
}

// Run tells the packets to out until ctx ends or a limit is reached, and closes
// the ring. What ended it is the stream's End; the error is of what failed.
func (r *Ring) Run(ctx context.Context, limits Limits, out io.Writer) error {
	return errors.Join(run(ctx, r.r, &r.start, limits, out), r.r.close())
}

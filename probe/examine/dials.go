package examine

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/probe/facts"
)

const (
	// dialTime bounds one attempt: an answer on a cluster's network comes
	// within milliseconds, one from a control plane within some hundred; a
	// SYN that was lost is sent again after one second.
	dialTime = 2500 * time.Millisecond
	// dialAtOnce bounds attempts under way at the same time.
	dialAtOnce = 64
)

// lookDials connects to every address that is asked for.
func lookDials(ctx context.Context, _ Place, ask facts.Ask, s *facts.Section) {
	dials := ask.Dials[:min(len(ask.Dials), facts.MaxDials)]
	s.Dials = make([]facts.Dialed, len(dials))
	slots := make(chan struct{}, dialAtOnce)
	var wg sync.WaitGroup
	for i, d := range dials {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			s.Dials[i] = dial(ctx, d)
		})
	}
	wg.Wait()
}

func dial(ctx context.Context, d facts.Dial) facts.Dialed {
	out := facts.Dialed{Dial: d, End: facts.DialUnreachable}
	if d.Network != "tcp" && d.Network != "udp" {
		out.Error = "neither tcp nor udp"
		return out
	}
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	start := time.Now()
	conn, err := (&net.Dialer{}).DialContext(ctx, d.Network, d.Address)
	if err == nil {
		out.To = conn.RemoteAddr().String()
		if d.Network == "udp" {
			err = knockUDP(ctx, conn)
		}
		_ = conn.Close() // it has said what it had to
	}
	out.Millis = time.Since(start).Milliseconds()
	out.End = dialEnd(err)
	if err != nil {
		out.Error = sanitize.Text(err.Error())
	}
	return out
}

// knockUDP sends one empty packet, and waits for whatever comes back.
func knockUDP(ctx context.Context, conn net.Conn) error {
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if _, err := conn.Write(nil); err != nil {
		return err
	}
	_, err := conn.Read(make([]byte, 1))
	return err
}

func dialEnd(err error) facts.DialEnd {
	var dns *net.DNSError
	var slow net.Error
	switch {
	case err == nil:
		return facts.DialOpen
	case errors.As(err, &dns):
		return facts.DialNoName
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET):
		return facts.DialRefused
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT), errors.As(err, &slow) && slow.Timeout():
		return facts.DialFiltered
	default:
		return facts.DialUnreachable
	}
}

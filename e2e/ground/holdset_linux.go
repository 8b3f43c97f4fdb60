package ground

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Holds are the gateway's timers as they are set now.
func (g *Ground) Holds() Holds {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state.Options.holds()
}

// SetHolds changes the gateway's timers. What is held already keeps the time
// that it was given; ResetGateway forgets it. Open flows take the new time with
// their next packet.
func (g *Ground) SetHolds(ctx context.Context, h Holds) error {
	if err := h.check(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("setting the gateway's timers: %w", err)
	}
	if err := g.reload(); err != nil {
		return err
	}
	if err := g.dirs.netns(nsGateway).sysctl(h.settings()); err != nil {
		return err
	}
	g.mu.Lock()
	g.state.Options = g.state.Options.withHolds(h)
	g.mu.Unlock()
	return g.save()
}

// holdSettings are the two settings that say how long ports are held, kept
// open: they are read for every batch of endings.
type holdSettings struct{ fin, reset *os.File }

// openHoldSettings opens those of the network namespace of this thread.
func openHoldSettings() (holdSettings, error) {
	fin, err := os.Open("/proc/sys/" + finSetting)
	if err != nil {
		return holdSettings{}, fmt.Errorf("opening the timer of closed flows: %w", err)
	}
	reset, err := os.Open("/proc/sys/" + resetSetting)
	if err != nil {
		_ = fin.Close()
		return holdSettings{}, fmt.Errorf("opening the timer of reset flows: %w", err)
	}
	return holdSettings{fin, reset}, nil
}

func (s holdSettings) close() {
	_ = s.fin.Close()
	_ = s.reset.Close()
}

// read returns both timers in seconds.
func (s holdSettings) read() (fin, reset uint32, err error) {
	if fin, err = readSeconds(s.fin); err != nil {
		return 0, 0, err
	}
	reset, err = readSeconds(s.reset)
	return fin, reset, err
}

func readSeconds(f *os.File) (uint32, error) {
	buffer := make([]byte, 32)
	n, err := f.ReadAt(buffer, 0)
	if n == 0 && err != nil {
		return 0, fmt.Errorf("reading %s: %w", f.Name(), err)
	}
	seconds, err := strconv.ParseUint(strings.TrimSpace(string(buffer[:n])), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", f.Name(), err)
	}
	return uint32(seconds), nil
}

package tcptracer

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/snattop/snattop/probe/count"
)

// Tracer is a running tcptracer, and what it has counted. Its methods may be
// called from several goroutines, but a reading is valid only until the next.
type Tracer struct {
	cfg   Config
	tools []*running
	// ready and done are closed once; stopping asks everything to end.
	ready, done, stopping chan struct{}
	stopOnce, readyOnce   sync.Once

	mu    sync.Mutex
	table *Table
	// blind are sentences about what these tools cannot see at all.
	blind []string
	// err is why the tracer ended, stuck why it did not.
	err, stuck error
}

// Start starts the tool, in the node's own mount namespace when our root is not
// the node's, and does not wait for it: it compiles for seconds before Ready.
// The tool ends with ctx, with Close, and with this process.
//
// Up to two processes of it run, one for IPv4 and one for IPv6 sockets; see the
// package's comment. When the second cannot attach, the readings say so.
//
// The new Tracer is being seeded, as Table says: after Ready take a dump of the
// open connections, tell them with Seed and SeedListener, and call Seeded. With
// nothing to seed, call Seeded at once.
func Start(ctx context.Context, cfg Config) (*Tracer, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("starting tcptracer: %w", err)
	}
	script, err := readBelow(cfg.HostRoot, cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("reading tcptracer: %w", err)
	}
	t := newTracer(cfg)
	tools := commands(script, cfg.OnlyIPv4 || !hasIPv6(cfg.Proc))
	if !splits(tools) {
		t.blind = append(t.blind, "this version of tcptracer does not tell when IPv6 sockets connect to IPv4 destinations")
	}
	for _, what := range tools {
		r, err := t.launch(interpreter(script), what)
		if err != nil && !what.spare {
			return nil, err // it is the first: nothing runs yet
		}
		if err != nil {
			t.blind = append(t.blind, noSpare(err))
			continue
		}
		t.tools = append(t.tools, r)
	}
	unhook := context.AfterFunc(ctx, t.stop)
	t.watch(unhook)
	return t, nil
}

func newTracer(cfg Config) *Tracer {
	return &Tracer{
		cfg: cfg, table: NewTable(cfg.MaxConnections),
		ready: make(chan struct{}), done: make(chan struct{}), stopping: make(chan struct{}),
	}
}

// watch follows the tools until the last has ended.
func (t *Tracer) watch(unhook func() bool) {
	var all sync.WaitGroup
	for _, r := range t.tools {
		t.listen(r)
		all.Go(func() { t.supervise(r) })
	}
	go func() {
		all.Wait()
		unhook()
		close(t.done)
	}()
}

// Ready is closed when the tools have attached: from then on every connection
// is seen, but for a moment, after the headings that tell it, in which the tool
// opens its buffers. It stays open if the tracer ends before.
func (t *Tracer) Ready() <-chan struct{} { return t.ready }

// Done is closed when the tracer has ended, and Read says why.
func (t *Tracer) Done() <-chan struct{} { return t.done }

// Read tells what has been counted since the last reading, and never waits.
// Lost counts the events that the kernel dropped because the tool was too slow,
// lines that did not parse, and what did not fit into our tables. Once the
// tracer has ended, the error says why and is ErrEnded; what had been counted
// until then stands beside it the first time.
func (t *Tracer) Read() (count.Reading, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	reading := t.table.Read()
	reading.Problems = append(reading.Problems, t.blind...)
	if t.err != nil {
		return reading, t.err
	}
	select {
	case <-t.ready:
	default:
		reading.Problems = append(reading.Problems, "tcptracer is still starting")
	}
	return reading, nil
}

// Seed is Table.Seed.
func (t *Tracer) Seed(netns uint64, pid uint32, local, remote netip.AddrPort) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.table.Seed(netns, pid, local, remote)
}

// SeedListener is Table.SeedListener.
func (t *Tracer) SeedListener(netns uint64, local netip.AddrPort) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.table.SeedListener(netns, local)
}

// Seeded is Table.Seeded.
func (t *Tracer) Seeded() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.table.Seeded()
}

// Reseed is Table.Reseed.
func (t *Tracer) Reseed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.table.Reseed()
}

// Close ends the tools and waits until they have ended. The error is about one
// that does not, although it was killed.
func (t *Tracer) Close() error {
	t.stop()
	<-t.done
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stuck
}

func (t *Tracer) stop() { t.stopOnce.Do(func() { close(t.stopping) }) }

// attached looks whether all tools have attached that will.
func (t *Tracer) attached() {
	t.mu.Lock()
	failed := t.err != nil
	t.mu.Unlock()
	waits := slices.ContainsFunc(t.tools, func(r *running) bool { return !r.settled() })
	if !failed && !waits {
		t.readyOnce.Do(func() { close(t.ready) })
	}
}

// ended notes that a tool has.
func (t *Tracer) ended(r *running, err error) {
	t.mu.Lock()
	switch {
	case t.err != nil: // the others follow the first
	case r.what.spare && !r.isAttached() && !errors.Is(err, errStopped):
		t.blind = append(t.blind, noSpare(err))
	default:
		t.err = err
		t.stop()
	}
	t.mu.Unlock()
	t.attached()
}

// noSpare says what is not seen without the second tool.
func noSpare(err error) string {
	return fmt.Sprintf("connections of IPv6 sockets are not seen: %v", err)
}

// splits is whether the tools can be told to look at one family.
func splits(tools []tool) bool { return tools[0].options != "-tv" }

// hasIPv6 is whether the node has IPv6: where it does not, the tool may find no
// function to attach to.
func hasIPv6(proc string) bool {
	_, err := os.Stat(filepath.Join(proc, "1/net/tcp6"))
	return err == nil || !errors.Is(err, os.ErrNotExist)
}

package probe

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/snattop/snattop/probe/examine"
	"github.com/snattop/snattop/probe/facts"
	"github.com/snattop/snattop/probe/letter"
	"github.com/snattop/snattop/probe/wire"
)

// PassCommand is the probe's first argument when all it does is wait for a file
// and pass it on as a termination message: "pass FILE TO".
const PassCommand = "pass"

// box is where the pieces of a letter are left: first the file of this
// container's own termination message, then those that others wait for.
type box []string

func parseBox(text string) (box, error) {
	b := box(strings.Split(text, ","))
	if len(b) != letter.Pieces || slices.Contains(b, "") {
		return nil, fmt.Errorf("--tell names %d files, separated by commas", letter.Pieces)
	}
	return b, nil
}

// leave writes the pieces. Others wait for theirs, so each file gets its name
// when it is whole; all of them are written, whatever fails.
func (b box) leave(pieces [letter.Pieces]string) error {
	var errs []error
	for i, path := range b[1:] {
		part := path + ".part"
		if err := os.WriteFile(part, []byte(pieces[i+1]), 0o600); err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, os.Rename(part, path))
	}
	// This one is a mount of its own, which cannot be replaced.
	errs = append(errs, os.WriteFile(b[0], []byte(pieces[0]), 0o600))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("leaving what was found for the kubelet: %w", err)
	}
	return nil
}

// sectionsInto looks for what is asked, and leaves what fits. What does not is
// left out whole, the largest first, and can be asked for again by itself.
func (b box) sectionsInto(ctx context.Context, place examine.Place, ask facts.Ask) error {
	var all []*facts.Section
	if err := examine.Node(ctx, place, ask, func(s *facts.Section) error {
		all = append(all, s)
		return nil
	}); err != nil {
		return errors.Join(err, b.leave([letter.Pieces]string{}))
	}
	pieces, err := sealSections(all)
	return errors.Join(err, b.leave(pieces))
}

// sealSections folds as many sections as fit, the smaller ones first.
func sealSections(all []*facts.Section) ([letter.Pieces]string, error) {
	sizes := map[*facts.Section]int{}
	for _, s := range all {
		var b bytes.Buffer
		if err := wire.NewEncoder(&b).Section(s); err != nil {
			return [letter.Pieces]string{}, err
		}
		sizes[s] = b.Len()
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b *facts.Section) int { return cmp.Compare(sizes[a], sizes[b]) })
	for cutTo := facts.MaxOutput; ; {
		pieces, err := letter.Seal(sectionFrames(all))
		switch {
		case !errors.Is(err, letter.ErrTooLong):
			return pieces, err
		case len(all) > 1:
			all = all[:len(all)-1]
		case cutTo > 64:
			// Alone and still too long: what was printed is worth least.
			cutTo /= 2
			for i := range all[0].Evidence {
				e := &all[0].Evidence[i]
				e.Output = e.Output[:min(len(e.Output), cutTo)]
			}
			all[0].Bound()
		default:
			all = []*facts.Section{{Part: all[0].Part, Error: "the node has found more than fits a termination message"}}
			cutTo = facts.MaxOutput
		}
	}
}

// sectionFrames writes sections as a stream does. An encoder fails when its
// writer does, and a buffer does not.
func sectionFrames(all []*facts.Section) []byte {
	var b bytes.Buffer
	enc := wire.NewEncoder(&b)
	for _, s := range all {
		_ = enc.Section(s)
	}
	_ = enc.Bye(&wire.Bye{Reason: ByeDone})
	return b.Bytes()
}

// errEnough ends a run when it has told enough.
var errEnough = errors.New("enough")

// glanceTime is the time between the two ticks of a glance: an attempt that is
// there in both of them waits.
const glanceTime = 2 * time.Second

// glance keeps the first words of a probe.
type glance struct {
	hello *wire.Hello
	ticks []*wire.Tick
	bye   *wire.Bye
}

// Hello implements Output.
func (g *glance) Hello(h *wire.Hello) error {
	short := *h
	short.Features = slices.Clone(h.Features)
	for i := range short.Features {
		short.Features[i].Detail = ""
	}
	g.hello = &short
	return nil
}

// Tick implements Output.
func (g *glance) Tick(t *wire.Tick) error {
	if g.ticks = append(g.ticks, t); len(g.ticks) == 2 {
		return errEnough
	}
	return nil
}

// Bye implements Output.
func (g *glance) Bye(b *wire.Bye) error {
	if len(g.ticks) < 2 {
		g.bye = b
	}
	return nil
}

// glanceInto takes two snapshots of the node and leaves what fits: every owner
// and destination while there is room, then the fullest.
func (b box) glanceInto(ctx context.Context, cfg Config) error {
	cfg.Interval, cfg.Lease = glanceTime, ""
	var g glance
	if err := Run(ctx, cfg, nil, &g); err != nil && !errors.Is(err, errEnough) && g.bye == nil {
		return errors.Join(err, b.leave([letter.Pieces]string{}))
	}
	pieces, err := g.seal()
	return errors.Join(err, b.leave(pieces))
}

// seal leaves destinations out until the rest fits.
func (g *glance) seal() ([letter.Pieces]string, error) {
	rows := 0
	if len(g.ticks) > 0 {
		rows = len(g.ticks[0].Rows)
	}
	for keep := rows; ; keep = keep * 3 / 4 {
		pieces, err := letter.Seal(g.frames(keep))
		if !errors.Is(err, letter.ErrTooLong) || keep == 0 {
			return pieces, err
		}
	}
}

// frames writes what was seen with the fullest destinations only.
func (g *glance) frames(keep int) []byte {
	var b bytes.Buffer
	enc := wire.NewEncoder(&b)
	if g.hello != nil {
		_ = enc.Hello(g.hello)
	}
	kept := map[uint32]bool{}
	for i, t := range g.ticks {
		if i == 0 {
			kept = fullest(t, keep)
		}
		_ = enc.Tick(only(t, kept))
	}
	if g.bye != nil {
		_ = enc.Bye(g.bye)
	}
	return b.Bytes()
}

// fullest returns the destinations of a tick that say most: public ones first.
func fullest(t *wire.Tick, keep int) map[uint32]bool {
	rows := slices.Clone(t.Rows)
	weight := func(r *wire.Row) uint64 {
		return uint64(r.Established) + uint64(r.SynSent) + uint64(r.Closing) + uint64(r.TimeWait)
	}
	slices.SortStableFunc(rows, func(a, b wire.Row) int {
		if pa, pb := a.IP.IsPrivate() || a.IP.IsLoopback(), b.IP.IsPrivate() || b.IP.IsLoopback(); pa != pb {
			if pa {
				return 1
			}
			return -1
		}
		return cmp.Compare(weight(&b), weight(&a))
	})
	kept := map[uint32]bool{}
	for _, r := range rows[:min(len(rows), keep)] {
		kept[r.ID] = true
	}
	return kept
}

// only returns a tick of some destinations, and counts the rest as lost.
func only(t *wire.Tick, kept map[uint32]bool) *wire.Tick {
	out := *t
	out.Rows, out.Sources = nil, nil
	owners := map[uint32]bool{}
	for i := range t.Rows {
		r := &t.Rows[i]
		switch {
		case kept[r.ID]:
			out.Rows = append(out.Rows, *r)
			owners[r.Owner] = true
		case t.Full:
			out.Loss.Destinations++
		}
	}
	out.GoneRows = slices.DeleteFunc(slices.Clone(t.GoneRows), func(id uint32) bool { return !kept[id] })
	if t.Full {
		out.Owners = slices.DeleteFunc(slices.Clone(t.Owners), func(o wire.Owner) bool { return !owners[o.ID] })
	}
	return &out
}

// passMain waits for a file and writes it where the kubelet looks.
func passMain(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("%w: pass FILE TO", errUsage)
	}
	from, to := args[0], args[1]
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := pass(from, to); !errors.Is(err, os.ErrNotExist) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// pass copies a short file.
func pass(from, to string) error {
	file, err := os.Open(from) //nolint:gosec // named by whoever made this pod
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, letter.MaxPiece))
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o600)
}

package step

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/facts"
)

// Parallel bounds the nodes that are visited at the same time.
const Parallel = 16

// Update is what goes on during a run.
type Update struct {
	// Check is the check that it is about; nil when it is about a node.
	Check *Check
	// Found is an answer, Done the end of the check.
	Found *Step
	Done  bool
	// Node is the node that is being visited, Note what it waits for; Done is
	// the end of the visit.
	Node, Note string
}

// Run goes through books: every check at once, every node asked once. tell may
// be nil; it is called by one goroutine at a time and must not block. The
// steps come in the order of the books and their checks, problems first.
func Run(ctx context.Context, books []Book, p Patient, tell func(Update)) []Step {
	r := &run{look: newLook(p), tell: tell, found: map[string][]Step{}}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { r.visit(ctx, books) })
	for b := range books {
		for c := range books[b].Checks {
			wg.Go(func() { r.check(ctx, &books[b].Checks[c]) })
		}
	}
	wg.Wait()
	var out []Step
	for b := range books {
		for c := range books[b].Checks {
			out = append(out, sorted(r.found[books[b].Checks[c].ID])...)
		}
	}
	return out
}

type run struct {
	look *Look

	mu    sync.Mutex
	tell  func(Update)
	found map[string][]Step
}

func (r *run) say(u Update) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if u.Found != nil {
		r.found[u.Check.ID] = append(r.found[u.Check.ID], *u.Found)
	}
	if r.tell != nil {
		r.tell(u)
	}
}

func (r *run) check(ctx context.Context, c *Check) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(c.Limit, DefaultLimit))
	defer cancel()
	var spoke atomic.Bool
	said := func(s Step) {
		spoke.Store(true)
		s.ID, s.Title = c.ID, c.Title
		s.clean()
		r.say(Update{Check: c, Found: &s})
	}
	c.Run(ctx, r.look, said)
	// What has said nothing must not look as if all were well.
	if !spoke.Load() {
		why := "the check found nothing to look at"
		if err := ctx.Err(); err != nil {
			why = "the check took too long"
		}
		said(Step{Subject: "cluster", Verdict: Unknown, Summary: why})
	}
	r.say(Update{Check: c, Done: true})
}

// visit asks every node for what the books want, in one go each.
func (r *run) visit(ctx context.Context, books []Book) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, Parallel)
	for _, node := range r.look.Nodes {
		v := r.look.nodes[node.Name]
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			how, err := r.examine(ctx, books, node, v)
			v.end(how, err)
			r.say(Update{Node: node.Name, Done: true})
		})
	}
	wg.Wait()
}

func (r *run) examine(ctx context.Context, books []Book, node inventory.Node, v *visit) (string, error) {
	if node.OS != "linux" && node.OS != "" {
		return "", errNotLinux
	}
	var ask facts.Ask
	for _, b := range books {
		if b.Ask != nil {
			ask = ask.With(b.Ask(ctx, r.look, node))
		}
	}
	if len(ask.Parts) == 0 {
		return "", nil
	}
	if r.look.Examiner == nil {
		return "", errNoExaminer
	}
	how, err := r.look.Examiner.Examine(ctx, node, ask, func(note string) { r.say(Update{Node: node.Name, Note: note}) }, v.got)
	if err != nil && errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("node %s took too long to answer: %w", node.Name, err)
	}
	return how, err
}

// rank sorts verdicts: what needs a hand first.
func rank(v Verdict) int {
	switch v {
	case Problem:
		return 0
	case Unknown:
		return 1
	case OK:
		return 2
	case NotApplicable:
		return 3
	default:
		return 1
	}
}

func sorted(steps []Step) []Step {
	slices.SortStableFunc(steps, func(a, b Step) int {
		return cmp.Or(cmp.Compare(rank(a.Verdict), rank(b.Verdict)), strings.Compare(a.Subject, b.Subject))
	})
	return steps
}

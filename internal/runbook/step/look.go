package step

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/facts"
)

// Look is one run's view of the patient: what several checks need is asked for
// once. It is safe for concurrent use.
type Look struct {
	Patient

	mu     sync.Mutex
	shared map[string]*once
	nodes  map[string]*visit
}

func newLook(p Patient) *Look {
	l := &Look{Patient: p, shared: map[string]*once{}, nodes: map[string]*visit{}}
	for _, n := range p.Nodes {
		l.nodes[n.Name] = newVisit()
	}
	return l
}

// once is an answer that is being waited for, or there.
type once struct {
	done  chan struct{}
	value any
	err   error
}

// Once returns what fn returned when it was first called under this key. Who
// waits stops waiting when ctx ends; fn itself runs under the first caller's
// values but is not cut short with it, since others may wait longer: it has to
// bound itself.
func Once[T any](ctx context.Context, l *Look, key string, fn func(context.Context) (T, error)) (T, error) {
	l.mu.Lock()
	o := l.shared[key]
	if o == nil {
		o = &once{done: make(chan struct{})}
		l.shared[key] = o
		go func() {
			defer close(o.done)
			o.value, o.err = fn(context.WithoutCancel(ctx))
		}()
	}
	l.mu.Unlock()
	var zero T
	select {
	case <-o.done:
	case <-ctx.Done():
		return zero, ctx.Err()
	}
	if o.err != nil {
		return zero, o.err
	}
	v, ok := o.value.(T)
	if !ok {
		return zero, fmt.Errorf("two checks share %q with different meanings", key)
	}
	return v, nil
}

// clusterLimit is how long an API server may take to say who it is, when nobody
// has asked it before.
const clusterLimit = 5 * time.Second

// Cluster returns the cluster for requests. It is an error, in one line, when
// there is none or it does not answer: then every check that needs it says so
// at once, and those that need no answer go on.
func (l *Look) Cluster(ctx context.Context) (*k8s.Client, error) {
	if l.API == nil {
		return nil, errNoCluster
	}
	return Once(ctx, l, "step.cluster", func(ctx context.Context) (*k8s.Client, error) {
		if l.API.Version != "" {
			return l.API, nil
		}
		ctx, cancel := context.WithTimeout(ctx, clusterLimit)
		defer cancel()
		if err := l.API.Connect(ctx); err != nil {
			return nil, err
		}
		return l.API, nil
	})
}

// Snapshot measures connections once for all checks.
func (l *Look) Snapshot(ctx context.Context) (*session.Snapshot, error) {
	if l.Picture == nil {
		return nil, errNoPicture
	}
	return Once(ctx, l, "step.picture", l.Picture)
}

// Section waits for one part of what a node tells. It is an error, in one line,
// when the node could not be asked, was not asked for this part, or could not
// see it; a section that says both is returned with its error.
func (l *Look) Section(ctx context.Context, node string, part facts.Part) (*facts.Section, error) {
	l.mu.Lock()
	v := l.nodes[node]
	l.mu.Unlock()
	if v == nil {
		return nil, fmt.Errorf("node %s is not among those that are looked at", node)
	}
	return v.wait(ctx, part)
}

// How says how a node was reached, once it was; "" before.
func (l *Look) How(node string) string {
	l.mu.Lock()
	v := l.nodes[node]
	l.mu.Unlock()
	if v == nil {
		return ""
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.how
}

// Node returns a node by its name.
func (l *Look) Node(name string) (inventory.Node, bool) {
	for _, n := range l.Nodes {
		if n.Name == name {
			return n, true
		}
	}
	return inventory.Node{}, false
}

package k8s

import (
	"context"
	"reflect"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/snattop/snattop/k8s/inventory"
)

// gather collects what the tables tell and passes it on in handfuls.
type gather struct {
	emit func(inventory.Change)
	wake chan struct{}

	mu        sync.Mutex
	nodes     pending[inventory.Node]
	pods      pending[inventory.Pod]
	services  pending[inventory.Service]
	endpoints pending[inventory.Endpoints]
}

// pending is the newest word on each key: a value, or that it is gone.
type pending[T any] struct {
	order []string
	words map[string]*T
}

func (p *pending[T]) put(key string, value *T) {
	if p.words == nil {
		p.words = map[string]*T{}
	}
	if _, ok := p.words[key]; !ok {
		p.order = append(p.order, key)
	}
	p.words[key] = value
}

func (p *pending[T]) take() (values []T, gone []string) {
	for _, key := range p.order {
		if v := p.words[key]; v != nil {
			values = append(values, *v)
		} else {
			gone = append(gone, key)
		}
	}
	p.order, p.words = nil, nil
	return values, gone
}

func newGather(emit func(inventory.Change)) *gather {
	return &gather{emit: emit, wake: make(chan struct{}, 1)}
}

func (g *gather) run(ctx context.Context) {
	wait := coalesceFirst
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.wake:
		}
		if !sleep(ctx, wait) {
			return
		}
		wait = coalesce
		g.mu.Lock()
		var ch inventory.Change
		ch.Nodes, ch.GoneNodes = g.nodes.take()
		ch.Pods, ch.GonePods = g.pods.take()
		ch.Services, ch.GoneServices = g.services.take()
		ch.Endpoints, ch.GoneEndpoints = g.endpoints.take()
		g.mu.Unlock()
		if !ch.Empty() {
			g.emit(ch)
		}
	}
}

func (g *gather) nudge() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// table is the store behind a reflector: it keeps our plain data instead of
// the API's objects and tells a gather what is new.
type table[T any] struct {
	// convert returns the key and the value of an object; ok is false for one
	// that does not belong in the table.
	convert func(obj any) (key string, value T, ok bool)
	tell    func(key string, value *T)

	mu   sync.Mutex
	rows map[string]T
}

var _ cache.TransformingStore = (*table[int])(nil)

func newTable[T any](g *gather, convert func(any) (string, T, bool), into *pending[T]) *table[T] {
	return &table[T]{
		convert: convert,
		rows:    map[string]T{},
		tell: func(key string, value *T) {
			g.mu.Lock()
			into.put(key, value)
			g.mu.Unlock()
			g.nudge()
		},
	}
}

func newNodeTable(g *gather) *table[inventory.Node] {
	return newTable(g, func(obj any) (string, inventory.Node, bool) {
		n, ok := obj.(*corev1.Node)
		if !ok {
			return "", inventory.Node{}, false
		}
		return n.Name, nodeOf(n), true
	}, &g.nodes)
}

func newPodTable(g *gather) *table[inventory.Pod] {
	return newTable(g, func(obj any) (string, inventory.Pod, bool) {
		p, ok := obj.(*corev1.Pod)
		if !ok {
			return "", inventory.Pod{}, false
		}
		return string(p.UID), podOf(p), true
	}, &g.pods)
}

func newServiceTable(g *gather) *table[inventory.Service] {
	return newTable(g, func(obj any) (string, inventory.Service, bool) {
		s, ok := obj.(*corev1.Service)
		if !ok {
			return "", inventory.Service{}, false
		}
		v, ok := serviceOf(s)
		return v.UID, v, ok
	}, &g.services)
}

func newEndpointsTable(g *gather) *table[inventory.Endpoints] {
	return newTable(g, func(obj any) (string, inventory.Endpoints, bool) {
		s, ok := obj.(*discoveryv1.EndpointSlice)
		if !ok {
			return "", inventory.Endpoints{}, false
		}
		v, ok := endpointsOf(s)
		return v.UID, v, ok
	}, &g.endpoints)
}

// Add implements cache.ReflectorStore.
func (t *table[T]) Add(obj any) error { return t.Update(obj) }

// Update implements cache.ReflectorStore. Status heartbeats that change
// nothing of ours end here.
func (t *table[T]) Update(obj any) error {
	key, value, ok := t.convert(obj)
	if !ok {
		if key != "" {
			t.drop(key)
		}
		return nil
	}
	t.mu.Lock()
	old, had := t.rows[key]
	same := had && reflect.DeepEqual(old, value)
	if !same {
		t.rows[key] = value
	}
	t.mu.Unlock()
	if !same {
		t.tell(key, &value)
	}
	return nil
}

// Delete implements cache.ReflectorStore.
func (t *table[T]) Delete(obj any) error {
	if key, _, _ := t.convert(obj); key != "" {
		t.drop(key)
	}
	return nil
}

func (t *table[T]) drop(key string) {
	t.mu.Lock()
	_, had := t.rows[key]
	delete(t.rows, key)
	t.mu.Unlock()
	if had {
		t.tell(key, nil)
	}
}

// Replace implements cache.ReflectorStore.
func (t *table[T]) Replace(list []any, _ string) error {
	keep := make(map[string]bool, len(list))
	for _, obj := range list {
		if key, _, ok := t.convert(obj); ok {
			keep[key] = true
		}
	}
	t.mu.Lock()
	var gone []string
	for key := range t.rows {
		if !keep[key] {
			gone = append(gone, key)
		}
	}
	t.mu.Unlock()
	for _, key := range gone {
		t.drop(key)
	}
	for _, obj := range list {
		if err := t.Update(obj); err != nil {
			return err
		}
	}
	return nil
}

// Resync implements cache.ReflectorStore; there is nothing to repeat.
func (t *table[T]) Resync() error { return nil }

// Transformer implements cache.TransformingStore.
func (t *table[T]) Transformer() cache.TransformFunc {
	return func(obj any) (any, error) { return trim(obj), nil }
}

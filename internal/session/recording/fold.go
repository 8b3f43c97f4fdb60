package recording

import (
	"cmp"
	"maps"
	"slices"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/k8s/inventory"
)

// foldChunk is how many objects one event of a fold holds: a frame of a
// recording has at most 16 MiB.
const foldChunk = 1000

// streamKey names a stream: a node's, or one pod's of a node.
type streamKey struct{ node, pod string }

// folded is the state that a run of events leads to, told by as few events as
// will do.
type folded struct {
	cluster, problem, cloud *session.Event
	// settings are all that were told, each in addition to those before.
	settings []session.Event
	// objects is the newest event that told some.
	objects   *session.Event
	nodes     map[string]inventory.Node
	pods      map[string]inventory.Pod
	services  map[string]inventory.Service
	endpoints map[string]inventory.Endpoints
	states    map[string]*session.Event
	streams   map[streamKey]*foldedStream
}

func newFolded() *folded {
	return &folded{
		nodes: map[string]inventory.Node{}, pods: map[string]inventory.Pod{}, services: map[string]inventory.Service{},
		endpoints: map[string]inventory.Endpoints{}, states: map[string]*session.Event{}, streams: map[streamKey]*foldedStream{},
	}
}

// add takes an event into the state.
func (f *folded) add(e *session.Event) {
	one := *e
	switch {
	case e.Settings != nil:
		if len(f.settings) < foldSettings {
			f.settings = append(f.settings, one)
		}
	case e.Cluster != nil:
		f.cluster = &one
	case e.Problem != nil:
		f.problem = &one
	case e.Objects != nil:
		f.objects = &one
		f.change(e.Objects)
	case e.State != nil:
		f.states[e.Node] = &one
	case e.Hello != nil:
		if s := f.stream(e); s != nil {
			s.mark(one)
		}
	case e.Tick != nil:
		// A stream begins with a full tick; without one, a part of it would
		// pass for the whole.
		if s := f.stream(e); s != nil && (e.Tick.Full || s.last != nil) {
			s.add(&one)
		}
	case e.Bye != nil:
		// The state that follows says how the node stands.
	case e.Cloud != nil:
		// It repeats all that the cloud has told.
		f.cloud = &one
	}
}

func (f *folded) stream(e *session.Event) *foldedStream {
	key := streamKey{e.Node, e.PodUID}
	s := f.streams[key]
	if s == nil && len(f.streams) < foldStreams {
		s = &foldedStream{}
		f.streams[key] = s
	}
	return s
}

func (f *folded) change(c *inventory.Change) {
	for _, name := range c.GoneNodes {
		delete(f.nodes, name)
		delete(f.states, name)
		maps.DeleteFunc(f.streams, func(k streamKey, _ *foldedStream) bool { return k.node == name })
	}
	merge(f.pods, c.GonePods, c.Pods, func(p inventory.Pod) string { return p.UID })
	merge(f.services, c.GoneServices, c.Services, func(s inventory.Service) string { return s.UID })
	merge(f.endpoints, c.GoneEndpoints, c.Endpoints, func(e inventory.Endpoints) string { return e.UID })
	merge(f.nodes, nil, c.Nodes, func(n inventory.Node) string { return n.Name })
}

func merge[T any](into map[string]T, gone []string, list []T, key func(T) string) {
	for _, k := range gone {
		delete(into, k)
	}
	for _, v := range list {
		into[key(v)] = v
	}
}

// events tells the state: what names the whole, then objects, then nodes with
// their streams, each at the time of the newest event that it is made of.
func (f *folded) events() []session.Event {
	out := slices.Clone(f.settings)
	for _, e := range []*session.Event{f.cluster, f.problem, f.cloud} {
		if e != nil {
			out = append(out, *e)
		}
	}
	if f.objects != nil {
		chunks(f.nodes, func(l []inventory.Node) { out = append(out, f.told(inventory.Change{Nodes: l})) })
		chunks(f.services, func(l []inventory.Service) { out = append(out, f.told(inventory.Change{Services: l})) })
		chunks(f.endpoints, func(l []inventory.Endpoints) { out = append(out, f.told(inventory.Change{Endpoints: l})) })
		chunks(f.pods, func(l []inventory.Pod) { out = append(out, f.told(inventory.Change{Pods: l})) })
	}
	for _, name := range sorted(f.states) {
		out = append(out, *f.states[name])
	}
	keys := slices.SortedFunc(maps.Keys(f.streams), func(a, b streamKey) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.pod, b.pod))
	})
	for _, key := range keys {
		s := f.streams[key]
		out = append(out, s.marks...)
		if s.last != nil {
			out = append(out, s.event())
		}
	}
	return out
}

func (f *folded) told(c inventory.Change) session.Event {
	return session.Event{Time: f.objects.Time, Objects: &c}
}

// chunks hands out values in the order of their keys, some at a time.
func chunks[T any](m map[string]T, tell func([]T)) {
	keys := sorted(m)
	for part := range slices.Chunk(keys, foldChunk) {
		list := make([]T, 0, len(part))
		for _, k := range part {
			list = append(list, m[k])
		}
		tell(list)
	}
}

func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

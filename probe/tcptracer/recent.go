package tcptracer

// recent is a map that forgets: it holds at least the limit/2 entries that were
// put or got last, and at most limit.
type recent[K comparable, V any] struct {
	limit    int
	now, old map[K]V
}

func newRecent[K comparable, V any](limit int) recent[K, V] {
	return recent[K, V]{limit: limit, now: make(map[K]V)}
}

func (r *recent[K, V]) get(k K) (V, bool) {
	if v, ok := r.now[k]; ok {
		return v, true
	}
	v, ok := r.old[k]
	if ok {
		r.put(k, v)
	}
	return v, ok
}

func (r *recent[K, V]) put(k K, v V) {
	if _, ok := r.now[k]; !ok && len(r.now) >= max(r.limit/2, 1) {
		r.now, r.old = make(map[K]V), r.now
	}
	delete(r.old, k)
	r.now[k] = v
}

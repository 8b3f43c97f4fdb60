package probe

// ending notes that a socket was told while it came to its end. The kernel
// collects sockets of the states that we ask for, and writes down a moment later
// what they are by then (inet_diag_dump_icsk): one that has become CLOSED
// meanwhile may go on as TIME_WAIT, which is another socket with the same key.
// It stays what it was; the next snapshot tells.
func (a *Aggregator) ending(key uint64) {
	c, ok := a.conns[key]
	if !ok || c.gen == a.gen {
		return
	}
	c.gen = a.gen
	c.flags &^= connOpened
	a.conns[key] = c
	if r := a.byID[c.row]; r != nil {
		a.count(r, c.phase, &c)
	}
}

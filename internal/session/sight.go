package session

// Sight is what a collector can see of what happens between two looks. What it
// cannot see is not known, which is another thing than zero.
type Sight struct {
	// Events means that every open and close is counted as it happens. Without
	// it they are the differences between two looks, and a connection that
	// came and went in between is missed.
	Events bool
	// Lives means that it is known for how long connections were established.
	Lives bool
	// Trouble means that resets, causes of failures and segments sent again
	// are counted.
	Trouble bool
	// Attempts means that it sees connections that are not established (yet):
	// SYNs without an answer, and attempts that failed.
	Attempts bool
	// Silence means that it is known for how long no packet has passed.
	Silence bool
}

// SightOf returns what a collector can see, by its name on the wire. One that
// is not known here is taken for one that lists sockets.
func SightOf(collector string) Sight {
	switch collector {
	case "ebpf":
		return Sight{Events: true, Lives: true, Trouble: true, Attempts: true, Silence: true}
	case "tcptracer":
		// It prints connects once they have succeeded, accepts and closes,
		// each with its time, and never how a connection ended.
		return Sight{Events: true, Lives: true}
	case "diag":
		return Sight{Attempts: true, Silence: true}
	default: // procfs lists sockets, and no more
		return Sight{Attempts: true}
	}
}

// Sight is what the node's collector can see.
func (n *Node) Sight() Sight { return SightOf(n.Collector) }

// room makes a place for what a collector can see. Without one it stays
// unknown.
func (c *Counts) room(s Sight) {
	if s.Trouble && c.Trouble == nil {
		c.Trouble = &Trouble{}
	}
	if s.Lives && c.Lives == nil {
		c.Lives = &Lives{}
	}
	if s.Silence && c.Silent == nil {
		c.Silent = &Silence{}
	}
}

// finer adds up what only some collectors see.
func (c *Counts) finer(t *Trouble, l *Lives, q *Silence) {
	if c.Silent != nil && q != nil {
		c.Silent.add(q)
	}
	if c.Trouble != nil && t != nil {
		c.Trouble.add(t)
	}
	if c.Lives != nil {
		c.Lives.add(l)
	}
}

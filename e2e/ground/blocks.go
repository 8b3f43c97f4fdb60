package ground

import "fmt"

// The gateway hands out source ports the way a balancer's frontend address
// does: 64,000 of them, cut into one slot per node, of which the node is
// granted a block from the beginning.
const (
	firstPort     = 1024
	frontendPorts = 64000
)

// Block is a range of source ports at the gateway, both ends included.
type Block struct {
	First int `json:"first"`
	Last  int `json:"last"`
}

// Size is the number of ports in the block.
func (b Block) Size() int { return b.Last - b.First + 1 }

// Contains reports whether the port lies in the block.
func (b Block) Contains(port int) bool { return port >= b.First && port <= b.Last }

// String is the block as iptables writes it.
func (b Block) String() string { return fmt.Sprintf("%d-%d", b.First, b.Last) }

// MaxBlock is the largest block that each of so many nodes can be granted.
func MaxBlock(nodes int) int { return frontendPorts / nodes }

// blockFor is the block of ports of the node with this index (from 0).
func blockFor(index, nodes, ports int) (Block, error) {
	slot := MaxBlock(nodes)
	if ports < 1 || ports > slot {
		return Block{}, fmt.Errorf("a block of %d ports: must be between 1 and %d with %d nodes", ports, slot, nodes)
	}
	if index < 0 || index >= nodes {
		return Block{}, fmt.Errorf("node index %d: must be between 0 and %d", index, nodes-1)
	}
	first := firstPort + index*slot
	return Block{First: first, Last: first + ports - 1}, nil
}

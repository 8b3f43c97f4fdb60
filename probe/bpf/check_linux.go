package bpf

import (
	"fmt"

	"github.com/cilium/ebpf/link"
)

// Check holds every open connection against its socket, and puts right those
// that two checks in a row found changed. The programs see every change of state
// but those that the kernel does not show them: it happens when a processor is
// starved. Without this, such a connection would stay open for ever. It also
// counts the connections that are silent, which the readings up to the next
// check tell. It costs a quarter of a microsecond for each open connection, and
// 3 ms for a map of the default size, full or empty (BenchmarkCheck).
func (c *Counter) Check() error {
	c.eachRow(func(row *countRow) { row.hush() })
	if err := iterate(c.check); err != nil {
		return fmt.Errorf("checking what is open: %w", err)
	}
	return nil
}

func (c *Counter) attachCheck(o *countObjects) error {
	it, err := link.AttachIter(link.IterOptions{Program: o.Check, Map: o.Conns})
	if err != nil {
		return fmt.Errorf("attaching the check: %w", explain(err))
	}
	c.check = it
	c.links = append(c.links, it)
	return nil
}

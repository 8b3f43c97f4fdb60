package bpf

import (
	"fmt"

	"github.com/cilium/ebpf/link"
)

// Check holds every open connection against its socket, and puts right those
// that two checks in a row found changed. The programs see every change of state
// but those that the kernel does not show them: it happens when a processor is
// starved. Without this, such a connection would stay open for ever. It costs
// some tens of nanoseconds for each open connection.
func (c *Counter) Check() error {
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

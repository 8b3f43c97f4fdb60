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
// check tell (BenchmarkCheck). On Linux 5.8 it does nothing.
func (c *Counter) Check() error {
	if c.check == nil {
		return nil
	}
	c.eachRow(func(row *countRow) { row.hush() })
	if err := iterate(c.check); err != nil {
		return fmt.Errorf("checking what is open: %w", err)
	}
	return nil
}

func (c *Counter) attachCheck() error {
	prog := c.objects.Programs[countProgCheck]
	if prog == nil {
		return nil
	}
	it, err := link.AttachIter(link.IterOptions{Program: prog, Map: c.objects.Maps[countMapSocks]})
	if err != nil {
		return fmt.Errorf("attaching the check: %w", explain(err))
	}
	c.check = it
	c.links = append(c.links, it)
	return nil
}

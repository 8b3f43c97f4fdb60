package ground

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The most and the usual weight of a control group, in both hierarchies.
//
// Source: Linux, Documentation/admin-guide/cgroup-v2.rst (cpu.weight, 1 to
// 10000); Documentation/scheduler/sched-design-CFS.rst and kernel/sched/sched.h
// (cpu.shares, 2 to 262144).
var weights = []struct{ file, most, usual string }{
	{"cpu.weight", "10000", "100"},
	{"cpu.shares", "262144", "1024"},
}

// Favour gives the ground's processes the processor before what else runs on
// the machine, so that a load within a node is one however busy that is.
func (g *Ground) Favour(context.Context) (Lift, error) {
	set := func(most bool) error {
		hierarchies, err := cgroupHierarchies()
		if err != nil {
			return err
		}
		written := false
		for _, h := range hierarchies {
			for _, w := range weights {
				value := w.usual
				if most {
					value = w.most
				}
				err := writeExisting(filepath.Join(h.dir, g.dirs.cgroup(), w.file), value)
				if err != nil && !errors.Is(err, fs.ErrNotExist) {
					return fmt.Errorf("weighing the ground's control group: %w", err)
				}
				written = written || err == nil
			}
		}
		if !written {
			return errors.New("the ground's control group has no weight")
		}
		return nil
	}
	if err := set(true); err != nil {
		return nil, err
	}
	return func(context.Context) error { return set(false) }, nil
}

// writeExisting writes to a file of the kernel's and makes none.
func writeExisting(name, value string) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

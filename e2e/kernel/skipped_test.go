//go:build kernel && linux

package kernel

import (
	"errors"
	"os"
	"testing"

	"github.com/cilium/ebpf"
)

// skippedRuns are the runs of BPF programs, by name, that the kernel left out
// because the same program ran already on that processor when an interrupt
// came. Whoever counts in a program does not know of them; the kernel does.
func skippedRuns(t *testing.T) map[string]uint64 {
	t.Helper()
	skipped := map[string]uint64{}
	for id := ebpf.ProgramID(0); ; {
		var err error
		id, err = ebpf.ProgramGetNextID(id)
		if errors.Is(err, os.ErrNotExist) {
			return skipped
		}
		if err != nil {
			t.Fatal(err)
		}
		p, err := ebpf.NewProgramFromID(id)
		if err != nil {
			continue // unloaded since
		}
		info, err := p.Info()
		stats, serr := p.Stats()
		_ = p.Close()
		if err := errors.Join(err, serr); err != nil {
			t.Fatal(err)
		}
		skipped[info.Name] += stats.RecursionMisses
	}
}

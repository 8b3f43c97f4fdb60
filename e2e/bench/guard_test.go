//go:build bench && linux

package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// guardArgs is what the guard removes.
type guardArgs struct {
	// Dir holds the programs and results of the run.
	Dir string
	// Cgroups is the top of the run's cgroups, empty where there are none.
	Cgroups string
}

// guard starts a process that outlives this one by a moment, whichever way
// this one ends, and removes what would be left: cgroups and files, since
// everything else ends with the processes that hold it. release waits for it.
func guard(dir string) (release func() error, err error) {
	a, err := startActor(context.Background(), stage{}, "guard", guardArgs{Dir: dir, Cgroups: cgroupTop(os.Getpid())})
	if err != nil {
		return nil, err
	}
	return func() error {
		_ = a.in.Close()
		if err := a.cmd.Wait(); err != nil {
			return fmt.Errorf("cleaning up: %w", err)
		}
		return nil
	}, nil
}

// sweep is the guard's part.
func sweep(args guardArgs) error {
	// Ctrl-C is for the run, and the guard follows it.
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return errors.Join(removeCgroups(args.Cgroups), os.RemoveAll(args.Dir))
}

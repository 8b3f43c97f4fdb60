//go:build unix

package cli

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// unstopped is after how long, twice, a process that was told to stop, and runs,
// is known not to have been: the kernel lets nobody stop whom no shell could
// continue, as in a terminal that was opened for snattop alone.
const unstopped = 150 * time.Millisecond

// suspend stops the processes of this job until a shell continues them, and
// reports whether they were stopped.
func suspend() bool {
	cont := make(chan os.Signal, 1)
	signal.Notify(cont, syscall.SIGCONT)
	defer signal.Stop(cont)
	if err := syscall.Kill(0, syscall.SIGTSTP); err != nil {
		return false
	}
	// After a long stop the first timer is due as soon as we go on, and may be
	// faster than the signal.
	for range 2 {
		timer := time.NewTimer(unstopped)
		select {
		case <-cont:
			timer.Stop()
			return true
		case <-timer.C:
		}
	}
	return false
}

// suspender is how the UI is suspended.
func suspender() func() bool { return suspend }

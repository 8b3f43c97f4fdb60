// Package thread gives code an OS thread of its own, for what the kernel keeps
// by thread: namespaces above all.
package thread

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Own runs fn in a goroutine that is alone on its OS thread; the thread ends
// with it, so that no other goroutine ever runs where it has been. It is never
// the process's first thread: that one cannot end, and /proc/self is what it
// sees, so that the whole process would seem to have moved.
func Own(fn func()) {
	go func() {
		runtime.LockOSThread() // never unlocked: the runtime ends the thread
		if unix.Gettid() != unix.Getpid() {
			fn()
			return
		}
		// Hold the first thread until the other goroutine has another.
		settled := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(settled)
			fn()
		}()
		<-settled
		runtime.UnlockOSThread()
	}()
}

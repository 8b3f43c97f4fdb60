package tcptracer

import "os"

// process is a running tool.
type process interface {
	// interrupt asks it to end, kill makes it; both mean all of its group.
	interrupt()
	kill()
	// exited is closed once it has been reaped; status says how it went.
	exited() <-chan struct{}
	status() string
}

// launch is what to run, and where.
type launch struct {
	argv     []string
	tool     string
	hostRoot string
	proc     string
	// stdout and stderr are the ends that the process writes to.
	stdout, stderr *os.File
}

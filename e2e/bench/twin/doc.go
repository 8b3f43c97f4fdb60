// Package twin watches TCP connections as event tracers do: each change of a
// socket's state is sent to user space through a ring buffer, and counted
// there. It exists to be measured beside the probe, whose programs count in
// the kernel instead.
package twin

// Package probe is what runs on a node: it reads the kernel's socket tables in
// every network namespace, finds out who owns each flow, and tells destination
// by destination what changed since the last tick.
//
// It never imports client-go: names of pods are joined later, from the UID
// that a cgroup's path carries. It reads and never changes anything on the
// node, apart from the lease file that it was told to touch.
package probe

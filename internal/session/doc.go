// Package session keeps one live, merged, versioned picture of a cluster.
// Sources feed it events; views read immutable snapshots. What the numbers
// come from (a cluster, this host, a file) makes no difference above it.
package session

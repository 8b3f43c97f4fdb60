// Package live is the source of a session that looks at a running cluster: it
// watches the API server, reaches every node by the best way that is allowed,
// and feeds what the probes say.
//
// Each node has a goroutine of its own (a runner), so that one ill node
// disturbs no other. What a runner needs of the cluster is small and behind
// interfaces (cluster, rung, Stream); tests stand in for them. Commands reach a
// node the same way for what is asked of it once.
package live

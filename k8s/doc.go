// Package k8s is how snattop reaches a cluster: configuration, watches, node
// pods, ephemeral containers, exec streams, uploads, preflight and cleanup.
//
// It changes nothing in a cluster beyond pods that carry its own labels and,
// when the operator agreed, ephemeral containers. Errors that leave it are
// *Error: one line that says what failed, on which object and what to do.
package k8s

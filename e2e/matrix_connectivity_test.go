//go:build e2e && linux

package e2e

// connectivityFaults break what the runbook of connectivity looks for.
func connectivityFaults() []fault { return nil }

//go:build e2e && linux

package e2e

// apiserverFaults break what the runbook of the API server looks for.
func apiserverFaults() []fault { return nil }

//go:build !unix

package cli

// suspender is nil: there is no job control here.
func suspender() func() bool { return nil }

// Package cli is the command tree. Flags become plain configurations here and
// nowhere else; what does the work never sees cobra.
package cli

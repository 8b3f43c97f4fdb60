// Package demo holds the recording that `snattop demo` shows, and what is said
// beside it. The recording was made on the proving ground (make
// demo-recording): a real cluster whose nodes run out of ports for real.
package demo

import (
	_ "embed"
)

//go:embed demo.snattop
var recording []byte

// Recording returns the file. It is not to be changed.
func Recording() []byte { return recording }

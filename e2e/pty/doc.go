// Package pty runs the snattop that users run, on a pseudo-terminal with a
// terminal emulator at its other end: what is asserted is what somebody would
// see, and how the terminal is left behind. It has nothing but tests, which need
// no cluster and no root, and so belong to `make test`.
package pty

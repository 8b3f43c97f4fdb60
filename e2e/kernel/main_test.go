//go:build kernel && linux

// Package kernel holds the probe against a kernel that is not the machine's
// own: Debian's 6.1, in a virtual machine that qemu emulates, without any
// network. There it runs every test of ./probe/..., and puts the probe's
// collectors beside bcc's tcptracer on one load.
//
// The same test binary works on both sides: on the machine it makes the guest,
// boots it and passes on what it says; in the guest it runs the tests.
package kernel

import (
	"fmt"
	"os"
	"testing"
)

// sideEnv says what this process is; nothing means the machine's side.
const sideEnv = "SNATTOP_KERNEL_SIDE"

// The other sides.
const (
	sideGuest = "guest"
	sideLoad  = "load"
)

func TestMain(m *testing.M) {
	if os.Getenv(sideEnv) == sideLoad {
		if err := loadMain(); err != nil {
			fmt.Fprintln(os.Stderr, "load:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// inGuest skips a test on the machine's side.
func inGuest(t *testing.T) {
	t.Helper()
	if os.Getenv(sideEnv) != sideGuest {
		t.Skip("runs in the guest, which TestGuest starts")
	}
}

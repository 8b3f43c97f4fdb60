package pty

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// A file system that is full in the middle of a ticket: a line at the foot, no
// half of a ticket, and the UI goes on.
func TestTicketOnFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "size=32k")
	if errors.Is(err, unix.EPERM) {
		t.Skip("mounting a small file system takes root")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	p := demoWith(t, setting{width: 200, height: 40}, "--out-dir", dir) // wide enough for one line
	p.keys("S")
	p.shows("The ticket could not be saved", "no space left on device", "--out-dir names another folder")
	p.keys("2")
	p.shows("❷", "shop/checkout")
	p.keys(ctrlC)
	p.exits(0)
	p.restored()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		t.Errorf("%s is left of the ticket", e.Name())
	}
}

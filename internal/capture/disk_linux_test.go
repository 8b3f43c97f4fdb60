package capture

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/snattop/snattop/probe/capture"
)

// The whole way with a real disk that is full, where this system has one.
func TestToAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("small", dir, "tmpfs", 0, "size=65536"); err != nil {
		t.Skipf("no small file system can be mounted: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	path := filepath.Join(dir, "x.pcapng")
	opts := options()
	got, err := ToFile(t.Context(), path, func(context.Context) (Stream, error) {
		return node(func(enc *capture.Encoder, leash <-chan struct{}) error {
			err := enc.Encode(started())
			for err == nil {
				select {
				case <-leash:
					return enc.Encode(ended(capture.EndLeash, capture.Counts{}))
				default:
					err = enc.Encode(some(50, 128, capture.Counts{}))
				}
			}
			return err
		}), nil
	}, opts)
	if err == nil || !strings.Contains(err.Error(), "the disk here is full") {
		t.Errorf("%v: %+v", err, got)
	}
	b, rerr := os.ReadFile(path)
	if rerr != nil || len(b) == 0 || len(b)%4 != 0 {
		t.Errorf("%v: %d bytes are left", rerr, len(b))
	}
}

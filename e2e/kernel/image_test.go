//go:build kernel && linux

package kernel

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/snattop/snattop/e2e/ground"
)

// guestPackages are in the guest beside the least Debian.
var guestPackages = []string{"bpfcc-tools", "conntrack", "iproute2", "iptables", "kmod", "procps"}

// image is a directory in the cache: a kernel and its root file system.
type image struct{ dir string }

func (i image) kernel() string    { return filepath.Join(i.dir, "vmlinuz") }
func (i image) initramfs() string { return filepath.Join(i.dir, "initramfs.gz") }
func (i image) root() string      { return filepath.Join(i.dir, "root.ext4") }

// cachedImage returns the image for a kernel, and makes it when there is none.
// Its name tells what it was made of, so an old one is never taken for a new.
func cachedImage(ctx context.Context, t *testing.T, release string) (image, error) {
	cache, err := ground.CacheDir()
	if err != nil {
		return image{}, err
	}
	recipe := sha256.Sum256([]byte(strings.Join(append(bootModules, guestPackages...), " ") + string(initScript)))
	done := image{filepath.Join(cache, fmt.Sprintf("kernel-%s-%x", release, recipe[:4]))}
	if _, err := os.Stat(done.dir); err == nil {
		return done, nil
	}
	t.Logf("making a guest with Linux %s in %s, which takes some minutes the first time", release, done.dir)
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return image{}, err
	}
	fresh, err := os.MkdirTemp(cache, "kernel-new-")
	if err != nil {
		return image{}, err
	}
	err = image{fresh}.make(ctx, release)
	if err == nil {
		err = os.Rename(fresh, done.dir)
	}
	return done, errors.Join(err, os.RemoveAll(fresh))
}

// unpack lays a package over a root. dpkg-deb's own way would put a directory in
// the place of the link /lib.
const unpack = `dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"`

func (i image) make(ctx context.Context, release string) (err error) {
	from, err := mirror(ctx)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(i.dir, "work-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	packages, root := filepath.Join(work, "packages"), filepath.Join(work, "root")
	if err := os.Mkdir(packages, 0o755); err != nil {
		return err
	}
	if err := download(ctx, packages, kernelPackages(release)); err != nil {
		return err
	}
	if _, err := run(ctx, "", "debootstrap", "--variant=minbase", "--include="+strings.Join(guestPackages, ","), suite, root, from); err != nil {
		return err
	}
	// Unpacked, not installed: that would want a boot loader, and a compiler
	// for modules.
	files, err := filepath.Glob(filepath.Join(packages, "*.deb"))
	if err != nil {
		return err
	}
	for _, f := range files {
		if _, err := run(ctx, "", "bash", "-o", "pipefail", "-c", unpack, "unpack", f, root); err != nil {
			return err
		}
	}
	if _, err := run(ctx, "", "chroot", root, "depmod", release); err != nil {
		return err
	}
	modules := filepath.Join(root, "lib/modules", release)
	if err := errors.Join(
		writeInitramfs(i.initramfs(), modules),
		os.Rename(filepath.Join(root, "boot/vmlinuz-"+release), i.kernel()),
		os.RemoveAll(filepath.Join(root, "var/cache/apt")),
	); err != nil {
		return err
	}
	return makeDisk(ctx, i.root(), root, "3G")
}

// makeDisk makes a sparse file with a file system that holds a directory.
func makeDisk(ctx context.Context, file, dir, size string) error {
	_, err := run(ctx, "", "mke2fs", "-q", "-t", "ext4", "-d", dir, file, size)
	return err
}

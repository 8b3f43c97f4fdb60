//go:build kernel && linux

package kernel

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed init.sh
var initScript []byte

// bootModules are what the guest needs to reach its disks and its way out;
// crc32c is asked for by name when ext4 is mounted, so no module depends on it.
var bootModules = []string{"crc32c_generic", "virtio_pci", "virtio_blk", "virtio_console", "ext4"}

// writeInitramfs makes the archive that the kernel unpacks before it has any
// disk. modules is the lib/modules directory of its release.
func writeInitramfs(file, modules string) error {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return fmt.Errorf("making the initramfs: %w", err)
	}
	text, err := os.ReadFile(busybox)
	if err != nil {
		return fmt.Errorf("making the initramfs: %w", err)
	}
	var a archive
	for _, dir := range []string{"bin", "dev", "modules", "proc"} {
		a.add(dir, 0o40755, nil)
	}
	a.add("bin/busybox", 0o100755, text)
	for _, applet := range []string{"cat", "insmod", "mkdir", "mount", "poweroff", "sh", "sleep", "switch_root", "umount"} {
		a.add("bin/"+applet, 0o120777, []byte("busybox"))
	}
	a.add("init", 0o100755, initScript)
	order, err := loadOrder(modules, bootModules)
	if err != nil {
		return err
	}
	var names []string
	for _, m := range order {
		if text, err = os.ReadFile(filepath.Join(modules, m)); err != nil {
			return fmt.Errorf("making the initramfs: %w", err)
		}
		names = append(names, path.Base(m))
		a.add("modules/"+path.Base(m), 0o100644, text)
	}
	a.add("modules/order", 0o100644, []byte(strings.Join(names, "\n")+"\n"))
	return a.write(file)
}

// loadOrder are the files of modules and of those they depend on, each after
// its own, by the list that depmod made.
func loadOrder(modules string, names []string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(modules, "modules.dep"))
	if err != nil {
		return nil, fmt.Errorf("which modules depend on which: %w", err)
	}
	needs := map[string][]string{} // by name; the file itself comes last
	for line := range strings.Lines(string(text)) {
		file, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		deps := strings.Fields(rest)
		slices.Reverse(deps) // depmod tells the deepest last
		needs[strings.TrimSuffix(path.Base(file), ".ko")] = append(deps, file)
	}
	var order []string
	for _, name := range names {
		files, ok := needs[name]
		if !ok {
			return nil, fmt.Errorf("this kernel has no module %s", name)
		}
		for _, f := range files {
			if !slices.Contains(order, f) {
				order = append(order, f)
			}
		}
	}
	return order, nil
}

// archive is a cpio archive in the "newc" form.
type archive struct {
	out   bytes.Buffer
	inode int
}

func (a *archive) add(name string, mode int, content []byte) {
	a.inode++
	fmt.Fprintf(&a.out, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00",
		a.inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name)+1, 0, name)
	a.pad()
	a.out.Write(content)
	a.pad()
}

func (a *archive) pad() {
	for a.out.Len()%4 != 0 {
		a.out.WriteByte(0)
	}
}

func (a *archive) write(file string) (err error) {
	a.add("TRAILER!!!", 0, nil)
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("making the initramfs: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z := gzip.NewWriter(f)
	_, err = z.Write(a.out.Bytes())
	return errors.Join(err, z.Close())
}

//go:build kernel && linux

package kernel

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

// lastWords is the line with which the guest's script ends, and its exit code.
const lastWords = "snattop: guest ended with "

// accel is emulation unless somebody knows better: a machine may well have a
// /dev/kvm in which no guest ever starts.
var accel = flag.String("guest.accel", "tcg", "what qemu runs the guest with: tcg or kvm")

// boot starts a guest, passes on every line that it tells, and returns when it
// is off. console gets what its kernel says. What the guest writes to its disks
// is forgotten.
//
// There is no network: whatever the load does stays in the guest.
func boot(ctx context.Context, i image, payload, console string, tell func(line string)) error {
	// The death signal is that of the thread that started the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64",
		"-accel", *accel, "-cpu", "max", "-smp", "2", "-m", "2G",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-nic", "none",
		"-kernel", i.kernel(), "-initrd", i.initramfs(),
		"-append", "console=ttyS0 loglevel=5 panic=-1 mitigations=off",
		"-serial", "file:"+console,
		"-drive", "file="+i.root()+",if=virtio,format=raw,snapshot=on",
		"-drive", "file="+payload+",if=virtio,format=raw,snapshot=on",
		"-device", "virtio-serial", "-chardev", "file,id=out,path=/dev/stdout", "-device", "virtserialport,chardev=out",
	)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	var complaints strings.Builder
	cmd.Stderr = &complaints
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the guest: %w", err)
	}
	ended := ""
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); strings.HasPrefix(line, lastWords) {
			ended = strings.TrimPrefix(line, lastWords)
		} else if line != "" || err == nil {
			tell(line)
		}
		if err != nil {
			break // the end of the guest; Wait says how
		}
	}
	if err = errors.Join(cmd.Wait(), context.Cause(ctx)); err == nil {
		switch ended {
		case "0":
			return nil
		case "":
			err = errors.New("it went off before its tests ended")
		default:
			return fmt.Errorf("the tests in the guest ended with exit code %s", ended)
		}
	}
	said, _ := os.ReadFile(console) // for people; an empty one says nothing
	return fmt.Errorf("the guest: %w\nqemu: %s\nconsole: %s", err, complaints.String(), tail(string(said)))
}

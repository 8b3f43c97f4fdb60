//go:build unix

package pty

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"unsafe"
)

// shellEnv makes the test's own binary a shell: see shell.
const shellEnv = "SNATTOP_PTY_SHELL"

// shell runs a command as a shell with job control does: in a process group of
// its own, in the foreground. When the command stops, the terminal is the shell's
// until somebody types "fg". It lives on when the terminal goes away, as some do.
func shell(argv []string) int {
	signal.Ignore(syscall.SIGTTOU, syscall.SIGHUP)
	proc, err := os.StartProcess(argv[0], argv, &os.ProcAttr{
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Env:   append(os.Environ(), shellEnv+"="),
		Sys:   &syscall.SysProcAttr{Setpgid: true, Foreground: true, Ctty: 0},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 125
	}
	in := bufio.NewReader(os.Stdin)
	for {
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(proc.Pid, &status, syscall.WUNTRACED, nil); errors.Is(err, syscall.EINTR) {
			continue
		} else if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 126
		}
		if !status.Stopped() {
			return status.ExitStatus()
		}
		foreground(os.Getpid())
		fmt.Fprint(os.Stdout, "[stopped] $ ")
		if line, err := in.ReadString('\n'); err != nil || line != "fg\n" {
			fmt.Fprintf(os.Stderr, "%q is no command: %v\n", line, err)
			_ = syscall.Kill(-proc.Pid, syscall.SIGKILL)
			return 127
		}
		foreground(proc.Pid)
		_ = syscall.Kill(-proc.Pid, syscall.SIGCONT)
	}
}

// foreground gives the terminal to a process group (tcsetpgrp).
func foreground(group int) {
	pgid := int32(group)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, 0, syscall.TIOCSPGRP, uintptr(unsafe.Pointer(&pgid))); errno != 0 {
		fmt.Fprintln(os.Stderr, "tcsetpgrp:", errno)
	}
}

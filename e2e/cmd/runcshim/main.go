//go:build linux

// Command runcshim is runc for machines whose root lacks CAP_SYS_RESOURCE:
// runc refuses to start a container that asks for a capability it cannot
// grant, and privileged ones ask for all. It takes that capability out of the
// request and becomes runc.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const capability = "CAP_SYS_RESOURCE"

func main() {
	if err := shim(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "runcshim:", err)
		os.Exit(1)
	}
}

func shim(args []string) error {
	for i, arg := range args {
		flag, value, joined := strings.Cut(arg, "=")
		if !joined && i+1 < len(args) {
			value = args[i+1]
		}
		var err error
		switch flag {
		case "--bundle", "-b":
			err = strip(filepath.Join(value, "config.json"))
		case "--process", "-p":
			err = strip(value)
		}
		if err != nil {
			return err
		}
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		return fmt.Errorf("finding runc: %w", err)
	}
	if err := syscall.Exec(runc, append([]string{"runc"}, args...), os.Environ()); err != nil {
		return fmt.Errorf("becoming runc: %w", err)
	}
	return nil
}

// strip takes the capability out of a file that describes a container or a
// process. A file without it is left alone.
func strip(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the request: %w", err)
	}
	if !strings.Contains(string(data), capability) {
		return nil
	}
	var spec map[string]any
	if err := json.Unmarshal(data, &spec); err != nil {
		return fmt.Errorf("reading the request: %w", err)
	}
	process := spec
	if inner, ok := spec["process"].(map[string]any); ok {
		process = inner
	}
	sets, ok := process["capabilities"].(map[string]any)
	if !ok {
		return nil
	}
	for name, set := range sets {
		list, ok := set.([]any)
		if !ok {
			continue
		}
		kept := make([]any, 0, len(list))
		for _, c := range list {
			if c != capability {
				kept = append(kept, c)
			}
		}
		sets[name] = kept
	}
	out, err := json.Marshal(spec)
	if err != nil {
		return fmt.Errorf("writing the request: %w", err)
	}
	if err := os.WriteFile(path, out, 0o600); err != nil {
		return fmt.Errorf("writing the request: %w", err)
	}
	return nil
}

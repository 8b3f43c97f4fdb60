//go:build kernel && linux

package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// suite is the Debian release whose kernel is 6.1.
const suite = "bookworm"

// programs are what the machine's side needs, and the packages they are in.
var programs = map[string]string{
	"busybox":            "busybox-static",
	"debootstrap":        "debootstrap",
	"mke2fs":             "e2fsprogs",
	"qemu-system-x86_64": "qemu-system-x86",
}

// installPrograms installs what is missing.
func installPrograms(ctx context.Context) error {
	argv := []string{"apt-get", "-o", "DPkg::Lock::Timeout=300", "install", "-y", "--no-install-recommends"}
	n := len(argv)
	for program, pkg := range programs {
		if _, err := exec.LookPath(program); err != nil {
			argv = append(argv, pkg)
		}
	}
	if len(argv) == n {
		return nil
	}
	return runApt(ctx, "", argv...)
}

// runApt runs apt, and once more with fresh lists of packages when the ones that
// the machine has name files that are no longer there.
func runApt(ctx context.Context, dir string, argv ...string) error {
	_, err := run(ctx, dir, argv...)
	if err == nil {
		return nil
	}
	if _, uerr := run(ctx, "", "apt-get", "update"); uerr != nil {
		return errors.Join(err, uerr)
	}
	_, err = run(ctx, dir, argv...)
	return err
}

// kernelRelease is the newest 6.1 of the machine's package lists, as uname -r
// says it. The packages "-cloud" and "-rt" are other builds.
func kernelRelease(ctx context.Context) (string, error) {
	names, err := run(ctx, "", "apt-cache", "pkgnames", "linux-image-6.1.")
	if err != nil {
		return "", err
	}
	type found struct {
		release string
		build   int
	}
	var all []found
	shape := regexp.MustCompile(`^linux-image-(6\.1\.\d+-(\d+)-amd64)$`)
	for name := range strings.Lines(names) {
		if m := shape.FindStringSubmatch(strings.TrimSpace(name)); m != nil {
			build, err := strconv.Atoi(m[2])
			if err != nil {
				return "", fmt.Errorf("package %s: %w", name, err)
			}
			all = append(all, found{m[1], build})
		}
	}
	slices.SortFunc(all, func(a, b found) int { return b.build - a.build })
	for _, f := range all {
		// A name may be known from what others say about it alone.
		if _, err := run(ctx, "", append([]string{"apt-cache", "show", "--no-all-versions"}, kernelPackages(f.release)...)...); err == nil {
			return f.release, nil
		}
	}
	return "", errors.New("the package lists of this machine know no linux-image-6.1.*-amd64 with its headers: apt-get update, on Debian 12")
}

// kernelPackages are the kernel, and the headers that bcc compiles with.
func kernelPackages(release string) []string {
	return []string{"linux-image-" + release, "linux-headers-" + release,
		"linux-headers-" + strings.TrimSuffix(release, "-amd64") + "-common"}
}

// download leaves packages as files in a directory, without installing them.
func download(ctx context.Context, dir string, packages []string) error {
	// Root downloads with its own name: the directory is not for others.
	return runApt(ctx, dir, append([]string{"apt-get", "-o", "APT::Sandbox::User=root", "download"}, packages...)...)
}

// mirror is where this machine's apt gets the release from.
func mirror(ctx context.Context) (string, error) {
	out, err := run(ctx, "", "apt-get", "indextargets", "--format", "$(CODENAME) $(RELEASE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) == 4 && f[0] == suite && f[1] == suite && f[2] == "main" {
			return f[3], nil
		}
	}
	return "", fmt.Errorf("apt on this machine has no source for %s", suite)
}

// run returns what a command prints, and what it complains about in its error.
func run(ctx context.Context, dir string, argv ...string) (string, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", "CGO_ENABLED=0")
	var out, complaints strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", strings.Join(argv, " "), err, tail(out.String()), tail(complaints.String()))
	}
	return out.String(), nil
}

// tail is the end of a long text.
func tail(s string) string {
	const most = 4000
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}

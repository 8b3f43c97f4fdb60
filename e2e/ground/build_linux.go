package ground

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"
)

// kubeNames are the programs the kube binary is, by the name it is called by.
var kubeNames = []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"}

// packages are the Debian packages of the programs a ground needs.
var packages = map[string]string{
	"containerd":          "containerd",
	"ctr":                 "containerd",
	"runc":                "runc",
	"etcd":                "etcd-server",
	"/usr/lib/cni/bridge": "containernetworking-plugins",
	"busybox":             "busybox-static",
	"ip":                  "iproute2",
	"iptables-restore":    "iptables",
	"conntrack":           "conntrack",
	"nsenter":             "util-linux",
	// The tests read captures with them.
	"tshark":  "tshark",
	"tcpdump": "tcpdump",
}

// MissingPrograms are the programs a ground needs and the machine lacks.
func MissingPrograms() []string {
	var missing []string
	for program := range packages {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, program)
		}
	}
	return missing
}

// InstallPrograms installs what is missing with the machine's package manager
// (apt). Nothing happens when nothing is missing.
func InstallPrograms(ctx context.Context) error {
	wanted := map[string]bool{}
	for _, program := range MissingPrograms() {
		wanted[packages[program]] = true
	}
	if len(wanted) == 0 {
		return nil
	}
	argv := []string{"apt-get", "-o", "DPkg::Lock::Timeout=300", "install", "-y", "--no-install-recommends"}
	for p := range wanted {
		argv = append(argv, p)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("installing packages: %w", err)
	}
	return nil
}

// build puts every program of the ground in its place and makes the images.
func (g *Ground) build(ctx context.Context) error {
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	cache, err := CacheDir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return fmt.Errorf("making the cache directory: %w", err)
	}
	for _, b := range g.bundles() {
		path, err := b.build(ctx, root, cache, g.opts.Progress)
		if err != nil {
			return err
		}
		for _, name := range b.names {
			// Hard links would need the cache on the same file system.
			if err := os.Symlink(path, g.dirs.program(name)); err != nil {
				return fmt.Errorf("naming %s: %w", name, err)
			}
		}
	}
	if err := goBuild(ctx, root, g.dirs.bin()+"/", "-s -w",
		"./e2e/cmd/ground", "./e2e/cmd/internet", "./e2e/cmd/load", "./e2e/cmd/pause", "./e2e/cmd/runcshim"); err != nil {
		return err
	}
	var images errgroup.Group
	for name, describe := range g.imageFiles() {
		images.Go(func() error { return writeImageFile(filepath.Join(g.dirs.images(), name), describe) })
	}
	return images.Wait()
}

// moduleRoot is the directory of snattop's module.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := run(ctx, "", "go", "env", "GOMOD")
	if err != nil {
		return "", fmt.Errorf("finding the module: %w", err)
	}
	file := strings.TrimSpace(out)
	if file == "" || file == os.DevNull {
		return "", errors.New("finding the module: call this from inside snattop's source tree")
	}
	return filepath.Dir(file), nil
}

// bundle is several programs in one binary, built from a nested module. It is
// kept in the cache by version and by compiler, since linking all of
// Kubernetes takes minutes.
type bundle struct {
	module  string // the directory of the module below e2e
	version string
	ldflags string
	names   []string
}

func (g *Ground) bundles() []bundle {
	kube := bundle{module: "kube", version: KubeVersion, ldflags: "-s -w", names: kubeNames}
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		for name, value := range map[string]string{
			"gitVersion": KubeVersion, "gitMajor": "1", "gitMinor": strings.Split(KubeVersion, ".")[1], "gitTreeState": "clean"} {
			kube.ldflags += fmt.Sprintf(" -X %s.%s=%s", pkg, name, value)
		}
	}
	if !g.opts.Tunnel {
		return []bundle{kube}
	}
	return []bundle{kube, {module: "konnectivity", version: tunnelVersion, ldflags: "-s -w", names: []string{"proxy-server", "proxy-agent"}}}
}

// build returns the path of the binary.
func (b bundle) build(ctx context.Context, root, cache string, progress io.Writer) (string, error) {
	path := filepath.Join(cache, fmt.Sprintf("%s-%s-%s", b.module, b.version, runtime.Version()))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	_, _ = fmt.Fprintf(progress, "         building %s %s, which takes some minutes the first time\n", b.module, b.version)
	temporary := path + ".new"
	if err := goBuild(ctx, filepath.Join(root, "e2e", b.module), temporary, b.ldflags, "."); err != nil {
		return "", err
	}
	if err := os.Rename(temporary, path); err != nil {
		return "", fmt.Errorf("keeping %s: %w", b.module, err)
	}
	return path, nil
}

// goBuild compiles packages into static programs.
func goBuild(ctx context.Context, dir, output, ldflags string, packages ...string) error {
	argv := append([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags", ldflags, "-o", output}, packages...)
	cmd := exec.CommandContext(ctx, "go", argv...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", strings.Join(packages, " "), err, out)
	}
	return nil
}

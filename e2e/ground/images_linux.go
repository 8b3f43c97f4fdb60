package ground

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
)

// The images every node holds. They carry the names real clusters know, where
// there is such a name.
const (
	PauseImage   = "registry.k8s.io/pause:3.10"
	BusyboxImage = "docker.io/library/busybox:1.36"
	LoadImage    = "snattop.test/load:1"
)

var imageEnvironment = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

func (g *Ground) imageFiles() map[string]func() (Image, error) {
	files := map[string]func() (Image, error){
		"pause.tar":   g.pauseImage,
		"busybox.tar": g.busyboxImage,
		"load.tar":    g.loadImage,
	}
	if g.opts.Tunnel {
		files["tunnel.tar"] = g.tunnelImage
	}
	return files
}

// archives are the files of the images, in a fixed order.
func (g *Ground) archives() []string {
	var paths []string
	for name := range g.imageFiles() {
		paths = append(paths, filepath.Join(g.dirs.images(), name))
	}
	sort.Strings(paths)
	return paths
}

func (g *Ground) pauseImage() (Image, error) {
	pause, err := os.ReadFile(g.dirs.program("pause"))
	if err != nil {
		return Image{}, fmt.Errorf("making the pause image: %w", err)
	}
	return Image{
		Tags: []string{PauseImage}, Entrypoint: []string{"/pause"}, Env: imageEnvironment,
		Files: []File{{Path: "pause", Mode: 0o755, Body: pause}},
	}, nil
}

func (g *Ground) busyboxImage() (Image, error) {
	files, err := busyboxFiles()
	if err != nil {
		return Image{}, fmt.Errorf("making the busybox image: %w", err)
	}
	return Image{Tags: []string{BusyboxImage}, Env: imageEnvironment, Files: files}, nil
}

func (g *Ground) loadImage() (Image, error) {
	load, err := os.ReadFile(g.dirs.program("load"))
	if err != nil {
		return Image{}, fmt.Errorf("making the load image: %w", err)
	}
	files, err := busyboxFiles()
	if err != nil {
		return Image{}, fmt.Errorf("making the load image: %w", err)
	}
	files = append(files, File{Path: "bin/load", Mode: 0o755, Body: load}, File{Path: "srv/", Mode: 0o755})
	// Programs are known by their paths, and those of the demo have honest ones.
	for _, name := range []string{"ads", "cart", "checkout", "export", "search"} {
		files = append(files, File{Path: "srv/" + name, Mode: 0o755, Link: "bin/load"})
	}
	return Image{Tags: []string{LoadImage}, Entrypoint: []string{"/bin/load"}, Env: imageEnvironment, Files: files}, nil
}

// busyboxFiles is a small root file system: busybox under the name of each of
// its applets, as hard links, and the files that programs expect.
func busyboxFiles() ([]File, error) {
	path, err := exec.LookPath("busybox")
	if err != nil {
		return nil, fmt.Errorf("finding busybox: %w", err)
	}
	binary, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading busybox: %w", err)
	}
	applets, err := run(context.Background(), "", path, "--list")
	if err != nil {
		return nil, fmt.Errorf("listing the applets of busybox: %w", err)
	}
	files := []File{
		{Path: "bin/", Mode: 0o755}, {Path: "etc/", Mode: 0o755}, {Path: "root/", Mode: 0o700},
		{Path: "tmp/", Mode: 0o1777}, {Path: "var/", Mode: 0o755}, {Path: "home/", Mode: 0o755},
		{Path: "etc/passwd", Mode: 0o644, Body: []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n")},
		{Path: "etc/group", Mode: 0o644, Body: []byte("root:x:0:\nnobody:x:65534:\n")},
		{Path: "bin/busybox", Mode: 0o755, Body: binary},
	}
	for _, applet := range strings.Fields(applets) {
		if applet != "busybox" {
			files = append(files, File{Path: "bin/" + applet, Mode: 0o755, Link: "bin/busybox"})
		}
	}
	return files, nil
}

package tcptracer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// places are where the tool is installed: by a build of bcc from source (the
// nodes of AKS), and by Debian's and Ubuntu's package bpfcc-tools.
var places = [...]string{
	"/usr/share/bcc/tools/tcptracer",
	"/usr/sbin/tcptracer-bpfcc",
	"/usr/bin/tcptracer-bpfcc",
}

// ErrNotInstalled means that a node has no tcptracer.
var ErrNotInstalled = errors.New("tcptracer is not installed")

// Find looks for the tool below a node's root, as it is mounted here ("/" on
// the node itself), and returns its path as the node sees it. The error says
// where it looked, and is ErrNotInstalled when there is none.
func Find(hostRoot string) (path string, err error) {
	var refused []string
	for _, place := range places {
		info, err := statBelow(hostRoot, place)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			refused = append(refused, err.Error())
		case !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0:
			refused = append(refused, place+" is no program")
		default:
			return place, nil
		}
	}
	where := strings.Join(places[:], ", ") + " below " + rootOr(hostRoot)
	if len(refused) > 0 {
		return "", fmt.Errorf("%w: looked for %s: %s", ErrNotInstalled, where, strings.Join(refused, "; "))
	}
	return "", fmt.Errorf("%w: looked for %s", ErrNotInstalled, where)
}

func rootOr(hostRoot string) string {
	if hostRoot == "" {
		return "/"
	}
	return filepath.Clean(hostRoot)
}

// statBelow looks at a file of the node. A symbolic link that leads out of the
// node's root, as one with an absolute target seems to from here, is an error:
// it would be followed into the root of this container.
func statBelow(hostRoot, path string) (fs.FileInfo, error) {
	if rootOr(hostRoot) == "/" {
		return os.Stat(path)
	}
	root, err := os.OpenRoot(hostRoot)
	if err != nil {
		return nil, fmt.Errorf("opening the node's root: %w", err)
	}
	defer func() { _ = root.Close() }()
	return root.Stat(strings.TrimPrefix(filepath.ToSlash(path), "/"))
}

// maxScript bounds the tool's text; it has 20 kB.
const maxScript = 1 << 20

// readBelow reads a file of the node.
func readBelow(hostRoot, path string) ([]byte, error) {
	info, err := statBelow(hostRoot, path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxScript {
		return nil, fmt.Errorf("%s is no script", path)
	}
	if rootOr(hostRoot) == "/" {
		return os.ReadFile(path) //nolint:gosec // a program that the caller is about to run
	}
	root, err := os.OpenRoot(hostRoot)
	if err != nil {
		return nil, fmt.Errorf("opening the node's root: %w", err)
	}
	defer func() { _ = root.Close() }()
	return root.ReadFile(strings.TrimPrefix(filepath.ToSlash(path), "/"))
}

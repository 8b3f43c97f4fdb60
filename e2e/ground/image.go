package ground

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
)

// Image describes a container image of a single layer. There is no registry to
// pull from, so images are built by hand.
type Image struct {
	// Tags are the names it goes by, such as docker.io/library/busybox:1.36.
	Tags []string
	// Entrypoint is the command it runs; Env its environment.
	Entrypoint []string
	Env        []string
	// Files are in the order they are written; a link must follow its target.
	Files []File
}

// File is one entry of an image's layer.
type File struct {
	// Path has no slash in front; one that ends in a slash is a directory.
	Path string
	Mode int64
	// Link makes the entry a hard link to that path of the same image.
	Link string
	Body []byte
}

// WriteImage writes an archive in the format of `docker save`, which
// `ctr images import` reads. The same image always gives the same bytes.
func WriteImage(w io.Writer, image Image) error {
	layer, err := layerOf(image.Files)
	if err != nil {
		return err
	}
	layerDigest := digest(layer)
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config":       map[string]any{"Entrypoint": image.Entrypoint, "Env": image.Env},
		"rootfs":       map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + layerDigest}},
	})
	if err != nil {
		return fmt.Errorf("describing the image: %w", err)
	}
	configName := digest(config) + ".json"
	manifest, err := json.Marshal([]map[string]any{{
		"Config": configName, "RepoTags": image.Tags, "Layers": []string{layerDigest + "/layer.tar"},
	}})
	if err != nil {
		return fmt.Errorf("describing the image: %w", err)
	}
	out := tar.NewWriter(w)
	for _, f := range []File{
		{Path: layerDigest + "/layer.tar", Mode: 0o644, Body: layer},
		{Path: configName, Mode: 0o644, Body: config},
		{Path: "manifest.json", Mode: 0o644, Body: manifest},
	} {
		if err := writeEntry(out, f); err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("writing the image: %w", err)
	}
	return nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func layerOf(files []File) ([]byte, error) {
	var layer bytes.Buffer
	out := tar.NewWriter(&layer)
	written := map[string]bool{}
	for _, f := range files {
		if f.Link != "" && !written[f.Link] {
			return nil, fmt.Errorf("image file %s links to %s, which does not come before it", f.Path, f.Link)
		}
		if err := writeEntry(out, f); err != nil {
			return nil, err
		}
		written[f.Path] = true
	}
	if err := out.Close(); err != nil {
		return nil, fmt.Errorf("writing the image's layer: %w", err)
	}
	return layer.Bytes(), nil
}

func writeEntry(out *tar.Writer, f File) error {
	header := &tar.Header{Name: f.Path, Mode: f.Mode, Size: int64(len(f.Body)), Typeflag: tar.TypeReg, Format: tar.FormatPAX}
	switch {
	case f.Link != "":
		header.Typeflag, header.Linkname, header.Size = tar.TypeLink, f.Link, 0
	case len(f.Path) > 0 && f.Path[len(f.Path)-1] == '/':
		header.Typeflag = tar.TypeDir
	}
	if err := out.WriteHeader(header); err != nil {
		return fmt.Errorf("writing %s of the image: %w", f.Path, err)
	}
	if header.Typeflag != tar.TypeReg {
		return nil
	}
	if _, err := out.Write(f.Body); err != nil {
		return fmt.Errorf("writing %s of the image: %w", f.Path, err)
	}
	return nil
}

// writeImageFile writes an image to a file.
func writeImageFile(path string, describe func() (Image, error)) error {
	image, err := describe()
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("writing an image: %w", err)
	}
	defer func() { _ = file.Close() }()
	if err := WriteImage(file, image); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("writing an image: %w", err)
	}
	return nil
}

package ground

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

func readTar(t *testing.T, data []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	r := tar.NewReader(bytes.NewReader(data))
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag == tar.TypeLink {
			body = []byte("-> " + header.Linkname)
		}
		files[header.Name] = body
	}
}

func TestWriteImage(t *testing.T) {
	image := Image{
		Tags: []string{"registry.k8s.io/pause:3.10"}, Entrypoint: []string{"/bin/a"}, Env: []string{"PATH=/bin"},
		Files: []File{
			{Path: "bin/", Mode: 0o755},
			{Path: "bin/a", Mode: 0o755, Body: []byte("program")},
			{Path: "bin/b", Mode: 0o755, Link: "bin/a"},
		},
	}
	var first, second bytes.Buffer
	if err := WriteImage(&first, image); err != nil {
		t.Fatal(err)
	}
	if err := WriteImage(&second, image); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same image gave different bytes")
	}
	archive := readTar(t, first.Bytes())
	var manifest []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := json.Unmarshal(archive["manifest.json"], &manifest); err != nil {
		t.Fatal(err)
	}
	if len(manifest) != 1 || len(manifest[0].Layers) != 1 || manifest[0].RepoTags[0] != image.Tags[0] {
		t.Fatalf("manifest = %+v", manifest)
	}
	var config struct {
		Config struct{ Entrypoint []string }
		Rootfs struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	if err := json.Unmarshal(archive[manifest[0].Config], &config); err != nil {
		t.Fatal(err)
	}
	layer := archive[manifest[0].Layers[0]]
	sum := sha256.Sum256(layer)
	if want := "sha256:" + hex.EncodeToString(sum[:]); config.Rootfs.DiffIDs[0] != want {
		t.Errorf("diff_ids = %v, want %s", config.Rootfs.DiffIDs, want)
	}
	if config.Config.Entrypoint[0] != "/bin/a" {
		t.Errorf("entrypoint = %v", config.Config.Entrypoint)
	}
	files := readTar(t, layer)
	if string(files["bin/a"]) != "program" || string(files["bin/b"]) != "-> bin/a" {
		t.Errorf("layer = %q", files)
	}
}

func TestWriteImageRefusesDanglingLinks(t *testing.T) {
	err := WriteImage(io.Discard, Image{Files: []File{{Path: "bin/b", Link: "bin/a"}}})
	if err == nil || !strings.Contains(err.Error(), "bin/a") {
		t.Errorf("err = %v", err)
	}
}

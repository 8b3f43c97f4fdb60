package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func TestPack(t *testing.T) {
	in, out := t.TempDir(), t.TempDir()
	file := filepath.Join(in, "snattop-probe_linux_amd64")
	want := []byte(strings.Repeat("a probe, of sorts; ", 10_000))
	if err := os.WriteFile(file, want, 0o600); err != nil {
		t.Fatal(err)
	}
	var report bytes.Buffer
	// The second run replaces what the first wrote.
	var packed [2][]byte
	for i := range packed {
		if err := pack(&report, file, out); err != nil {
			t.Fatal(err)
		}
		var err error
		if packed[i], err = os.ReadFile(filepath.Join(out, "snattop-probe_linux_amd64.zst")); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(packed[0], packed[1]) {
		t.Error("packing twice gives two results")
	}
	if len(packed[0]) >= len(want) {
		t.Errorf("%d bytes became %d", len(want), len(packed[0]))
	}
	dec, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	got, err := dec.DecodeAll(packed[0], nil)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("unpacked %d bytes, error %v; want the %d that went in", len(got), err, len(want))
	}
	entries, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("%d files are left, want the packed one alone", len(entries))
	}
}

func TestPackRefuses(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{empty, filepath.Join(dir, "absent")} {
		if err := pack(&bytes.Buffer{}, file, dir); err == nil {
			t.Errorf("%s was packed", filepath.Base(file))
		}
	}
}

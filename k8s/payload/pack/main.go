// Command pack compresses probes for embedding. The same input gives the same
// output on every machine, so that a release can be built again.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: pack DIRECTORY FILE...\n\nwrites FILE.zst of each file to the directory")
		os.Exit(2)
	}
	for _, file := range os.Args[2:] {
		if err := pack(os.Stdout, file, os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, "pack:", err)
			os.Exit(1)
		}
	}
}

// pack writes the compressed file to a directory and reports the sizes.
func pack(report io.Writer, file, dir string) error {
	data, err := os.ReadFile(file) //nolint:gosec // the build names the file
	if err != nil {
		return fmt.Errorf("reading what to pack: %w", err)
	}
	packed, err := compress(data)
	if err != nil {
		return fmt.Errorf("packing %s: %w", file, err)
	}
	target := filepath.Join(dir, filepath.Base(file)+".zst")
	if err := replace(target, packed); err != nil {
		return err
	}
	_, err = fmt.Fprintf(report, "%s: %d bytes of %d\n", target, len(packed), len(data))
	return err
}

// compress compresses and makes sure that what comes out goes back.
func compress(data []byte) ([]byte, error) {
	if len(data) == 0 {
		return nil, errors.New("the file is empty")
	}
	// One thread, because blocks cut by several would depend on the machine.
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true))
	if err != nil {
		return nil, err
	}
	packed := enc.EncodeAll(data, nil)
	if err := enc.Close(); err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	back, err := dec.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("unpacking again: %w", err)
	}
	if !bytes.Equal(back, data) {
		return nil, errors.New("unpacking again gives something else")
	}
	return packed, nil
}

// replace puts a file in its place at once: a build that runs meanwhile embeds
// the old one or the new one, never half of one.
func replace(path string, data []byte) error {
	// Files whose name begins with a dot are not embedded.
	f, err := os.CreateTemp(filepath.Dir(path), ".pack-*")
	if err != nil {
		return fmt.Errorf("making a file beside %s: %w", path, err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// Package ticket writes a folder that stands for one moment: whole, or not at
// all.
package ticket

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Manifest is the file with the SHA-256 of each other one, as `sha256sum -c`
// reads it.
const Manifest = "MANIFEST"

// File is one file of a ticket. Its name has no folder in it.
type File struct {
	Name  string
	Write func(io.Writer) error
}

// Name is what a ticket's folder is called by.
type Name struct {
	Cluster, Node string
	At            time.Time
}

// maxPart bounds a part of a folder's name, in bytes: a file name has 255 at
// the most on every platform.
const maxPart = 60

// Folder returns "snattop-CLUSTER-NODE-20260314T120431Z". Of names it keeps what
// every file system and shell takes for a letter.
func (n Name) Folder() string {
	out := "snattop"
	for _, part := range []string{n.Cluster, n.Node} {
		if p := plain(part); p != "" {
			out += "-" + p
		}
	}
	return out + "-" + n.At.UTC().Format("20060102T150405Z")
}

// plain keeps letters, digits, dots and dashes, with one dash for all between.
func plain(s string) string {
	var b strings.Builder
	gap := false
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.' && !gap && b.Len() > 0:
			if gap && b.Len() > 0 {
				b.WriteByte('-')
			}
			gap = false
			b.WriteRune(r)
		default:
			gap = true
		}
		if b.Len() >= maxPart {
			break
		}
	}
	out := b.String()
	return strings.Trim(out[:min(len(out), maxPart)], ".-")
}

// maxSame is how many tickets of one name may stand beside each other.
const maxSame = 100

// Folder is where tickets are written.
type Folder struct {
	// Dir is the folder that the ticket's own is made in.
	Dir string
	// Create makes a file that is not there yet; nil is the file system.
	Create func(path string) (io.WriteCloser, error)
}

// Save writes the files and the manifest, and returns the path of their folder.
// They are written under another name first: when anything fails, nothing is
// left.
func (f Folder) Save(name Name, files []File) (path string, err error) {
	path, err = f.save(name, files)
	if err != nil {
		return "", fmt.Errorf("writing a ticket into %s: %w", f.Dir, reason(err))
	}
	return path, nil
}

func (f Folder) save(name Name, files []File) (path string, err error) {
	temp, err := os.MkdirTemp(f.Dir, ".snattop-ticket-*")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(temp))
		}
	}()
	var manifest strings.Builder
	for _, file := range files {
		sum, err := f.write(temp, file)
		if err != nil {
			return "", fmt.Errorf("%s: %w", file.Name, reason(err))
		}
		manifest.WriteString(sum + "  " + file.Name + "\n")
	}
	if _, err := f.write(temp, File{Name: Manifest, Write: func(w io.Writer) error {
		_, err := io.WriteString(w, manifest.String())
		return err
	}}); err != nil {
		return "", fmt.Errorf("%s: %w", Manifest, reason(err))
	}
	return move(temp, filepath.Join(f.Dir, name.Folder()))
}

// move gives the folder its name, and a number where that is taken.
func move(temp, to string) (string, error) {
	for i := range maxSame {
		path := to
		if i > 0 {
			path += "-" + strconv.Itoa(i+1)
		}
		if _, err := os.Lstat(path); err == nil {
			continue
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		err := os.Rename(temp, path)
		if errors.Is(err, fs.ErrExist) {
			continue // somebody was faster
		}
		return path, err
	}
	return "", fmt.Errorf("there are %d tickets of this name", maxSame)
}

// write writes one file and returns the SHA-256 of what is in it.
func (f Folder) write(dir string, file File) (sum string, err error) {
	if file.Name != filepath.Base(file.Name) || file.Name == "." || file.Name == ".." {
		return "", fmt.Errorf("%q is no file name", file.Name)
	}
	create := f.Create
	if create == nil {
		create = func(path string) (io.WriteCloser, error) {
			return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // in a folder of our own
		}
	}
	out, err := create(filepath.Join(dir, file.Name))
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	buffered := bufio.NewWriterSize(io.MultiWriter(out, hash), 1<<16)
	err = file.Write(buffered)
	if err == nil {
		err = buffered.Flush()
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// reason leaves out the path of a file that is gone by the time anybody reads of
// it.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

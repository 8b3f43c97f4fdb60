// Package payload finds the probe that a node's platform needs: the one that a
// release embeds, else this very executable where the platforms match.
package payload

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// maxSize bounds a decompressed probe in bytes.
const maxSize = 256 << 20

// The folder always holds a README, so the pattern matches in a plain
// checkout too.
//
//go:embed bin
var embedded embed.FS

// ErrNone means that no probe for a platform is at hand.
var ErrNone = errors.New("no probe for this platform")

// Probe is an executable for a node.
type Probe struct {
	// Name says where it comes from: "embedded probe" or "this executable".
	Name string
	// Bytes is the executable. It must not be written to.
	Bytes []byte
	// SHA256 is its digest in lower-case hexadecimal digits.
	SHA256 string
	// Args come first on its command line, before the flags: "probe" when it
	// is the whole of snattop.
	Args []string
}

// Store hands out probes and keeps what it has unpacked. The zero value is not
// usable; see New.
type Store struct {
	files      fs.FS
	goos       string
	goarch     string
	executable func() (string, error)
	// file replaces the search; see FromFile.
	file     string
	fileArgs []string

	mu   sync.Mutex
	kept map[string]Probe
}

// New returns the store of this build.
func New() *Store {
	return &Store{files: embedded, goos: runtime.GOOS, goarch: runtime.GOARCH, executable: os.Executable, kept: map[string]Probe{}}
}

// For returns the probe for a platform, as in GOOS and GOARCH. The error
// wraps ErrNone when there is none and says what to do.
func (s *Store) For(goos, goarch string) (Probe, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := goos + "_" + goarch
	if p, ok := s.kept[key]; ok {
		return p, nil
	}
	p, err := s.find(goos, goarch)
	if err != nil {
		return Probe{}, err
	}
	sum := sha256.Sum256(p.Bytes)
	p.SHA256 = hex.EncodeToString(sum[:])
	s.kept[key] = p
	return p, nil
}

// Embedded reports whether this build carries a probe for a platform.
func (s *Store) Embedded(goos, goarch string) bool {
	_, err := fs.Stat(s.files, embeddedName(goos, goarch))
	return err == nil
}

func (s *Store) find(goos, goarch string) (Probe, error) {
	if s.file != "" {
		data, err := os.ReadFile(s.file)
		if err != nil {
			return Probe{}, fmt.Errorf("reading the probe: %w", err)
		}
		return Probe{Name: s.file, Bytes: data, Args: s.fileArgs}, nil
	}
	name := embeddedName(goos, goarch)
	packed, err := fs.ReadFile(s.files, name)
	switch {
	case err == nil:
		data, err := unpack(packed, maxSize)
		if err != nil {
			return Probe{}, fmt.Errorf("unpacking the embedded probe %s: %w", name, err)
		}
		return Probe{Name: "embedded probe", Bytes: data}, nil
	case !errors.Is(err, fs.ErrNotExist):
		return Probe{}, fmt.Errorf("reading the embedded probe %s: %w", name, err)
	}
	if goos == "linux" && goos == s.goos && goarch == s.goarch {
		path, err := s.executable()
		if err != nil {
			return Probe{}, fmt.Errorf("finding this executable to use it as the probe: %w", err)
		}
		data, err := os.ReadFile(path) //nolint:gosec // our own executable
		if err != nil {
			return Probe{}, fmt.Errorf("reading this executable to use it as the probe: %w", err)
		}
		return Probe{Name: "this executable", Bytes: data, Args: []string{"probe"}}, nil
	}
	return Probe{}, fmt.Errorf("%w: %s/%s is not in this build (%s/%s); use a released snattop, or --probe-image",
		ErrNone, goos, goarch, s.goos, s.goarch)
}

func embeddedName(goos, goarch string) string {
	return "bin/snattop-probe_" + goos + "_" + goarch + ".zst"
}

// unpack decompresses at most limit bytes.
func unpack(packed []byte, limit int64) ([]byte, error) {
	r, err := zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(limit))) //nolint:gosec // a constant
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("larger than %d bytes", limit)
	}
	if len(data) == 0 {
		return nil, errors.New("empty")
	}
	return data, nil
}

// FromFile returns a store that hands out one executable for every platform:
// a probe that was built beside snattop.
func FromFile(path string, args ...string) *Store {
	s := New()
	s.file, s.fileArgs = path, args
	return s
}

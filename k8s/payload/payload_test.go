package payload

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"
)

func pack(t *testing.T, data string) []byte {
	t.Helper()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return enc.EncodeAll([]byte(data), nil)
}

func TestFor(t *testing.T) {
	self := filepath.Join(t.TempDir(), "snattop")
	if err := os.WriteFile(self, []byte("myself"), 0o600); err != nil {
		t.Fatal(err)
	}
	release := fstest.MapFS{"bin/snattop-probe_linux_amd64.zst": {Data: pack(t, "the probe")}}
	tests := []struct {
		name           string
		files          fstest.MapFS
		host, hostArch string
		goos, goarch   string
		want           string
		args           int
		fails          string
	}{
		{"embedded", release, "darwin", "arm64", "linux", "amd64", "the probe", 0, ""},
		{"embedded wins over self", release, "linux", "amd64", "linux", "amd64", "the probe", 0, ""},
		{"self", fstest.MapFS{}, "linux", "amd64", "linux", "amd64", "myself", 1, ""},
		{"other architecture", release, "linux", "amd64", "linux", "arm64", "", 0, "released snattop, or --probe-image"},
		{"other system", fstest.MapFS{}, "darwin", "arm64", "linux", "arm64", "", 0, "linux/arm64 is not in this build"},
		{"broken", fstest.MapFS{"bin/snattop-probe_linux_amd64.zst": {Data: []byte("nonsense")}}, "linux", "amd64", "linux", "amd64", "", 0, "unpacking"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := New()
			s.files, s.goos, s.goarch = tt.files, tt.host, tt.hostArch
			s.executable = func() (string, error) { return self, nil }
			p, err := s.For(tt.goos, tt.goarch)
			if tt.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fails) {
					t.Fatalf("error %v, want one with %q", err, tt.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256([]byte(tt.want))
			if string(p.Bytes) != tt.want || p.SHA256 != hex.EncodeToString(sum[:]) || len(p.Args) != tt.args {
				t.Errorf("got %q %s %v", p.Bytes, p.SHA256, p.Args)
			}
		})
	}
}

func TestForNone(t *testing.T) {
	s := New()
	s.files = fstest.MapFS{}
	if _, err := s.For("plan9", "mips"); !errors.Is(err, ErrNone) {
		t.Errorf("error %v, want ErrNone", err)
	}
	if s.Embedded("linux", "amd64") {
		t.Error("an empty folder holds a probe")
	}
}

func TestUnpackIsBounded(t *testing.T) {
	if _, err := unpack(pack(t, strings.Repeat("x", 1<<20)), 1<<10); err == nil {
		t.Error("a bomb went through")
	}
}

package ticket_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/report/ticket"
)

var at = time.Date(2026, 3, 14, 13, 4, 31, 0, time.FixedZone("CET", 3600))

func text(name, content string) ticket.File {
	return ticket.File{Name: name, Write: func(w io.Writer) error {
		_, err := io.WriteString(w, content)
		return err
	}}
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}

func TestFolder(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("very-long-", 25) + "xyz"
	for _, c := range []struct{ cluster, node, want string }{
		{"prod-weu", "aks-np1-vmss000003", "snattop-prod-weu-aks-np1-vmss000003"},
		{"", "", "snattop"},
		{"arn:aws:eks:eu-west-1:1234:cluster/shop", "ip-10-0-0-1.eu.internal", "snattop-arn-aws-eks-eu-west-1-1234-cluster-shop-ip-10-0-0-1.eu.internal"},
		{"../../etc/passwd", "..", "snattop-etc-passwd"},
		{"/abs", "a/../../b", "snattop-abs-a-b"},
		{"a\x1b[2J\n\x00b", "\u202ecod", "snattop-a-2J-b-cod"},
		{"-rf ~ $(x)`y`", "C:\\con|*?", "snattop-rf-x-y-C-con"},
		{"支払い", "...", "snattop"},
		{"a..b", ".hidden.", "snattop-a..b-hidden"},
		{long, long, "snattop-" + long[:59] + "-" + long[:59]},
	} {
		got := ticket.Name{Cluster: c.cluster, Node: c.node, At: at}.Folder()
		if want := c.want + "-20260314T120431Z"; got != want {
			t.Errorf("%q, %q: %q, want %q", c.cluster, c.node, got, want)
		}
		if filepath.Base(got) != got || len(got) > 200 {
			t.Errorf("%q is no plain name", got)
		}
	}
}

func TestSave(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := ticket.Name{Cluster: "prod", Node: "n1", At: at}
	var paths []string
	for range 3 {
		path, err := ticket.Folder{Dir: dir}.Save(name, []ticket.File{text("a.txt", "one"), text("b.txt", "")})
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, filepath.Base(path))
	}
	want := []string{"snattop-prod-n1-20260314T120431Z", "snattop-prod-n1-20260314T120431Z-2", "snattop-prod-n1-20260314T120431Z-3"}
	if !slices.Equal(paths, want) || !slices.Equal(entries(t, dir), want) {
		t.Errorf("%q beside %q, want %q", paths, entries(t, dir), want)
	}
	folder := filepath.Join(dir, want[0])
	if got := entries(t, folder); !slices.Equal(got, []string{"MANIFEST", "a.txt", "b.txt"}) {
		t.Errorf("files: %q", got)
	}
	manifest, err := os.ReadFile(filepath.Join(folder, ticket.Manifest))
	if err != nil {
		t.Fatal(err)
	}
	sum := func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }
	if want := sum("one") + "  a.txt\n" + sum("") + "  b.txt\n"; string(manifest) != want {
		t.Errorf("the manifest is %q, want %q", manifest, want)
	}
	info, err := os.Stat(filepath.Join(folder, "a.txt"))
	if err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others may read it: %v %v", info.Mode(), err)
	}
}

var errFull = errors.New("no space left on device")

// disk takes so many bytes in all.
type disk struct{ left int }

func (d *disk) create(path string) (io.WriteCloser, error) {
	f, err := os.Create(path)
	return &file{f, d}, err
}

type file struct {
	*os.File
	disk *disk
}

func (f *file) Write(b []byte) (int, error) {
	if f.disk.left -= len(b); f.disk.left < 0 {
		return 0, errFull
	}
	return f.File.Write(b)
}

// Wherever the disk gets full, nothing is left and one line says why.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for left := range 160 {
		dir := t.TempDir()
		d := &disk{left: left}
		path, err := ticket.Folder{Dir: dir, Create: d.create}.Save(ticket.Name{At: at}, []ticket.File{text("a.txt", "one"), text("b.txt", "three")})
		if left >= 3+5+2*(64+2+6) {
			if err != nil || len(entries(t, dir)) != 1 {
				t.Errorf("%d bytes: %v", left, err)
			}
			continue
		}
		if !errors.Is(err, errFull) || path != "" || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), dir) {
			t.Fatalf("%d bytes: %q, %v", left, path, err)
		}
		if got := entries(t, dir); len(got) != 0 {
			t.Fatalf("%d bytes: %q is left", left, got)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	broken := errors.New("the picture broke")
	for name, files := range map[string][]ticket.File{
		"a path":      {text("../x", "")},
		"no name":     {text("", "")},
		"a parent":    {text("..", "")},
		"twice":       {text("a", ""), text("a", "")},
		"the content": {{Name: "a", Write: func(io.Writer) error { return broken }}},
	} {
		dir := t.TempDir()
		if _, err := (ticket.Folder{Dir: dir}).Save(ticket.Name{At: at}, files); err == nil || len(entries(t, dir)) != 0 {
			t.Errorf("%s: %v, %q", name, err, entries(t, dir))
		}
	}
	_, err := ticket.Folder{Dir: filepath.Join(t.TempDir(), "none")}.Save(ticket.Name{At: at}, nil)
	if !errors.Is(err, os.ErrNotExist) || strings.Contains(err.Error(), ".snattop-ticket") {
		t.Errorf("a folder that is not there: %v", err)
	}
}

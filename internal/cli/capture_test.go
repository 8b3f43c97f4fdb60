package cli_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/snattop/snattop/internal/cli"
)

func TestCaptureUsage(t *testing.T) {
	noCluster(t)
	for _, c := range []struct {
		args  string
		words []string
	}{
		{"capture", []string{"NAMESPACE/POD or node/NAME"}},
		{"capture a b", []string{"capture --help"}},
		{"capture a --port https", []string{`--port "https"`, "1 to 65535"}},
		{"capture a --port 0", []string{`--port "0"`}},
		{"capture a --host example.com", []string{`--host "example.com"`, "10.0.0.0/8"}},
		{"capture a --host 10.0.0.0/33", []string{"--host"}},
		{"capture a --proto gre", []string{`--proto`, "tcp, udp, sctp or icmp"}},
		{"capture a --proto icmp --port 7", []string{"icmp has no ports"}},
		{"capture a --snaplen 65536", []string{"snaplen 65536", "65535"}},
		{"capture a --snaplen -1", []string{"snaplen"}},
		{"capture a --max-size 1kB", []string{"1000 bytes"}},
		{"capture a --max-size much", []string{"--max-size", "100MB"}},
		{"capture a --duration 0s", []string{"1s to 1h"}},
		{"capture a --duration 2h", []string{"1s to 1h"}},
		{"capture a --source recording", []string{"--source", "live or local"}},
		{"capture a --source local", []string{"--source local", "name no pod"}},
	} {
		oneLine(t, c.args, world{}.run(t, strings.Fields(c.args)...), cli.ExitUsage, c.words...)
	}
}

// What is wrong with the file is told before anything is captured, and a file
// that is there stays as it was.
func TestCaptureFile(t *testing.T) {
	noCluster(t)
	path := write(t, "x.pcapng", "mine")
	got := world{}.run(t, "capture", "--source", "local", "-o", path)
	oneLine(t, "a file that exists", got, cli.ExitFailed, "capturing this host", "exists")
	if b, err := os.ReadFile(path); err != nil || string(b) != "mine" {
		t.Errorf("%q, %v", b, err)
	}
	if runtime.GOOS != "linux" {
		t.Skip("no interfaces to look for")
	}
	path = filepath.Join(t.TempDir(), "y.pcapng")
	oneLine(t, "no such interface", world{}.run(t, "capture", "--source", "local", "--interface", "no-such-0", "-o", path), cli.ExitFailed, `there is no interface "no-such-0"`)
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("a file is left: %v", err)
	}
}

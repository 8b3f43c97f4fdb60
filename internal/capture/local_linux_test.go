package capture

import (
	"bytes"
	"context"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/snattop/snattop/probe/capture"
)

// The whole way on this host: from the kernel to a file.
func TestLocal(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("capturing needs root")
	}
	to, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = to.Close() }()
	from, err := net.Dial("udp4", to.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = from.Close() }()
	w := Wanted{Interface: "lo", Snaplen: 64, MaxSize: DefaultMaxSize, Duration: time.Minute}
	port := strconv.Itoa(to.LocalAddr().(*net.UDPAddr).Port)
	if w.Filter, err = capture.ParseFilter([]string{"127.0.0.1"}, []string{port}, "udp"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	const n = 3
	opts := Options{MaxSize: w.MaxSize, Duration: w.Duration}
	sent := false
	opts.Progress = func(p Progress) {
		switch {
		case !sent: // the socket is open from the first word on
			sent = true
			for range n {
				if _, err := from.Write(make([]byte, 100)); err != nil {
					t.Error(err)
				}
			}
		case p.Packets >= n:
			stop()
		}
	}
	var file bytes.Buffer
	got, whole, err := Save(ctx, Local(ctx, w.Config()), &file, opts)
	if err != nil || got.Packets != n || got.Interface != "lo" || got.Ended != "stopped" || whole != int64(file.Len()) {
		t.Errorf("%v: %+v, %d of %d bytes", err, got, whole, file.Len())
	}
}

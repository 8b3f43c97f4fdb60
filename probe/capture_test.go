package probe

import (
	"bytes"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/probe/capture"
)

// What is asked for over flags is what is meant.
func TestCaptureFlags(t *testing.T) {
	filter, err := capture.ParseFilter([]string{"10.0.0.0/8", "2001:db8::1"}, []string{"443", "53"}, "udp")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []CaptureConfig{
		{},
		{Interface: "eth0", NetNS: 1 << 40, Inside: true, Snaplen: 128},
		{
			Pods: []string{"a", "b"}, Containers: []string{"c"}, Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")},
			Filter: filter, Limits: capture.Limits{Duration: 90 * time.Second, Bytes: 1 << 40},
		},
	} {
		got, err := parseCapture("v1", append([]string{"--proc", "/p", "--host-root", "/h", "--lease", "/l", "--deadline", "1h"}, want.Flags()...), &bytes.Buffer{})
		want.Version, want.Proc, want.HostRoot, want.Lease, want.Deadline = "v1", "/p", "/h", "/l", time.Hour
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v: got  %+v\nwant %+v", err, got, want)
		}
	}
}

func TestCaptureUsage(t *testing.T) {
	for args, want := range map[string]string{
		"--port x": `port "x"`, "--host x": `host "x"`, "--proto x": `protocol "x"`, "--address x": `address "x"`,
		"--snaplen 65536": "at most 65535", "eth0": `unexpected argument "eth0"`, "--nonsense": "not defined",
	} {
		var stdout, stderr bytes.Buffer
		code := Main(t.Context(), "v1", append([]string{"capture"}, strings.Fields(args)...), strings.NewReader(""), &stdout, &stderr)
		if code != 2 || !strings.Contains(stderr.String(), want) || stdout.Len() > 0 {
			t.Errorf("%s: code %d, %q", args, code, stderr.String())
		}
	}
}

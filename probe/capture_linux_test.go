package probe

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/snattop/snattop/probe/capture"
)

// tap is a capture that runs.
type tap struct {
	t     *testing.T
	dec   *capture.Decoder
	leash *io.PipeWriter
	done  chan error
	start *capture.Start
	end   *capture.End
	// packets are those heard so far.
	packets []capture.Packet
}

// openTap captures until the test lets go; from its return on every packet
// counts.
func openTap(t *testing.T, cfg CaptureConfig) *tap {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	tp := &tap{t: t, dec: capture.NewDecoder(outR), leash: inW, done: make(chan error, 1)}
	go func() {
		err := Capture(t.Context(), cfg, inR, outW)
		_ = outW.CloseWithError(err)
		tp.done <- err
	}()
	t.Cleanup(func() { _ = inW.Close(); _ = outR.Close() })
	m, err := tp.dec.Next()
	if err != nil {
		t.Fatal(err)
	}
	tp.start = m.Start
	return tp
}

// next takes one message.
func (tp *tap) next() error {
	m, err := tp.dec.Next()
	if err != nil {
		return err
	}
	if m.Packets != nil {
		return m.Packets.Each(tp.start.Snaplen, func(p capture.Packet) error {
			p.Data = append([]byte(nil), p.Data...)
			tp.packets = append(tp.packets, p)
			return nil
		})
	}
	tp.end = m.End
	return nil
}

// until waits for n packets.
func (tp *tap) until(n int) {
	tp.t.Helper()
	for len(tp.packets) < n {
		if err := tp.next(); err != nil {
			tp.t.Fatalf("%d packets, and then %v", len(tp.packets), err)
		}
	}
}

// finish lets go and returns the last counts.
func (tp *tap) finish() capture.Counts {
	tp.t.Helper()
	_ = tp.leash.Close()
	for tp.end == nil {
		if err := tp.next(); err != nil {
			tp.t.Fatal(err)
		}
	}
	if err := <-tp.done; err != nil {
		tp.t.Error(err)
	}
	return tp.end.Counts
}

// taps is what a capture of the pod of node needs to find it.
func taps(t *testing.T, host, pod *child) CaptureConfig {
	return CaptureConfig{Proc: nodeProc(t, host, pod), HostRoot: t.TempDir(), Version: "test", Addresses: []netip.Addr{netip.MustParseAddr("10.77.0.2")}}
}

func udpPort(t *testing.T, p capture.Packet) uint16 {
	t.Helper()
	const ethernet, ip = 14, 20
	if len(p.Data) < ethernet+ip+4 {
		t.Fatalf("a packet of %d bytes", len(p.Data))
	}
	return binary.BigEndian.Uint16(p.Data[ethernet+ip+2:])
}

// Packets of a pod are captured at the node's end of its veth, those that the
// filter wants and no others, each once.
func TestCapturePod(t *testing.T) {
	host, pod := node(t)
	for _, find := range []string{"by its address", "by its namespace"} {
		for _, inside := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, inside %t", find, inside), func(t *testing.T) {
				cfg := taps(t, host, pod)
				cfg.Inside, cfg.Snaplen = inside, 60
				if find == "by its namespace" {
					cfg.Addresses, cfg.NetNS = nil, pod.netns
				}
				var err error
				if cfg.Filter, err = capture.ParseFilter([]string{"10.77.0.1"}, []string{"5001"}, "udp"); err != nil {
					t.Fatal(err)
				}
				tp := openTap(t, cfg)
				name, within, direction := "veth0", "the node", capture.Inbound
				if inside {
					name, within, direction = "eth0", "the pod", capture.Outbound
				}
				if s := tp.start; s.Interface != name || s.Within != within || s.Link != capture.Ethernet || s.Snaplen != 60 ||
					s.Filter != "udp and host 10.77.0.1 and port 5001" || inside != (len(s.Notes) == 0) {
					t.Errorf("%+v", s)
				}
				for range 20 {
					pod.say("udp 10.77.0.1:5002")
					pod.say("udp 10.77.0.1:5001")
				}
				tp.until(20)
				if c := tp.finish(); c != (capture.Counts{Seen: 20}) || tp.end.Reason != capture.EndLeash || len(tp.packets) != 20 {
					t.Errorf("%d packets, %+v, %+v", len(tp.packets), c, tp.end)
				}
				for _, p := range tp.packets {
					// "hello" behind the three headers.
					if udpPort(t, p) != 5001 || p.Direction != direction || p.Length != 14+20+8+5 || len(p.Data) != int(p.Length) {
						t.Errorf("%+v", p)
					}
				}
			})
		}
	}
}

// The filter's snaplen cuts, and the size ends a capture where it should.
func TestCaptureCuts(t *testing.T) {
	host, pod := node(t)
	cfg := taps(t, host, pod)
	cfg.Snaplen, cfg.Limits.Bytes = 34, 3*(34+capture.RecordCost)
	cfg.Filter = capture.Filter{Proto: capture.UDP}
	tp := openTap(t, cfg)
	for range 10 {
		pod.say("udp 10.77.0.1:5001")
	}
	tp.until(3)
	for tp.end == nil {
		if err := tp.next(); err != nil {
			t.Fatal(err)
		}
	}
	if c := tp.finish(); tp.end.Reason != capture.EndSize || len(tp.packets) != 3 || c.Seen != 3 {
		t.Errorf("%d packets, %+v", len(tp.packets), tp.end)
	}
	for _, p := range tp.packets {
		if len(p.Data) != 34 || p.Length != 47 {
			t.Errorf("%d of %d bytes", len(p.Data), p.Length)
		}
	}
}

// Packets come faster than anybody reads: what is told and what was dropped is
// all that was sent.
func TestCaptureBackPressure(t *testing.T) {
	host, pod := node(t)
	cfg := taps(t, host, pod)
	cfg.Filter = capture.Filter{Ports: []uint16{5001}}
	tp := openTap(t, cfg)
	const n = 200_000 // 27 MB of records; the queue takes 8
	pod.say(fmt.Sprintf("flood %d 10.77.0.1:5001", n))
	c := tp.finish()
	told := uint64(len(tp.packets))
	if c.Seen != n || told+c.Kernel+c.Queue != n || c.Queue+c.Kernel == 0 || told == 0 {
		t.Errorf("sent %d, told %d: %+v", n, told, c)
	}
	t.Logf("sent %d, told %d, dropped by the kernel %d, for want of a reader %d", n, told, c.Kernel, c.Queue)
}

// What goes over a VLAN comes with its tag, which the kernel keeps elsewhere.
func TestCaptureTags(t *testing.T) {
	host, pod := node(t)
	for _, c := range []struct {
		child *child
		argv  string
	}{
		{host, "link add link veth0 name veth0.7 type vlan id 7"}, {host, "addr add 10.78.0.1/24 dev veth0.7"}, {host, "link set veth0.7 up"},
		{pod, "link add link eth0 name eth0.7 type vlan id 7"}, {pod, "addr add 10.78.0.2/24 dev eth0.7"}, {pod, "link set eth0.7 up"},
	} {
		argv := append([]string{"--net=" + c.child.path("ns/net"), "ip"}, strings.Fields(c.argv)...)
		if out, err := exec.CommandContext(t.Context(), "nsenter", argv...).CombinedOutput(); err != nil {
			t.Skipf("no VLANs on this kernel: %v: %s", err, out)
		}
	}
	cfg := taps(t, host, pod)
	cfg.Interface = "eth0"
	cfg.Filter = capture.Filter{Ports: []uint16{5001}}
	tp := openTap(t, cfg)
	pod.say("udp 10.78.0.1:5001")
	tp.until(1)
	tp.finish()
	p := tp.packets[0]
	if got := fmt.Sprintf("%x", p.Data[12:18]); got != "810000070800" || p.Length != 4+47 || len(p.Data) != 4+47 {
		t.Errorf("tag %s, %d of %d bytes", got, len(p.Data), p.Length)
	}
}

// A pod on the node's network is told apart by its address.
func TestCapturePodOnHost(t *testing.T) {
	host, pod := node(t)
	cfg := taps(t, host, pod)
	cfg.NetNS, cfg.Interface = host.netns, "veth0"
	cfg.Addresses = []netip.Addr{netip.MustParseAddr("10.77.0.9")}
	tp := openTap(t, cfg)
	if s := tp.start; s.Interface != "veth0" || s.Filter != "host 10.77.0.9" || len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "node's own network") {
		t.Errorf("%+v", s)
	}
	if c := tp.finish(); c != (capture.Counts{}) {
		t.Errorf("%+v", c)
	}
}

// An interface without a header is captured from its IP packets on.
func TestCaptureBareInterface(t *testing.T) {
	host, pod := node(t)
	for _, argv := range []string{"link add tun7 type ipip local 10.77.0.1 remote 10.77.0.2", "addr add 10.79.0.1/24 dev tun7", "link set tun7 up"} {
		argv := append([]string{"--net=" + host.path("ns/net"), "ip"}, strings.Fields(argv)...)
		if out, err := exec.CommandContext(t.Context(), "nsenter", argv...).CombinedOutput(); err != nil {
			t.Skipf("no IP-in-IP on this kernel: %v: %s", err, out)
		}
	}
	cfg := CaptureConfig{Proc: nodeProc(t, host, pod), HostRoot: t.TempDir(), Interface: "tun7"}
	tp := openTap(t, cfg)
	if s := tp.start; s.Link != capture.RawIP || s.Interface != "tun7" || s.Within != "the node" {
		t.Errorf("%+v", s)
	}
	host.say("udp 10.79.0.2:5001")
	tp.until(1)
	tp.finish()
	if p := tp.packets[0]; p.Data[0] != 0x45 || p.Length != 20+8+5 {
		t.Errorf("%x of %d bytes", p.Data, p.Length)
	}
}

// A pod that ends during a capture ends the capture, and what was captured is
// told.
func TestCaptureOutlivesNoPod(t *testing.T) {
	host, pod := node(t)
	cfg := taps(t, host, pod)
	cfg.Filter = capture.Filter{Proto: capture.UDP}
	tp := openTap(t, cfg)
	pod.say("udp 10.77.0.1:5001")
	tp.until(1)
	argv := []string{"--net=" + host.path("ns/net"), "ip", "link", "del", "veth0"}
	if out, err := exec.CommandContext(t.Context(), "nsenter", argv...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for tp.end == nil {
		if err := tp.next(); err != nil {
			t.Fatal(err)
		}
	}
	if !tp.end.Failed || !strings.Contains(tp.end.Reason, "went down") || tp.end.Counts.Seen != 1 {
		t.Errorf("%+v", tp.end)
	}
	if err := <-tp.done; err == nil || !strings.Contains(err.Error(), "went down") {
		t.Error(err)
	}
}

func TestCaptureFindsNothing(t *testing.T) {
	host, pod := node(t)
	tests := []struct {
		name   string
		change func(*CaptureConfig)
		want   string
	}{
		{"no such pod", func(c *CaptureConfig) { c.Addresses = []netip.Addr{netip.MustParseAddr("10.77.0.99")} }, "no process of the pod runs here"},
		{"no such interface", func(c *CaptureConfig) { c.Interface = "net9" }, `looking at the interfaces of the pod: there is no interface "net9": there is lo, `},
		{"no such interface of the node", func(c *CaptureConfig) { c.Addresses, c.Interface = nil, "net9" }, "interfaces of the node: there is no interface"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := taps(t, host, pod)
			tt.change(&cfg)
			r, w := io.Pipe()
			defer func() { _ = w.Close() }()
			if err := Capture(context.Background(), cfg, r, io.Discard); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

package examine

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/facts"
	"github.com/snattop/snattop/probe/links"
	"github.com/snattop/snattop/probe/netns"
)

const podUID = "0b0f5c1e-8a4e-4d36-9f3a-1d2c3b4a5f60"

func TestUptime(t *testing.T) {
	t.Parallel()
	if up, err := parseUptime("3661.50 7000.00\n"); err != nil || up != 3661500*time.Millisecond {
		t.Errorf("%s, %v", up, err)
	}
	for _, text := range []string{"", "x", "-1 2", "NaN 1", "1e300 1"} {
		if up, err := parseUptime(text); err == nil {
			t.Errorf("%q: %s", text, up)
		}
	}
	if got := age(100*time.Second, 4000); got != 60 {
		t.Errorf("started at 40 of 100 seconds: %d", got)
	}
	if got := age(time.Second, 4000); got != 0 {
		t.Errorf("started in the future: %d", got)
	}
}

func TestEcho(t *testing.T) {
	t.Parallel()
	request := echoRequest(7, 0x0203, 1500)
	if len(request) != 1480 || checksum(request) != 0 {
		t.Errorf("%d bytes, checksum %#x", len(request), checksum(request))
	}
	answer := append(make([]byte, ipHeader), request...)
	answer[0] = 0x45
	if _, _, ok := parseEcho(answer, 7); ok {
		t.Error("our own request is an answer")
	}
	answer[ipHeader] = 0
	if seq, size, ok := parseEcho(answer, 7); !ok || seq != 0x0203 || size != 1500 {
		t.Errorf("%#x, %d, %t", seq, size, ok)
	}
	if _, _, ok := parseEcho(answer, 8); ok {
		t.Error("another's answer")
	}
	for n := range 28 {
		if _, _, ok := parseEcho(answer[:n], 7); ok {
			t.Errorf("%d bytes are an answer", n)
		}
	}
	if sizes := echoSizes(1460); sizes[0] != 1460 || sizes[1] != 1450 || !slices.IsSortedFunc(sizes, func(a, b int) int { return b - a }) {
		t.Errorf("%v", sizes)
	}
}

func FuzzParseEcho(f *testing.F) {
	f.Add(append([]byte{0x45, 19: 0}, echoRequest(7, 1, 64)...), uint16(7))
	f.Fuzz(func(t *testing.T, b []byte, id uint16) {
		if _, size, ok := parseEcho(b, id); ok && size != len(b) {
			t.Errorf("%d of %d", size, len(b))
		}
	})
}

// A process of a pod that nobody knows, one that the runtime knows, a stranger
// in the pod's network, and what is none of a pod's.
func TestContainers(t *testing.T) {
	t.Parallel()
	known, stale := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	state := runtimeState{t.TempDir()}
	if err := os.Mkdir(filepath.Join(state[0], known), 0o755); err != nil {
		t.Fatal(err)
	}
	all := []process{
		{pid: 1, netns: 1, unit: "init.scope"},
		{pid: 11, netns: 2, pod: podUID, container: known, start: 50},
		{pid: 12, netns: 2, pod: podUID, container: known, start: 40},
		{pid: 13, netns: 2, pod: podUID, container: stale, start: 60},
		{pid: 14, netns: 2, start: 70, unit: "ssh.service"},
		{pid: 15, netns: 3},
		{pid: 16, netns: 1, pod: "host", container: stale},
	}
	got := containers("/proc", all, 1, state)
	want := []facts.Container{
		{PodUID: podUID, ID: stale, Runtime: facts.RuntimeUnknown, PID: 13, Processes: 1},
		{PodUID: "host", ID: stale, Runtime: facts.RuntimeUnknown, PID: 16, Processes: 1},
		{PodUID: podUID, PID: 14, Processes: 1, Stray: true},
		{PodUID: podUID, ID: known, Runtime: facts.RuntimeKnows, PID: 12, Processes: 2},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
	if got := containers("/proc", all[3:4], 1, nil); len(got) != 1 || got[0].Runtime != facts.RuntimeUnclear {
		t.Errorf("without a runtime's state: %+v", got)
	}
	again := slices.Clone(all)
	again[1].start = 99 // another process has the number
	if left := inBoth(all[:4], again); len(left) != 3 || left[1].pid != 12 {
		t.Errorf("in both: %+v", left)
	}
	root := t.TempDir()
	if r := openRuntimes(root); len(r) != 0 {
		t.Errorf("%v", r)
	}
	if err := os.MkdirAll(filepath.Join(root, runtimeStates[0], known), 0o755); err != nil {
		t.Fatal(err)
	}
	if r := openRuntimes(root); len(r) != 1 || r.knows(known) != facts.RuntimeKnows || r.knows(stale) != facts.RuntimeUnknown {
		t.Errorf("%v", r)
	}
}

// fakeNode is a /proc that shows real processes as those of pods, by links; what
// it says of their control groups is the test's.
type fakeNode struct{ proc string }

func newFakeNode(t *testing.T) *fakeNode {
	t.Helper()
	n := &fakeNode{t.TempDir()}
	if err := os.Symlink("/proc/uptime", filepath.Join(n.proc, "uptime")); err != nil {
		t.Fatal(err)
	}
	return n
}

// show adds a real process, in a control group.
func (n *fakeNode) show(t *testing.T, as, pid int, cgroup string) {
	t.Helper()
	actual, dir := filepath.Join("/proc", strconv.Itoa(pid)), filepath.Join(n.proc, strconv.Itoa(as))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"stat", "ns", "net", "fd", "cmdline", "comm"} {
		if err := os.Symlink(filepath.Join(actual, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "cgroup"), []byte(cgroup), 0o600); err != nil {
		t.Fatal(err)
	}
}

// inNewNetwork starts a program in a network namespace of its own.
func inNewNetwork(t *testing.T, program ...string) int {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("making a network namespace needs root")
	}
	cmd := exec.CommandContext(t.Context(), "unshare", append([]string{"--net"}, program...)...)
	if err := cmd.Start(); err != nil {
		t.Skipf("no unshare here: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	own, err := netns.Inode("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		inode, err := netns.Inode(door("/proc", cmd.Process.Pid))
		if err == nil && inode != own {
			return cmd.Process.Pid
		}
		if time.Now().After(deadline) {
			t.Skip("unshare makes no network namespace here")
		}
		time.Sleep(time.Millisecond) // there is nothing to be told by
	}
}

func shell(t *testing.T, argv ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).CombinedOutput(); err != nil {
		t.Skipf("%s: %v: %s", strings.Join(argv, " "), err, out)
	}
}

func within(t *testing.T, pid int, argv ...string) {
	t.Helper()
	shell(t, append([]string{"nsenter", "-t", strconv.Itoa(pid), "-n"}, argv...)...)
}

// A node and its pod, made of real namespaces: a bridge, a veth whose ends
// differ, and packets that are lost there because they do.
func TestNetworkOfANode(t *testing.T) {
	t.Parallel()
	node, pod := inNewNetwork(t, "sleep", "600"), inNewNetwork(t, "sleep", "600")
	within(t, node, "ip", "link", "add", "cni0", "type", "bridge")
	within(t, node, "ip", "link", "add", "veth1", "mtu", "1500", "type", "veth", "peer", "name", "eth0", "mtu", "1500", "netns", "/proc/"+strconv.Itoa(pod)+"/ns/net")
	within(t, node, "ip", "link", "set", "veth1", "master", "cni0", "up")
	within(t, node, "ip", "addr", "add", "10.244.0.1/24", "dev", "cni0")
	within(t, node, "ip", "link", "set", "cni0", "up")
	within(t, node, "ip", "link", "set", "veth1", "mtu", "1300")
	within(t, node, "ip", "neigh", "add", "10.244.0.9", "dev", "cni0", "nud", "failed")
	within(t, pod, "ip", "addr", "add", "10.244.0.7/24", "dev", "eth0")
	within(t, pod, "ip", "link", "set", "lo", "up")
	within(t, pod, "ip", "link", "set", "eth0", "up")
	within(t, pod, "ip", "neigh", "add", "10.244.0.1", "lladdr", "02:00:00:00:00:01", "dev", "eth0", "nud", "permanent")

	fake := newFakeNode(t)
	fake.show(t, 1, node, "0::/init.scope\n")
	fake.show(t, 20, pod, "0::/kubepods/besteffort/pod"+podUID+"/"+strings.Repeat("ab", 32)+"\n")
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "etc/cni/net.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "etc/cni/net.d/10-x.conf"), []byte(`{"type":"bridge"}`), 0o600); err != nil {
		t.Fatal(err)
	}

	// Packets that the node's end is too small for, while the look lasts.
	stop := make(chan struct{})
	sent := make(chan error, 1)
	th := netns.NewThread()
	defer th.Close()
	go func() {
		sent <- th.Do(context.WithoutCancel(t.Context()), netns.Place{Path: door("/proc", pod)}, func() error {
			conn, err := net.Dial("udp", "10.244.0.1:9")
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }()
			tick := time.NewTicker(2 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-stop:
					return nil
				case <-tick.C:
					_, _ = conn.Write(make([]byte, 1400)) // refused now and then
				}
			}
		})
	}()
	var s facts.Section
	lookNetwork(t.Context(), Place{Proc: fake.proc, HostRoot: root, Window: 300 * time.Millisecond}, facts.Ask{}, &s)
	close(stop)
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if s.Error != "" {
		t.Fatal(s.Error)
	}
	n := s.Network
	if len(n.Bridges) != 1 || n.Bridges[0].Wire.Name != "cni0" || !n.Bridges[0].Up || n.Bridges[0].Ports != 1 || n.CNI.Bridge != "cni0" {
		t.Errorf("bridges %+v of %+v", n.Bridges, n.CNI)
	}
	if len(n.Pods) != 1 {
		t.Fatalf("pods %+v", n.Pods)
	}
	p := n.Pods[0]
	if p.PodUID != podUID || p.Inner != (facts.Wire{Name: "eth0", MTU: 1500}) || p.Outer != (facts.Wire{Name: "veth1", MTU: 1300}) || p.Master != "cni0" {
		t.Errorf("pod %+v", p)
	}
	if p.Dropped < 10 || n.Millis < 300 {
		t.Errorf("%d dropped in %d ms", p.Dropped, n.Millis)
	}
	if want := []facts.Neighbour{{IP: "10.244.0.9", Link: "cni0", State: "FAILED"}}; !slices.Equal(n.Neighbours.Bad, want) {
		t.Errorf("neighbours %+v", n.Neighbours)
	}
}

// A real listener in a namespace of its own is found with its process.
func TestHolders(t *testing.T) {
	t.Parallel()
	const script = `import socket,time
a=socket.socket(); a.bind(("0.0.0.0",8080)); a.listen()
b=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); b.bind(("127.0.0.1",5353))
time.sleep(600)`
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("the listener is a line of Python")
	}
	pid := inNewNetwork(t, "python3", "-c", script)
	fake := newFakeNode(t)
	fake.show(t, 20, pid, "0::/kubepods/pod"+podUID+"/"+strings.Repeat("ab", 32)+"\n")
	var s facts.Section
	deadline := time.Now().Add(30 * time.Second)
	for len(s.Holders) < 2 && time.Now().Before(deadline) {
		s = facts.Section{}
		lookHolders(t.Context(), Place{Proc: fake.proc, HostRoot: t.TempDir()}, facts.Ask{Holders: []facts.HolderPod{{UID: podUID}, {UID: "another"}}}, &s)
	}
	if s.Error != "" || len(s.Holders) != 2 {
		t.Fatalf("%+v, %s", s.Holders, s.Error)
	}
	for i, want := range []facts.Holder{{Network: "tcp", Address: "0.0.0.0", Port: 8080}, {Network: "udp", Address: "127.0.0.1", Port: 5353}} {
		h := s.Holders[i]
		if h.Network != want.Network || h.Address != want.Address || h.Port != want.Port || h.PID != 20 || h.PodUID != podUID || h.OwnerUID != podUID || h.Container != strings.Repeat("ab", 32) || !strings.Contains(h.Command, "python3") {
			t.Errorf("%+v", h)
		}
	}
}

// The real kernel: an echo that must not be cut, to a namespace behind a link
// that is narrower than the sender's own.
func TestPathsThroughANarrowLink(t *testing.T) {
	t.Parallel()
	near, far := inNewNetwork(t, "sleep", "600"), inNewNetwork(t, "sleep", "600")
	within(t, near, "ip", "link", "add", "eth0", "mtu", "1500", "type", "veth", "peer", "name", "eth0", "mtu", "1400", "netns", "/proc/"+strconv.Itoa(far)+"/ns/net")
	within(t, near, "ip", "addr", "add", "10.9.0.1/24", "dev", "eth0")
	within(t, near, "ip", "link", "set", "eth0", "up")
	within(t, far, "ip", "addr", "add", "10.9.0.2/24", "dev", "eth0")
	within(t, far, "ip", "link", "set", "eth0", "up")
	within(t, near, "ip", "route", "add", "default", "via", "10.9.0.2")
	fake := newFakeNode(t)
	fake.show(t, 1, near, "0::/init.scope\n")
	var s facts.Section
	lookPaths(t.Context(), Place{Proc: fake.proc}, facts.Ask{Paths: []string{"10.9.0.2", "10.9.0.77", "fd00::1"}}, &s)
	if s.Error != "" || len(s.Paths) != 3 {
		t.Fatalf("%+v, %s", s.Paths, s.Error)
	}
	if p := s.Paths[0]; p.Sent != 1500 || p.Passed != 1400 {
		t.Errorf("to the far end: %+v", p)
	}
	if p := s.Paths[1]; p.Passed != 0 {
		t.Errorf("to nobody: %+v", p)
	}
	if p := s.Paths[2]; p.Error == "" {
		t.Errorf("IPv6: %+v", p)
	}
}

// Our own namespace has a table, or the kernel says why not.
func TestTracking(t *testing.T) {
	t.Parallel()
	var s facts.Section
	lookTracking(t.Context(), Place{Proc: "/proc", HostRoot: "/", Window: time.Millisecond}, facts.Ask{}, &s)
	if s.Tracking.MemTotalKB == 0 {
		t.Error("a machine without memory")
	}
	if s.Error == "" && (s.Tracking.Max == 0 || s.Tracking.Millis == 0) || s.Error != "" && s.Tracking.Max != 0 {
		t.Errorf("%+v, %s", s.Tracking, s.Error)
	}
}

func TestPauseEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := pause(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Links of the machine's own loopback are read from the real kernel.
func TestLinksOfTheKernel(t *testing.T) {
	t.Parallel()
	all, err := links.List()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(l links.Link) bool { return l.Name == "lo" })
	if i < 0 || all[i].Hardware != unix.ARPHRD_LOOPBACK || all[i].MTU == 0 {
		t.Errorf("%+v", all)
	}
	if _, err := links.Neighbours(10); err != nil {
		t.Error(err)
	}
}

//go:build bench && linux

package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A crowd is a network namespace in which ten processes hold 19,000
// connections each, to servers in a namespace behind a veth pair. All of it is
// made here and gone with the test.
const (
	crowdProcesses = 10
	crowdEach      = 19_000
	crowdSockets   = crowdProcesses * crowdEach
	roleVar        = "SNATTOP_BENCH_ROLE"

	// crowdPod and crowdContainer name the pod that the clients pretend to be.
	crowdPod       = "5eed0000-be4c-4000-8000-000000190000"
	crowdContainer = "5eed0000be4c400080000000001900005eed0000be4c40008000000000190000"
)

// cgroupRoots are where the v2 tree may be mounted.
var cgroupRoots = []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup"}

// podCgroup makes the cgroup of the pod, as a kubelet with the cgroupfs driver
// names it, and returns its folder.
func podCgroup(b *testing.B) string {
	b.Helper()
	for _, root := range cgroupRoots {
		var st unix.Statfs_t
		if err := unix.Statfs(root, &st); err != nil || st.Type != unix.CGROUP2_SUPER_MAGIC {
			continue
		}
		top := filepath.Join(root, fmt.Sprintf("snattop-bench-%d", os.Getpid()))
		dir := filepath.Join(top, "kubepods", "besteffort", "pod"+crowdPod, crowdContainer)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			for d := dir; d != root; d = filepath.Dir(d) {
				if err := os.Remove(d); err != nil {
					b.Error(err)
				}
			}
		})
		return dir
	}
	b.Skip("no cgroup v2 tree")
	return ""
}

// serverAddr is the address of the numbered server.
func serverAddr(i int) string { return fmt.Sprintf("20.60.7.%d", i+1) }

// role runs this test binary as one process of the crowd.
func role() (done bool) {
	name, arg, _ := strings.Cut(os.Getenv(roleVar), ":")
	switch name {
	case "":
		return false
	case "server":
		exitOn(serve(arg))
	case "client":
		cgroup, addr, _ := strings.Cut(arg, "=")
		if err := join(cgroup); err != nil {
			exitOn(err)
		}
		exitOn(hold(addr))
	}
	return true
}

func exitOn(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve accepts and holds until standard input ends.
func serve(addr string) error {
	l, err := net.Listen("tcp", net.JoinHostPort(addr, "443"))
	if err != nil {
		return err
	}
	fmt.Println("ready")
	var held []net.Conn
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			held = append(held, c)
		}
	}()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// join moves this process into a cgroup: sockets belong to the one that they
// were made in.
func join(cgroup string) error {
	return os.WriteFile(filepath.Join(cgroup, "cgroup.procs"), []byte("0"), 0o600)
}

// hold opens connections with plain sockets, so that the client costs little
// memory, and holds them until standard input ends.
func hold(addr string) error {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return err
	}
	for i := range crowdEach {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("socket %d: %w", i, err)
		}
		if err := unix.Connect(fd, &unix.SockaddrInet4{Port: 443, Addr: ip.As4()}); err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
	}
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// crowd makes the namespaces and the connections, and returns the name of the
// clients' namespace.
func crowd(b *testing.B) string {
	b.Helper()
	cgroup := podCgroup(b)
	clients, servers := fmt.Sprintf("snbc%d", os.Getpid()), fmt.Sprintf("snbs%d", os.Getpid())
	for _, ns := range []string{clients, servers} {
		ip(b, "netns", "add", ns)
		b.Cleanup(func() { ip(b, "netns", "del", ns) })
	}
	ip(b, "-n", clients, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", servers)
	ip(b, "-n", clients, "addr", "add", "10.99.0.1/24", "dev", "eth0")
	ip(b, "-n", servers, "addr", "add", "10.99.0.2/24", "dev", "eth0")
	for i := range crowdProcesses {
		ip(b, "-n", servers, "addr", "add", serverAddr(i)+"/32", "dev", "eth0")
	}
	for _, ns := range []string{clients, servers} {
		ip(b, "-n", ns, "link", "set", "lo", "up")
		ip(b, "-n", ns, "link", "set", "eth0", "up")
	}
	ip(b, "-n", clients, "route", "add", "20.60.7.0/24", "via", "10.99.0.2")
	for i := range crowdProcesses {
		actor(b, servers, "server:"+serverAddr(i))
	}
	var waits []func()
	for i := range crowdProcesses {
		waits = append(waits, actorLater(b, clients, "client:"+cgroup+"="+serverAddr(i)))
	}
	for _, wait := range waits {
		wait()
	}
	return clients
}

func actor(b *testing.B, ns, role string) {
	b.Helper()
	actorLater(b, ns, role)()
}

// actorLater starts a process in a namespace (not by "ip netns exec", which
// mounts a /sys without cgroups); the function it returns waits
// until the process is ready. It ends when its input does.
func actorLater(b *testing.B, ns, role string) func() {
	b.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(b.Context()), "nsenter", "--net=/run/netns/"+ns, os.Args[0])
	cmd.Env = append(os.Environ(), roleVar+"="+role)
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return func() {
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil || strings.TrimSpace(line) != "ready" {
			b.Fatalf("%s: %q %v", role, line, err)
		}
	}
}

func ip(b *testing.B, args ...string) {
	b.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		b.Fatalf("ip %v: %v\n%s", args, err, out)
	}
}

// peakRSS reads the high-water mark of a process's memory, in bytes.
func peakRSS(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb * 1024, err
		}
	}
	return 0, fmt.Errorf("no VmHWM of process %d", pid)
}

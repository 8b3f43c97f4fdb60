//go:build bench && linux

package bench

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// met makes a crowd of one pod whose peers are processes of this machine too: as
// many servers in a namespace and a pod of their own.
//
// Keep-alive stays off on both sides, as a plain socket has it. With Go's default
// for accepted connections, 190,000 probes overrun the queue between the two
// namespaces fifteen seconds after the first; the kernel repeats what is dropped
// there twice a second, and in that storm connects time out.
func met(b *testing.B) *crowd {
	b.Helper()
	home := makePod(b, peersPod)
	var peers []*actor
	for i := range crowdProcesses {
		at := stage{fresh: i == 0, cgroup: home.cgroup}
		if i > 0 {
			at.netns = peers[0].netns()
		}
		p := act(b, at, "peer", peerArgs{Number: i, First: i == 0, Destinations: crowdDestinations})
		p.say(b, "listen")
		peers = append(peers, p)
	}
	c := inOnePod(b, true)
	lay(b, c.actors[0].cmd.Process.Pid, peers[0].cmd.Process.Pid)
	return c
}

// peersPod is the number of the pod of a crowd's peers.
const peersPod = 2_000_000

// lay connects the namespaces of two processes, so that what is not in the first
// is in the second.
func lay(b *testing.B, near, far int) {
	b.Helper()
	for _, step := range []struct {
		inside int
		batch  string
	}{
		{0, fmt.Sprintf("link add near0 netns %d type veth peer name far0 netns %d\n", near, far)},
		{near, "addr add 10.98.0.1/30 dev near0\nlink set near0 up\nroute add default via 10.98.0.2\n"},
		{far, "addr add 10.98.0.2/30 dev far0\nlink set far0 up\nroute add 10.99.0.0/24 via 10.98.0.1\n"},
	} {
		argv := []string{"ip", "-batch", "-"}
		if step.inside != 0 {
			argv = append([]string{"nsenter", fmt.Sprintf("--net=/proc/%d/ns/net", step.inside)}, argv...)
		}
		cmd := exec.CommandContext(b.Context(), argv[0], argv[1:]...)
		cmd.Stdin = strings.NewReader(step.batch)
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v: %v\n%s", argv, err, out)
		}
	}
}

// peerArgs is what one process of a crowd's peers needs to know; see crowdArgs.
type peerArgs struct {
	Number       int
	First        bool
	Destinations int
}

// actPeer is the part of a process that holds the other ends of one of a crowd's.
func actPeer(args peerArgs) error {
	if err := allowFiles(); err != nil {
		return err
	}
	if args.First {
		if err := configure("link set lo up\nroute add local 20.60.0.0/16 dev lo\n"); err != nil {
			return err
		}
	}
	return obey(func(string) (string, error) {
		for i := range args.Destinations {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return "", err
			}
			const backlog = 4096
			at := unix.SockaddrInet4{Port: crowdPort, Addr: destination(args.Number, i)}
			if err := errors.Join(unix.Bind(fd, &at), unix.Listen(fd, backlog)); err != nil {
				return "", err
			}
			go func() { fmt.Fprintln(os.Stderr, "a peer ended:", hold(fd)) }()
		}
		return strconv.Itoa(args.Destinations), nil
	})
}

// hold accepts, and keeps what it accepts.
func hold(listener int) error {
	for {
		_, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
		if err != nil && !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.ECONNABORTED) {
			return err
		}
	}
}

//go:build e2e && linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/snattop/snattop/e2e/ground"
)

// wireshark runs one of Wireshark's tools, or tcpdump, on a capture.
func wireshark(t *testing.T, tool string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool, args...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v", tool, args, err)
	}
	return strings.TrimSpace(string(out))
}

// count is the number of packets of a capture that a display filter keeps.
func count(t *testing.T, file, filter string) int {
	t.Helper()
	out := wireshark(t, "tshark", "-n", "-r", file, "-Y", filter, "-T", "fields", "-e", "frame.number")
	return len(strings.Fields(out))
}

var (
	summary = regexp.MustCompile(`captured ([\d,]+) packets \(.*\) in \d+s to (\S+): (.*); (\d+) dropped by the node's kernel, (\d+) because`)
	onVeth  = regexp.MustCompile(`capturing on (\S+) of the node: `)
)

// captured reads what snattop capture says at its end.
func captured(t *testing.T, res result) (packets int, ended string) {
	t.Helper()
	m := summary.FindStringSubmatch(res.stderr)
	if m == nil || res.code != 0 || res.stdout != "" || m[4] != "0" || m[5] != "0" {
		t.Fatalf("exit code %d, out %q: %s", res.code, res.stdout, res.stderr)
	}
	packets, err := strconv.Atoi(strings.ReplaceAll(m[1], ",", ""))
	if err != nil {
		t.Fatal(err)
	}
	return packets, m[3]
}

// TestCapture takes the packets of a pod to one of its destinations from its
// veth, and reads the file with Wireshark's tools.
func TestCapture(t *testing.T) {
	fresh(t)
	// 16 datagrams a second, each of which is answered; and TCP beside it.
	load(t, "udp", ground.Values{"NODE": "node2"})
	load(t, "pooled", ground.Values{"NODE": "node2"})
	waitEstablished(t, "node2", "udp", "20.60.1.2:53", 16)
	waitEstablished(t, "node2", "tcp", "20.60.1.4:8080", 8)
	pod := kubectl(t, "get", "pods", "-n", "platform", "-l", "app=udp", "-o", "jsonpath={.items[0].metadata.name}")
	dir := t.TempDir()

	t.Run("of a pod", func(t *testing.T) {
		file := filepath.Join(dir, "pod.pcapng")
		res := snattop(t, "capture", "platform/"+pod, "--host", "20.60.1.2", "--port", "53", "--proto", "udp", "--duration", "6s", "-o", file)
		packets, ended := captured(t, res)
		if ended != "its time was up" {
			t.Errorf("ended: %s", ended)
		}
		m := onVeth.FindStringSubmatch(res.stderr)
		if len(m) < 2 || !strings.Contains(res.stderr, m[1]+" is the node's end of the pod's eth0") {
			t.Fatalf("not on a veth: %s", res.stderr)
		}
		if _, err := world.ground.NodeEnter(t.Context(), "node2", "ip", "link", "show", "dev", m[1], "type", "veth"); err != nil {
			t.Errorf("%s is no veth of the node: %v", m[1], err)
		}
		all := count(t, file, "frame")
		sent := count(t, file, "udp.dstport == 53 && ip.dst == 20.60.1.2 && frame.interface_name == "+m[1])
		back := count(t, file, "udp.srcport == 53 && ip.src == 20.60.1.2 && frame.interface_name == "+m[1])
		if all != packets || sent+back != all {
			t.Errorf("%d packets are told, %d are in the file, %d of them to the destination and %d back", packets, all, sent, back)
		}
		if sent < 5*16 || sent > 7*16 || back < 5*16 || back > 7*16 {
			t.Errorf("%d datagrams and %d answers in 6 s, want 16 a second", sent, back)
		}
		if n := len(strings.Split(wireshark(t, "tcpdump", "-n", "-r", file, "udp port 53"), "\n")); n != all {
			t.Errorf("tcpdump reads %d packets of %d", n, all)
		}
		info := wireshark(t, "capinfos", file)
		for _, want := range []string{"pcapng", "snattop captured pod platform/" + pod + " on node node2", "Name = " + m[1],
			"udp and host 20.60.1.2 and port 53", "Number of packets:   " + strconv.Itoa(packets)} {
			if !strings.Contains(info, want) {
				t.Errorf("capinfos does not say %q:\n%s", want, info)
			}
		}
		nothingLeft(t)
	})
	t.Run("inside a pod", func(t *testing.T) {
		file := filepath.Join(dir, "inside.pcapng")
		res := snattop(t, "capture", "platform/"+pod, "--inside", "--proto", "udp", "--duration", "3s", "-o", file)
		packets, _ := captured(t, res)
		if got := count(t, file, "udp && frame.interface_name == eth0"); got != packets || got < 2*32 || !strings.Contains(res.stderr, "capturing on eth0 of the pod") {
			t.Errorf("%d packets of %d: %s", got, packets, res.stderr)
		}
	})
	t.Run("of a node, until it is interrupted", func(t *testing.T) {
		file := filepath.Join(dir, "node.pcapng")
		cmd := command(t, "capture", "node/node2", "--host", "20.60.1.4", "--port", "8080", "--snaplen", "54", "--duration", "1m", "-o", file)
		var errs strings.Builder
		cmd.Stderr = &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, time.Minute, "packets are in the file", func() error {
			st, err := os.Stat(file)
			if err == nil && st.Size() < 4000 {
				err = strconv.ErrRange
			}
			return err
		})
		// A file that is being written can be read.
		before := count(t, file, "tcp.port == 8080")
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, errs.String())
		}
		all := count(t, file, "frame")
		if n := count(t, file, "tcp.port == 8080 && ip.addr == 20.60.1.4 && frame.cap_len <= 54"); n != all || n < before || before == 0 {
			t.Errorf("%d packets, %d of them as asked for, %d before the end", all, n, before)
		}
		if m := summary.FindStringSubmatch(errs.String()); len(m) < 4 || m[1] != strconv.Itoa(all) || m[3] != "stopped" {
			t.Errorf("%d packets: %s", all, errs.String())
		}
		nothingLeft(t)
	})
	t.Run("of what is not there", func(t *testing.T) {
		for target, want := range map[string]string{"platform/none": "not found", "node/none": "not found", "platform/" + pod + " --interface net7": `there is no interface "net7"`} {
			file := filepath.Join(dir, "none.pcapng")
			res := snattop(t, append(append([]string{"capture"}, strings.Fields(target)...), "-o", file)...)
			if res.code != 1 || !strings.Contains(res.stderr, want) || strings.Count(res.stderr, "\n") != 1 {
				t.Errorf("%s: exit code %d: %s", target, res.code, res.stderr)
			}
			if _, err := os.Stat(file); err == nil {
				t.Errorf("%s: a file is left", target)
			}
		}
		nothingLeft(t)
	})
	t.Run("onto a full disk", func(t *testing.T) {
		small := t.TempDir()
		if err := syscall.Mount("small", small, "tmpfs", 0, "size=16384"); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = syscall.Unmount(small, 0) }()
		file := filepath.Join(small, "x.pcapng")
		res := snattop(t, "capture", "node/node2", "--duration", "1m", "-o", file)
		if res.code != 1 || !strings.Contains(res.stderr, "the disk here is full") || res.took > 45*time.Second {
			t.Errorf("exit code %d after %s: %s", res.code, res.took, res.stderr)
		}
		if count(t, file, "frame") == 0 {
			t.Error("what was captured is not there")
		}
		nothingLeft(t)
	})
}

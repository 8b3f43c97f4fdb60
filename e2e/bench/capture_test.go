//go:build bench && linux

package bench

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/e2e/bench/result"
	"github.com/snattop/snattop/probe/capture"
)

const (
	// captureTurns is how often each takes its turn at the same load.
	captureTurns = 3
	// captureLoad is how many datagrams a turn has.
	captureLoad = 1_000_000
	// captureCut is what is kept of each.
	captureCut = 128
)

// floodArgs are those of the part that sends.
type floodArgs struct{}

// actFlood is a namespace with a veth through which datagrams are sent: the
// order is their number, the answer how many seconds they took.
func actFlood(floodArgs) error {
	if err := configure(`link add name v0 type veth peer name v1
link set v0 up
link set v1 up
addr add 10.80.0.1/24 dev v0
neigh add 10.80.0.2 lladdr 02:00:00:00:00:02 dev v0
`); err != nil {
		return err
	}
	to, err := net.Dial("udp4", "10.80.0.2:5001")
	if err != nil {
		return err
	}
	datagram := make([]byte, 200)
	return obey(func(order string) (string, error) {
		n, err := strconv.Atoi(order)
		if err != nil {
			return "", err
		}
		began := time.Now()
		for range n {
			if _, err := to.Write(datagram); err != nil {
				return "", err
			}
		}
		return fmt.Sprintf("%.3f", time.Since(began).Seconds()), nil
	})
}

// captured is how a turn went.
type captured struct {
	seen, lost uint64
	cpu        time.Duration
	rate       float64
}

// BenchmarkCapture has the probe and tcpdump capture the same load on a veth,
// in turns: one thread sends as fast as it can.
func BenchmarkCapture(b *testing.B) {
	tcpdump, err := exec.LookPath("tcpdump")
	if err != nil {
		b.Fatal("tcpdump is not installed: apt-get install tcpdump")
	}
	for b.Loop() {
		from := act(b, stage{fresh: true}, "flood", floodArgs{})
		from.say(b, "1")
		var ours, theirs []captured
		for range captureTurns {
			ours = append(ours, probeCaptures(b, from))
			theirs = append(theirs, tcpdumpCaptures(b, from, tcpdump))
		}
		mine, peer := captureLine(ours), captureLine(theirs)
		b.ReportMetric(100*lostShare(ours), "lost-%")
		b.ReportMetric(100*lostShare(theirs), "tcpdump-lost-%")
		work := fmt.Sprintf("capture on a veth, %d × %d datagrams, %d bytes kept: ", captureTurns, captureLoad, captureCut)
		record(b, result.Line{Work: work + "probe", Measured: mine, Goal: "no more lost than tcpdump", Verdict: result.Judge(lostShare(ours) <= lostShare(theirs))})
		record(b, result.Line{Work: work + "tcpdump -B 16384", Measured: peer})
		from.end()
	}
}

func lostShare(turns []captured) float64 {
	var seen, lost uint64
	for _, c := range turns {
		seen, lost = seen+c.seen, lost+c.lost
	}
	return float64(lost) / float64(seen)
}

func captureLine(turns []captured) string {
	var cpu time.Duration
	var rates []float64
	var seen, lost uint64
	for _, c := range turns {
		cpu += c.cpu
		seen, lost = seen+c.seen, lost+c.lost
		rates = append(rates, c.rate)
	}
	return fmt.Sprintf("%d of %d lost at %.0f a second, %.2f µs of processor a packet", lost, seen, middle(rates), cpu.Seconds()*1e6/float64(seen))
}

// flood sends a turn's load and returns its rate.
func flood(b *testing.B, from *actor) float64 {
	b.Helper()
	took, err := strconv.ParseFloat(from.say(b, strconv.Itoa(captureLoad)), 64)
	if err != nil {
		b.Fatal(err)
	}
	return captureLoad / took
}

func probeCaptures(b *testing.B, from *actor) captured {
	b.Helper()
	var st unix.Stat_t
	if err := unix.Stat(from.netns(), &st); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(probeBinary, "capture", "--netns", strconv.FormatUint(st.Ino, 10), "--interface", "v0", "--inside",
		"--port", "5001", "--snaplen", strconv.Itoa(captureCut))
	leash, err := cmd.StdinPipe()
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
	dec := capture.NewDecoder(out)
	if m, err := dec.Next(); err != nil || m.Start == nil {
		b.Fatalf("the probe captures nothing: %v", err)
	}
	ends := make(chan *capture.End, 1)
	go func() {
		defer close(ends)
		for {
			m, err := dec.Next()
			if err != nil {
				return
			}
			if m.End != nil {
				ends <- m.End
			}
		}
	}()
	c := captured{rate: flood(b, from)}
	_ = leash.Close()
	end := <-ends
	if end == nil {
		b.Fatal("the probe's stream broke")
	}
	if err := cmd.Wait(); err != nil {
		b.Fatal(err)
	}
	c.seen, c.lost = end.Counts.Seen, end.Counts.Kernel+end.Counts.Queue
	c.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if c.seen != captureLoad {
		b.Errorf("the probe counted %d packets", c.seen)
	}
	return c
}

var tcpdumpCounts = regexp.MustCompile(`(\d+) packets? (received by filter|dropped by kernel)`)

func tcpdumpCaptures(b *testing.B, from *actor, tcpdump string) captured {
	b.Helper()
	cmd := exec.Command("nsenter", "--net="+from.netns(), tcpdump, "-n", "-Z", "root", "-i", "v0", "-B", "16384",
		"-s", strconv.Itoa(captureCut), "-w", "-", "port", "5001")
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	errs, err := cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	said := bufio.NewScanner(errs)
	for said.Scan() && !strings.Contains(said.Text(), "listening on") {
	}
	c := captured{rate: flood(b, from)}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		b.Fatal(err)
	}
	for said.Scan() {
		m := tcpdumpCounts.FindStringSubmatch(said.Text())
		if m == nil {
			continue
		}
		n, _ := strconv.ParseUint(m[1], 10, 64) // digits
		if strings.HasPrefix(m[2], "received") {
			c.seen = n
		} else {
			c.lost = n
		}
	}
	if err := cmd.Wait(); err != nil {
		b.Fatal(err)
	}
	c.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return c
}

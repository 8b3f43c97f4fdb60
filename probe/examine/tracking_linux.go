package examine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/probe/conntrack"
	"github.com/snattop/snattop/probe/facts"
	"github.com/snattop/snattop/probe/netns"
)

func lookTracking(ctx context.Context, place Place, _ facts.Ask, s *facts.Section) {
	t := &facts.Tracking{}
	s.Tracking = t
	if text, err := os.ReadFile(filepath.Join(place.Proc, "meminfo")); err == nil {
		t.MemTotalKB = memTotal(string(text))
	}
	host, err := hostNetwork(place.Proc)
	if err != nil {
		s.Error = sanitize.Text(err.Error())
		return
	}
	readLog(ctx, place, host.Inode, t)
	thread := netns.NewThread()
	defer thread.Close()
	buf := make([]byte, 64<<10)
	read := func() (st conntrack.Stats, err error) {
		err = thread.Do(ctx, host, func() (err error) {
			st, err = conntrack.ReadStats(buf)
			return err
		})
		return st, err
	}
	began := time.Now()
	first, err := read()
	if err != nil {
		s.Error = sanitize.Text("reading the connection tracking table: " + err.Error())
		return
	}
	t.Count, t.Max = first.Count, first.Max
	if pause(ctx, place.Window) != nil {
		return
	}
	second, err := read()
	if err != nil {
		return // what the first look saw holds
	}
	t.Millis = max(1, time.Since(began).Milliseconds())
	t.Count, t.Max = max(first.Count, second.Count), second.Max
	t.InsertFailed, t.Drop, t.EarlyDrop = since(first.InsertFailed, second.InsertFailed), since(first.Drop, second.Drop), since(first.EarlyDrop, second.EarlyDrop)
}

// maxRecords bounds what is read of the kernel's log; its buffer is a megabyte
// or so.
const maxRecords = 50_000

// readLog looks for the kernel's words on a full table. The log is read without
// waiting for more, and nothing of it is taken away from other readers.
func readLog(ctx context.Context, place Place, host uint64, t *facts.Tracking) {
	up, err := uptime(place.Proc)
	if err != nil {
		t.LogError = sanitize.Text(err.Error())
		return
	}
	fd, err := openLog(place.HostRoot)
	if err != nil {
		t.LogError = "reading the kernel's log (/dev/kmsg): " + err.Error()
		return
	}
	defer func() { _ = unix.Close(fd) }() // it was only read
	buf := make([]byte, 8<<10)
	for range maxRecords {
		if ctx.Err() != nil {
			return
		}
		n, err := unix.Read(fd, buf)
		switch {
		case errors.Is(err, unix.EAGAIN) || err == nil && n == 0:
			return
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EPIPE), errors.Is(err, unix.EINVAL):
			continue // EPIPE: records were overwritten; EINVAL: one is longer than the buffer
		case err != nil:
			t.LogError = "reading the kernel's log (/dev/kmsg): " + err.Error()
			return
		}
		if at, text, ok := fullTable(string(buf[:n]), host); ok {
			t.Logged++
			t.Log, t.LogSeconds = text, max(0, int64((up-at)/time.Second))
		}
	}
}

// openLog opens the log of the node's /dev, or of our own: a privileged pod has
// both.
func openLog(root string) (int, error) {
	var last error
	for _, path := range []string{"/dev/kmsg", filepath.Join(root, "dev/kmsg")} {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			last = err
			continue
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR {
			last = fmt.Errorf("%s is no device", path)
			_ = unix.Close(fd) // it was not read
			continue
		}
		return fd, nil
	}
	return -1, last
}

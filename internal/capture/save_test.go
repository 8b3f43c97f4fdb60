package capture

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/capture"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeStream is a node that captures by a script. It ends with the script, or
// when it is closed.
type fakeStream struct {
	*io.PipeReader
	out   *io.PipeWriter
	leash chan struct{}
	once  sync.Once
	done  chan struct{}
	err   error
}

// node runs script as the probe.
func node(script func(enc *capture.Encoder, leash <-chan struct{}) error) *fakeStream {
	s := &fakeStream{leash: make(chan struct{}), done: make(chan struct{})}
	s.PipeReader, s.out = io.Pipe()
	go func() {
		defer close(s.done)
		s.err = script(capture.NewEncoder(s.out), s.leash)
		_ = s.out.CloseWithError(s.err)
	}()
	return s
}

func (s *fakeStream) CloseStdin() error { s.once.Do(func() { close(s.leash) }); return nil }
func (s *fakeStream) Wait() error       { <-s.done; return s.err }
func (s *fakeStream) Close(grace time.Duration) {
	_ = s.CloseStdin()
	if grace > 0 { // what is still told is not wanted
		_, _ = io.Copy(io.Discard, s.PipeReader)
	}
	_ = s.PipeReader.Close()
	<-s.done
}

func started() capture.Message {
	return capture.Message{Start: &capture.Start{
		Interface: "veth7", Within: "the node", Link: capture.Ethernet, Snaplen: 128, Filter: "tcp and port 443", Hostname: "node1",
		Kernel: "6.1", Notes: []string{"veth7 is the node's end of the pod's eth0"}, UnixNanos: 1_700_000_000_000_000_000,
	}}
}

func some(n, size int, counts capture.Counts) capture.Message {
	var records []byte
	for i := range n {
		records = capture.AppendRecord(records, capture.Packet{UnixNanos: int64(i), Length: uint32(size) + 9, Direction: capture.Inbound, Data: make([]byte, size)})
	}
	return capture.Message{Packets: &capture.Packets{Records: records, Counts: counts}}
}

func ended(reason string, counts capture.Counts) capture.Message {
	return capture.Message{End: &capture.End{Reason: reason, Counts: counts}}
}

// says is a script that tells messages and ends.
func says(messages ...capture.Message) func(*capture.Encoder, <-chan struct{}) error {
	return func(enc *capture.Encoder, _ <-chan struct{}) error {
		for _, m := range messages {
			if err := enc.Encode(m); err != nil {
				return err
			}
		}
		return nil
	}
}

func options() Options {
	return Options{MaxSize: 1 << 20, About: About{Target: "pod shop/web on node node1", Context: "prod", By: "jane@desk", Version: "v1"}}
}

func TestSave(t *testing.T) {
	stderr := func(text string) func(*capture.Encoder, <-chan struct{}) error {
		return func(*capture.Encoder, <-chan struct{}) error {
			return k8s.Doing(&k8s.ExitError{Code: 1, Stderr: text}, "exec", "pod kube-system/x")
		}
	}
	tests := []struct {
		name    string
		script  func(*capture.Encoder, <-chan struct{}) error
		packets uint64
		ended   string
		err     string
		nothing bool
	}{
		{"to its end", says(started(), some(3, 100, capture.Counts{Seen: 5, Kernel: 1, Queue: 1}), ended(capture.EndDuration, capture.Counts{Seen: 5, Kernel: 1, Queue: 1})), 3, "its time was up", "", false},
		{"without packets", says(started(), ended(capture.EndLeash, capture.Counts{})), 0, "stopped", "", false},
		{"until it fails", says(started(), some(2, 9, capture.Counts{Seen: 2}), capture.Message{End: &capture.End{Reason: "the interface went down", Failed: true}}), 2, "the interface went down",
			"the capture ended early: the interface went down", false},
		{"until it breaks", says(started(), some(2, 9, capture.Counts{Seen: 2})), 2, "the stream broke", "ended without a word", false},
		{"that never begins", stderr("snattop-probe: there is no interface \"x\""), 0, "", `there is no interface "x"`, true},
		{"of something else", says(ended("x", capture.Counts{})), 0, "", "the probe's stream is broken: frame at byte 0", true},
		{"of nothing", says(), 0, "", "ended without a word", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var file bytes.Buffer
				got, whole, err := Save(t.Context(), node(tt.script), &file, options())
				if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) || err != nil && strings.Contains(err.Error(), "snattop-probe") {
					t.Errorf("%v, want %q", err, tt.err)
				}
				if got.Packets != tt.packets || got.Ended != tt.ended || whole != int64(file.Len()) || (whole == 0) != tt.nothing {
					t.Errorf("%+v, %d of %d bytes", got, whole, file.Len())
				}
			})
		})
	}
}

func TestFileSaysWhatItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var file bytes.Buffer
		if _, _, err := Save(t.Context(), node(says(started(), some(1, 9, capture.Counts{Seen: 9, Queue: 8}), ended(capture.EndSize, capture.Counts{Seen: 9, Queue: 8}))), &file, options()); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"snattop captured pod shop/web on node node1 of the cluster prod\ninterface: veth7 of the node\nnote: veth7 is the node's end of the pod's eth0\n" +
				"filter: tcp and port 443\nkept of each packet: 128 bytes at most\nsince: 2023-11-14T22:13:20Z by the clock of node1, as all times here\nby: jane@desk",
			"veth7 of the node, for pod shop/web on node node1", "snattop v1", "Linux 6.1",
			"not in this file: 0 packets for which the node's kernel had no room, 8 for which the way here was too slow; ended: its size was reached",
		} {
			if !bytes.Contains(file.Bytes(), []byte(want)) {
				t.Errorf("the file does not say %q", want)
			}
		}
	})
}

// untilStopped is a probe that tells a packet a second until its leash is let
// go, and then obeys or not.
func untilStopped(obeys bool) func(*capture.Encoder, <-chan struct{}) error {
	return func(enc *capture.Encoder, leash <-chan struct{}) error {
		if err := enc.Encode(started()); err != nil {
			return err
		}
		for n := uint64(1); ; n++ {
			if err := enc.Encode(some(1, 50, capture.Counts{Seen: n})); err != nil {
				return err
			}
			select {
			case <-leash:
				if obeys {
					return enc.Encode(ended(capture.EndLeash, capture.Counts{Seen: n}))
				}
				time.Sleep(time.Second)
			case <-time.After(time.Second):
			}
		}
	}
}

func TestSaveIsStopped(t *testing.T) {
	tests := []struct {
		name     string
		obeys    bool
		after    time.Duration // that the operator stops it
		duration time.Duration
		took     time.Duration
		ended    string
	}{
		{"by the operator", true, 5 * time.Second, time.Minute, 5 * time.Second, "stopped"},
		{"by the operator, against its will", false, 5 * time.Second, time.Minute, 5*time.Second + endGrace, "stopped before all was told"},
		{"by its time, from here", true, time.Hour, 10 * time.Second, 10*time.Second + overtime, "stopped"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tt.after)
				defer cancel()
				opts := options()
				opts.Duration = tt.duration
				var told []Progress
				opts.Progress = func(p Progress) { told = append(told, p) }
				began := time.Now()
				got, whole, err := Save(ctx, node(untilStopped(tt.obeys)), io.Discard, opts)
				if took := time.Since(began); err != nil || whole == 0 || got.Ended != tt.ended || took < tt.took || took > tt.took+time.Second {
					t.Errorf("%v after %s: %+v", err, took, got)
				}
				if len(told) < 5 || told[1].Interface != "veth7" || told[3].Packets < 2 || told[len(told)-1].Ended == "" {
					t.Errorf("told %+v", told)
				}
			})
		})
	}
}

func TestSaveIsStoppedBeforeItBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, whole, err := Save(ctx, node(func(_ *capture.Encoder, leash <-chan struct{}) error { <-leash; return nil }), io.Discard, options())
		if !errors.Is(err, context.DeadlineExceeded) || whole != 0 {
			t.Errorf("%v, %d bytes", err, whole)
		}
	})
}

func TestSilentProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := &fakeStream{leash: make(chan struct{}), done: make(chan struct{})}
		stream.PipeReader, stream.out = io.Pipe()
		close(stream.done)
		_, _, err := Save(t.Context(), stream, io.Discard, options())
		if err == nil || !strings.Contains(err.Error(), "said nothing for 30s") {
			t.Error(err)
		}
	})
}

// A file never grows beyond its bound, whatever the node sends.
func TestSaveKeepsItsSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := options()
		opts.MaxSize = MinSize
		var file bytes.Buffer
		got, whole, err := Save(t.Context(), node(func(enc *capture.Encoder, leash <-chan struct{}) error {
			err := enc.Encode(started())
			for n := 0; err == nil; n += 100 {
				select {
				case <-leash:
					return enc.Encode(ended(capture.EndLeash, capture.Counts{Seen: uint64(n)}))
				default:
					err = enc.Encode(some(100, 128, capture.Counts{Seen: uint64(n), Queue: uint64(n)}))
				}
			}
			return err
		}), &file, opts)
		if err != nil || whole > MinSize || whole < MinSize-statsRoom-200 || got.Ended != "its size was reached" {
			t.Errorf("%v: %d bytes, %+v", err, whole, got)
		}
	})
}

// small is a disk that fills up.
type small struct {
	bytes.Buffer
	room int
}

func (s *small) Write(p []byte) (int, error) {
	if n := s.room - s.Len(); n < len(p) {
		_, _ = s.Buffer.Write(p[:n])
		return n, &os.PathError{Op: "write", Path: "x.pcapng", Err: syscall.ENOSPC}
	}
	return s.Buffer.Write(p)
}

func TestSaveOnAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &small{room: 5001}
		stream := node(untilStopped(true))
		got, whole, err := Save(t.Context(), stream, disk, options())
		if err == nil || !strings.Contains(err.Error(), "the disk here is full") || !errors.Is(err, syscall.ENOSPC) {
			t.Error(err)
		}
		if whole == 0 || whole > 5001 || got.Packets == 0 || got.Ended != "the file could not be written" || stream.err != nil {
			t.Errorf("%d bytes, %+v, the probe ended with %v", whole, got, stream.err)
		}
	})
}

func TestToFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.pcapng")
	open := func(script func(*capture.Encoder, <-chan struct{}) error) func(context.Context) (Stream, error) {
		return func(context.Context) (Stream, error) { return node(script), nil }
	}
	if _, err := ToFile(t.Context(), path, open(says()), options()); err == nil {
		t.Error("a capture of nothing went well")
	}
	if _, err := ToFile(t.Context(), path, func(context.Context) (Stream, error) { return nil, errors.New("no way in") }, options()); err == nil || err.Error() != "no way in" {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file without a capture stays: %v", err)
	}
	script := says(started(), some(3, 100, capture.Counts{Seen: 3}), ended(capture.EndDuration, capture.Counts{Seen: 3}))
	got, err := ToFile(t.Context(), path, open(script), options())
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil || st.Size() != got.Bytes || st.Mode().Perm() != 0o600 {
		t.Errorf("%v: %+v, %+v", err, st, got)
	}
	asked := false
	_, err = ToFile(t.Context(), path, func(context.Context) (Stream, error) { asked = true; return nil, nil }, options())
	if !errors.Is(err, os.ErrExist) || asked {
		t.Errorf("a file that was there: %v, the cluster was asked: %t", err, asked)
	}
	if now, err := os.Stat(path); err != nil || now.Size() != st.Size() {
		t.Errorf("it is not what it was: %v", err)
	}
}

func TestFileName(t *testing.T) {
	now := time.Date(2026, 11, 29, 1, 30, 0, 0, time.UTC)
	for target, want := range map[string]string{
		"shop/web-1": "shop-web-1-20261129-013000.pcapng", "node/a.example": "node-a.example-20261129-013000.pcapng",
		"../../etc": "etc-20261129-013000.pcapng", "a\x1b[31mb": "a--31mb-20261129-013000.pcapng", "": "20261129-013000.pcapng",
	} {
		if got := FileName(target, now); got != want {
			t.Errorf("%q: %q, want %q", target, got, want)
		}
	}
	if got := FileName(strings.Repeat("x", 500), now); len(got) > 200 {
		t.Errorf("%d characters", len(got))
	}
}

func TestWanted(t *testing.T) {
	ok := Wanted{Snaplen: 128, MaxSize: MinSize, Duration: time.Second}
	if err := ok.Check(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*Wanted){
		"65536": func(w *Wanted) { w.Snaplen = 65536 }, "65535 bytes": func(w *Wanted) { w.MaxSize = MinSize - 1 },
		"1s to 1h": func(w *Wanted) { w.Duration = time.Hour + 1 }, "1s to": func(w *Wanted) { w.Duration = 0 },
	} {
		w := ok
		change(&w)
		if err := w.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	c := ok.ConfigFor(&inventory.Pod{UID: "u", Containers: []inventory.Container{{Name: "a", ID: "1"}}})
	if got := strings.Join(c.Flags(), " "); got != "--pod u --container 1 --snaplen 128 --duration 1s --max-bytes 49152" {
		t.Error(got)
	}
}

package k8s

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/remotecommand"
	utilexec "k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"
)

// fakeExec is a program on the other side of an exec stream.
type fakeExec func(ctx context.Context, o remotecommand.StreamOptions) error

func (f fakeExec) Stream(o remotecommand.StreamOptions) error { return f(context.Background(), o) }
func (f fakeExec) StreamWithContext(ctx context.Context, o remotecommand.StreamOptions) error {
	return f(ctx, o)
}

var somewhere = Target{Namespace: "ns", Pod: "p", Container: "c"}

func TestStreamEnds(t *testing.T) {
	tests := []struct {
		name string
		run  fakeExec
		want string // in the error; "" for a good end
		code int
	}{
		{"well", func(_ context.Context, o remotecommand.StreamOptions) error {
			_, err := io.WriteString(o.Stdout, "hello")
			return err
		}, "", 0},
		{"exit code", func(_ context.Context, o remotecommand.StreamOptions) error {
			_, _ = io.WriteString(o.Stderr, strings.Repeat("x", 10000)+"\nno such\nflag")
			return utilexec.CodeExitError{Err: errors.New("e"), Code: 2}
		}, "no such flag", 2},
		{"broken", func(context.Context, remotecommand.StreamOptions) error { return io.ErrUnexpectedEOF }, "unexpected EOF", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := startStream(t.Context(), somewhere, tt.run)
			_, rerr := io.ReadAll(s)
			err := s.Wait()
			if !errors.Is(rerr, err) {
				t.Errorf("Read said %v, Wait %v", rerr, err)
			}
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if err != nil && len(err.Error()) > 2*stderrKept {
				t.Errorf("error of %d bytes", len(err.Error()))
			}
			var exit *ExitError
			if errors.As(err, &exit) != (tt.code != 0) || exit != nil && exit.Code != tt.code {
				t.Errorf("exit %v, want code %d", exit, tt.code)
			}
			s.Close(0)
		})
	}
}

func TestStreamCloseLetsTheProgramSayGoodbye(t *testing.T) {
	said := make(chan string, 1)
	s := startStream(t.Context(), somewhere, fakeExec(func(_ context.Context, o remotecommand.StreamOptions) error {
		_, _ = io.Copy(io.Discard, o.Stdin)
		said <- "bye"
		// Nobody reads: this must not hang.
		_, err := o.Stdout.Write(make([]byte, 1<<20))
		return err
	}))
	s.Close(time.Minute)
	if <-said != "bye" || s.Wait() != nil {
		t.Errorf("ended with %v", s.Wait())
	}
	if _, err := s.Write([]byte("x")); err == nil {
		t.Error("wrote to a closed stream")
	}
}

func TestStreamCloseBreaksWhatDoesNotEnd(t *testing.T) {
	s := startStream(t.Context(), somewhere, fakeExec(func(ctx context.Context, _ remotecommand.StreamOptions) error {
		<-ctx.Done()
		return ctx.Err()
	}))
	s.Close(time.Millisecond)
	if KindOf(s.Wait()) != KindCanceled {
		t.Errorf("ended with %v", s.Wait())
	}
}

func TestShouldFallBack(t *testing.T) {
	gone := apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, "p")
	denied := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "p", errors.New("no"))
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{&httpstream.UpgradeFailureError{Cause: errors.New("bad handshake")}, true},
		{&httpstream.UpgradeFailureError{Cause: denied}, true},
		{fmt.Errorf("proxy: unknown scheme: https"), true},
		{io.ErrUnexpectedEOF, false},
		{&httpstream.UpgradeFailureError{Cause: errors.New("error dialing backend: timeout")}, false},
		{gone, false},
	} {
		if got := shouldFallBack(tt.err); got != tt.want {
			t.Errorf("%v: %t", tt.err, got)
		}
	}
}

// local runs commands on this machine as if in a container; change may spoil
// the command line.
func local(t *testing.T, change func([]string) []string, cut func(io.Reader) io.Reader) runner {
	t.Helper()
	return func(ctx context.Context, target Target, command []string, stdin io.Reader, limit int64) ([]byte, error) {
		command = change(command)
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		if stdin != nil {
			cmd.Stdin = cut(stdin)
		}
		out, err := cmd.Output()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = &Error{Object: target.String(), What: "exit", Err: &ExitError{Code: exit.ExitCode(), Stderr: string(exit.Stderr)}}
		}
		return out[:min(int64(len(out)), limit)], err
	}
}

func TestUpload(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no shell")
	}
	data := append([]byte("#!/bin/sh\necho it runs\n"), make([]byte, 1<<20)...)
	digest := sha256.Sum256(data)
	sum := hex.EncodeToString(digest[:])
	same := func(c []string) []string { return c }
	whole := func(r io.Reader) io.Reader { return r }
	short := func(times int) func(io.Reader) io.Reader {
		return func(r io.Reader) io.Reader {
			if times--; times >= 0 {
				return io.LimitReader(r, 96<<10)
			}
			return r
		}
	}
	dir := t.TempDir()
	tests := []struct {
		name string
		dirs []string
		run  runner
		want string // in the error
	}{
		{"whole", []string{dir}, local(t, same, whole), ""},
		{"second directory", []string{"/proc/none", dir}, local(t, same, whole), ""},
		{"cut short once", []string{dir}, local(t, same, short(1)), ""},
		{"cut short twice", []string{dir}, local(t, same, short(2)), "sent was " + sum},
		{"no sha256sum", []string{dir}, local(t, func(c []string) []string {
			for i := range c {
				c[i] = strings.Replace(c[i], "command -v sha256sum", "command -v no-such-program", 1)
			}
			return c
		}, whole), ""},
		{"nowhere to write", []string{"/proc/none", "/proc/neither"}, local(t, same, whole), "no directory takes a program"},
		{"no shell", []string{dir}, func(context.Context, Target, []string, io.Reader, int64) ([]byte, error) {
			return nil, errors.New(`exec: "/bin/sh": stat /bin/sh: no such file or directory`)
		}, "no /bin/sh; use --image"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var sent int64
			path, err := upload(t.Context(), tt.run, Upload{Target: somewhere, Dirs: tt.dirs, Name: "probe", Lease: filepath.Join(dir, "lease"),
				Bytes: data, SHA256: sum, Progress: func(n, total int64) { sent = n }})
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
				return
			}
			if err != nil || path != filepath.Join(dir, "probe") || sent != int64(len(data)) {
				t.Fatalf("got %q, %v after %d bytes", path, err, sent)
			}
			out, err := exec.Command("sh", path).Output()
			if err != nil || !bytes.HasPrefix(out, []byte("it runs")) {
				t.Errorf("it does not run: %q %v", out, err)
			}
		})
	}
}

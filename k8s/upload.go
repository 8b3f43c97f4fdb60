package k8s

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// Upload is a file on its way into a container.
type Upload struct {
	Target Target
	// Dirs are the directories to try, in order; the first one that takes the
	// file and lets it run serves.
	Dirs []string
	// Name is the file's name.
	Name string
	// Lease is touched while the upload lasts; may be empty.
	Lease string
	Bytes []byte
	// SHA256 is the digest of Bytes in lower-case hexadecimal digits.
	SHA256 string
	// Progress takes bytes sent and in all, as they go; it may be nil.
	Progress func(sent, total int64)
}

// ErrNoShell means that a container has no /bin/sh to receive a file with.
var ErrNoShell = errors.New("the container has no shell")

const noSum = "no-sha256sum"

// runner runs a program to its end; Client.Run, or a test's stand-in.
type runner func(ctx context.Context, target Target, command []string, stdin io.Reader, limit int64) ([]byte, error)

// Upload sends a file over exec's standard input, makes it executable and
// returns its path in the container. The file is proved by its digest before
// this returns: standard input can be cut short and the exit code still be 0.
// A short upload is repeated once.
func (c *Client) Upload(ctx context.Context, u Upload) (string, error) {
	return upload(ctx, c.Run, u)
}

func upload(ctx context.Context, run runner, u Upload) (string, error) {
	var last error
	for range 2 {
		dest, sum, err := sendOnce(ctx, run, u)
		if err != nil {
			return "", err
		}
		if sum == u.SHA256 {
			return dest, nil
		}
		last = fmt.Errorf("the file arrived damaged: its SHA-256 is %s, sent was %s", sum, u.SHA256)
	}
	return "", Doing(last, "uploading the probe", u.Target.String())
}

// sendOnce sends the file once and returns where it lies and its digest.
func sendOnce(ctx context.Context, run runner, u Upload) (dest, sum string, err error) {
	in := &counted{r: bytes.NewReader(u.Bytes), total: int64(len(u.Bytes)), tell: u.Progress}
	out, err := run(ctx, u.Target, []string{"/bin/sh", "-c", uploadScript(u)}, in, 64<<10)
	if err != nil {
		if isNoShell(err) {
			return "", "", &Error{Kind: KindOther, Doing: "uploading the probe", Object: u.Target.String(),
				What: "the container has no /bin/sh", Hint: "use --image with an image that has a shell", Err: fmt.Errorf("%w: %w", ErrNoShell, err)}
		}
		var exit *ExitError
		if errors.As(err, &exit) && exit.Code == 97 {
			return "", "", &Error{Kind: KindOther, Doing: "uploading the probe", Object: u.Target.String(),
				What: "no directory takes a program: tried " + strings.Join(u.Dirs, "/ ") + "/", Hint: "use --image with another image", Err: err}
		}
		return "", "", Doing(err, "uploading the probe", u.Target.String())
	}
	// Two lines: the path, and what sha256sum said.
	first, second, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	dest = strings.TrimSpace(first)
	sum, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimSpace(second), `\`), " ")
	if sum != noSum {
		return dest, sum, nil
	}
	back, err := run(ctx, u.Target, []string{"cat", dest}, nil, int64(len(u.Bytes))+1)
	if err != nil {
		return "", "", Doing(err, "reading the uploaded probe back", u.Target.String())
	}
	digest := sha256.Sum256(back)
	return dest, hex.EncodeToString(digest[:]), nil
}

// uploadScript receives a file on standard input. The shell itself stays, so
// standard output stays open while cat copies: once it closes, containerd
// stops copying. On failure it swallows the rest: input that nobody reads
// blocks the way through the API server, heartbeats and exit code included,
// until the connection times out. The file gets its name only when it is whole.
func uploadScript(u Upload) string {
	var b strings.Builder
	// A directory serves when a program in it runs; noexec mounts fail here.
	b.WriteString(`f=; for c in`)
	for _, d := range u.Dirs {
		b.WriteString(` "` + d + `"`)
	}
	b.WriteString(`; do t="$c/.snattop-$$"; `)
	b.WriteString(`if (printf '#!/bin/sh\nexit 0\n' >"$t" && chmod 0700 "$t" && "$t") 2>/dev/null; then rm -f "$t"; f="$c/` + path.Base(u.Name) + `"; break; fi; `)
	b.WriteString(`rm -f "$t" 2>/dev/null; done; [ -n "$f" ] || { cat >/dev/null; exit 97; }; `)
	if u.Lease != "" {
		b.WriteString(`(while :; do : >` + u.Lease + `; sleep 20; done) >/dev/null 2>&1 & k=$!; `)
	}
	// A running program's file cannot be written to, but it can be replaced.
	b.WriteString(`rm -f "$f"; cat >"$f.part"; r=$?; cat >/dev/null; `)
	if u.Lease != "" {
		b.WriteString(`kill $k 2>/dev/null; `)
	}
	b.WriteString(`[ $r = 0 ] && chmod 0755 "$f.part" && mv "$f.part" "$f" || exit 98; echo "$f"; `)
	b.WriteString(`if command -v sha256sum >/dev/null 2>&1; then sha256sum "$f"; else echo ` + noSum + `; fi; :`)
	return b.String()
}

// isNoShell knows how runtimes say that a program is missing.
func isNoShell(err error) bool {
	var exit *ExitError
	if errors.As(err, &exit) && exit.Code == 127 {
		return true
	}
	text := err.Error()
	return strings.Contains(text, "/bin/sh") &&
		(strings.Contains(text, "no such file or directory") || strings.Contains(text, "executable file not found"))
}

// counted tells how much of a reader has been read.
type counted struct {
	r           io.Reader
	sent, total int64
	tell        func(sent, total int64)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.sent += int64(n)
	if c.tell != nil && n > 0 {
		c.tell(c.sent, c.total)
	}
	return n, err
}

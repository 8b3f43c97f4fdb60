package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// ToFile captures into a new file, which it creates before it opens the
// stream: what is wrong with the file costs the cluster nothing. The file holds
// what was captured, also after an error; it is not there when that is nothing.
// The error is one line.
func ToFile(ctx context.Context, path string, open func(context.Context) (Stream, error), opts Options) (result Progress, err error) {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return Progress{}, fmt.Errorf("creating the capture file: %w", err)
	}
	var whole int64
	defer func() {
		if whole == 0 {
			err = errors.Join(err, out.Close(), os.Remove(path))
			return
		}
		// A disk that was full may hold half a block behind the last.
		terr := out.Truncate(whole)
		if cerr := out.Close(); terr == nil {
			terr = cerr
		}
		if err == nil && terr != nil {
			err = disk(terr)
		}
	}()
	stream, err := open(ctx)
	if err != nil {
		return Progress{}, err
	}
	result, whole, err = Save(ctx, stream, out, opts)
	return result, err
}

// FileName returns a name for a capture of a target, which may be a pod's or a
// node's, that no other capture has: "shop-web-20261129-013000.pcapng".
func FileName(target string, now time.Time) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '.', r == '_':
			return r
		default:
			return '-'
		}
	}, target)
	clean = strings.Trim(clean, "-.")
	const longest = 120
	if len(clean) > longest {
		clean = clean[:longest]
	}
	return strings.TrimPrefix(clean+"-"+now.UTC().Format("20060102-150405")+".pcapng", "-")
}

package azure

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// maxBody bounds an answer, decompressed. A thousand series of twenty points
// are about 2 MB.
const maxBody = 16 << 20

var errTooLarge = errors.New("the answer is larger than 16 MiB")

// transport is the last step of every request: it bounds the answer, follows
// no redirect, because a token is not for other hosts, and reads the clock of
// whoever answers.
type transport struct {
	client http.Client
	now    func() time.Time

	mu   sync.Mutex // guards what follows
	skew time.Duration
}

func newTransport(rt http.RoundTripper, now func() time.Time) *transport {
	t := &transport{now: now}
	t.client = http.Client{
		Transport:     rt,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return t
}

// Do implements policy.Transporter.
func (t *transport) Do(req *http.Request) (*http.Response, error) {
	resp, err := t.client.Do(req) //nolint:gosec // the host is the operator's choice, and links to others are not followed
	if err != nil {
		return nil, err // as it is: the pipeline looks at it
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		t.mu.Lock()
		t.skew = date.Sub(t.now())
		t.mu.Unlock()
	}
	resp.Body = &bounded{body: resp.Body, left: maxBody}
	return resp, nil
}

// clock returns how far the other side's clock is ahead of ours, as of the
// last answer. The Date of an answer has whole seconds.
func (t *transport) clock() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.skew
}

// bounded is a body that fails when it grows too large.
type bounded struct {
	body io.ReadCloser
	left int64
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLarge
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return 0, errTooLarge
	}
	return n, err // as it is: io.EOF has to stay what it is
}

// Close implements io.Closer.
func (b *bounded) Close() error { return b.body.Close() }

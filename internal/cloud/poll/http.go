package poll

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// MaxAnswer is the size of the largest answer that is read, in bytes.
const MaxAnswer = 16 << 20

// ErrTooLong is told of an answer beyond MaxAnswer.
var ErrTooLong = fmt.Errorf("the answer is longer than %d MiB", MaxAnswer>>20)

// Client is an HTTP client that follows no redirect, because a redirect would
// take the credential to another host, ends each exchange after Timeout, and
// reads no answer beyond MaxAnswer. base is what it sends through; nil is Go's
// default, which heeds HTTPS_PROXY.
func Client(base http.RoundTripper) *http.Client {
	if base == nil {
		base = http.DefaultTransport
	}
	return &http.Client{
		Transport:     bounded{base},
		Timeout:       Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type bounded struct{ base http.RoundTripper }

func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.base.RoundTrip(req)
	if err != nil {
		return nil, err //nolint:wrapcheck // http.Client wraps it
	}
	resp.Body = &limited{body: resp.Body, left: MaxAnswer}
	return resp, nil
}

type limited struct {
	body io.ReadCloser
	left int
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		// One byte more tells a long answer from one that ends just here.
		var one [1]byte
		if n, err := l.body.Read(one[:]); n == 0 {
			return 0, err
		}
		return 0, ErrTooLong
	}
	n, err := l.body.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

func (l *limited) Close() error { return l.body.Close() }

// Endpoint checks the address that an operator gave in place of a cloud's own.
// plain means that it speaks HTTP without TLS: that is allowed on this machine
// alone, and nobody's credential is to be sent there.
func Endpoint(s string) (u *url.URL, plain bool, err error) {
	u, err = url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		// The address itself may hold a password, so it is not repeated.
		return nil, false, errors.New("the endpoint is no plain URL: write https://HOST, or http://127.0.0.1:PORT for a test")
	}
	switch u.Scheme {
	case "https":
	case "http":
		if !loopback(u.Hostname()) {
			return nil, false, fmt.Errorf("the endpoint at %s is not encrypted: use https, or http on 127.0.0.1 alone", Short(u.Host))
		}
		plain = true
	default:
		return nil, false, fmt.Errorf("the endpoint's scheme %q is not known: use https", Short(u.Scheme))
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u, plain, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// RetryAfter reads a Retry-After header (RFC 9110, 10.2.3): seconds or a date.
// It is 0 when there is none that makes sense.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.Atoi(v); err == nil {
		return time.Duration(min(max(seconds, 0), int(Slow/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(at.Sub(now), 0), Slow)
	}
	return 0
}

// MaxSkew is how far this machine's clock may be from a cloud's before it is
// told.
const MaxSkew = 2 * time.Minute

// Ahead is how far this machine's clock is ahead of a server's, by the Date of
// an answer; 0 when that cannot be told or is no more than MaxSkew.
func Ahead(h http.Header, now time.Time) time.Duration {
	at, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	if skew := now.Sub(at); skew.Abs() > MaxSkew {
		return skew.Round(time.Second)
	}
	return 0
}

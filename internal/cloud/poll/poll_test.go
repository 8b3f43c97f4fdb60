package poll_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/cloud/poll"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var t0 = time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC)

// hand is a clock that a test moves: each wait is told, and ends when the test
// says so.
type hand struct {
	now   time.Time
	waits chan time.Duration
	fire  chan time.Time
}

func newHand() *hand {
	return &hand{now: t0, waits: make(chan time.Duration, 8), fire: make(chan time.Time)}
}

func (h *hand) clock() poll.Clock {
	return poll.Clock{
		Now:   func() time.Time { return h.now },
		After: func(d time.Duration) <-chan time.Time { h.waits <- d; return h.fire },
	}
}

func number(n int) *int { return &n }

// watching runs Watch and returns what feeds and ends it.
func watching(t *testing.T, h *hand, ask poll.Asker) (nodes chan []cloud.Node, told chan cloud.Reading) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	nodes, told = make(chan []cloud.Node), make(chan cloud.Reading, 8)
	ended := make(chan error, 1)
	go func() {
		ended <- poll.Watch(ctx, h.clock(), cloud.Reading{Source: "Test"}, nodes, ask, func(r cloud.Reading) { told <- r })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Watch ended with %v", err)
		}
	})
	return nodes, told
}

func TestWatchAsksAtItsPace(t *testing.T) {
	h := newHand()
	rounds := make(chan poll.Round, 8)
	nodes, told := watching(t, h, func(context.Context, []cloud.Node) poll.Round { return <-rounds })
	nodes <- []cloud.Node{{Name: "a"}}
	for _, c := range []struct{ asked, held time.Duration }{
		{0, poll.Every},
		{time.Second, poll.Every},
		{3 * time.Minute, 3 * time.Minute},
		{time.Hour, poll.Slow},
	} {
		rounds <- poll.Round{Wait: c.asked}
		<-told
		if got := <-h.waits; got != c.held {
			t.Errorf("a wait of %v was held at %v, want %v", c.asked, got, c.held)
		}
		h.fire <- h.now
	}
	rounds <- poll.Round{}
	<-told
	<-h.waits
}

func TestWatchWaitsForItsOwnNodes(t *testing.T) {
	h := newHand()
	nodes, told := watching(t, h, func(_ context.Context, nodes []cloud.Node) poll.Round {
		return poll.Round{Idle: nodes[0].Name == "stranger", Reading: cloud.Reading{Source: nodes[0].Name}}
	})
	nodes <- []cloud.Node{{Name: "stranger"}}
	<-h.waits // nothing was told, and nothing of ours is waited for
	nodes <- []cloud.Node{{Name: "ours"}}
	if r := <-told; r.Source != "ours" {
		t.Fatalf("told %+v", r)
	}
	<-h.waits
	// Followed by now: another set waits for its turn.
	nodes <- []cloud.Node{{Name: "soon"}}
	nodes <- []cloud.Node{{Name: "later"}} // taken, so what "soon" led to is over
	if n := len(h.waits); n != 0 {
		t.Fatalf("a change of nodes was asked about at once: %d rounds", n)
	}
	h.fire <- h.now
	if r := <-told; r.Source != "later" {
		t.Fatalf("told %+v", r)
	}
	<-h.waits
}

func TestWatchKeepsFiguresForAWhile(t *testing.T) {
	h := newHand()
	rounds := make(chan poll.Round, 1)
	nodes, told := watching(t, h, func(context.Context, []cloud.Node) poll.Round { return <-rounds })
	nodes <- []cloud.Node{{Name: "a"}, {InternalIP: "10.0.0.2"}, {Name: "c"}}
	rounds <- poll.Round{Reading: cloud.Reading{
		Nodes: []cloud.NodeReading{
			{Name: "a", At: t0}, {IP: "10.0.0.2", At: t0}, {Name: "c", At: t0}, {Name: "old", At: t0},
		},
		Gateway: &cloud.GatewayReading{At: t0, Open: number(7)},
		Profile: &cloud.Profile{Gateway: "g"},
	}}
	<-told
	<-h.waits
	nodes <- []cloud.Node{{Name: "a"}, {InternalIP: "10.0.0.2"}, {Name: "old"}}
	for _, c := range []struct {
		at    time.Time
		nodes int
	}{{t0.Add(poll.Stale), 3}, {t0.Add(poll.Stale + time.Second), 0}} {
		h.now = c.at
		h.fire <- h.now
		rounds <- poll.Round{Failed: true, Reading: cloud.Reading{Problems: []cloud.Problem{{What: "metrics"}}}}
		r := <-told
		if len(r.Nodes) != c.nodes || (r.Gateway != nil) != (c.nodes > 0) || r.Profile == nil || len(r.Problems) != 1 {
			t.Errorf("at %v: %+v", c.at.Sub(t0), r)
		}
		<-h.waits
	}
}

func TestWatchContainsAPanic(t *testing.T) {
	h := newHand()
	crash := make(chan any, 1)
	nodes, told := watching(t, h, func(_ context.Context, nodes []cloud.Node) poll.Round {
		thrown := <-crash
		if thrown == "index" {
			return poll.Round{Wait: time.Duration(nodes[1].Name[0])}
		}
		panic(thrown)
	})
	nodes <- nil
	for thrown, want := range map[any]string{
		"index":                             "index out of range",
		"Authorization: Bearer ya29.hush":   "(string)",
		errors.New("password=hunter2-hush"): "(*errors.errorString)",
	} {
		crash <- thrown
		r := <-told
		if len(r.Problems) != 1 || !strings.Contains(r.Problems[0].Sentence, want) || strings.Contains(r.Problems[0].Sentence, "hush") {
			t.Errorf("panic(%v) was told as %+v", thrown, r.Problems)
		}
		if r.Source != "Test" {
			t.Errorf("a panic lost the source: %+v", r)
		}
		if wait := <-h.waits; wait != poll.Slow {
			t.Errorf("asked again after %v", wait)
		}
		h.fire <- h.now
	}
	crash <- "last"
	<-told
	<-h.waits
}

func TestTally(t *testing.T) {
	t.Parallel()
	minute := func(n int) time.Time { return t0.Add(time.Duration(n) * time.Minute) }
	type add struct {
		minute int
		value  float64
	}
	for name, c := range map[string]struct {
		adds  []add
		value int
		end   int
		none  bool
	}{
		"nothing":                       {none: true},
		"the newest minute":             {adds: []add{{1, 10}, {2, 20}, {3, 30}}, value: 30, end: 3},
		"order does not matter":         {adds: []add{{3, 30}, {1, 10}, {2, 20}}, value: 30, end: 3},
		"zero is a value":               {adds: []add{{1, 10}, {2, 0}}, value: 0, end: 2},
		"a gap at the end":              {adds: []add{{1, 10}}, value: 10, end: 1},
		"a gap in between":              {adds: []add{{1, 10}, {3, 30}}, value: 30, end: 3},
		"series add up":                 {adds: []add{{1, 10}, {1, 5}}, value: 15, end: 1},
		"a minute that is filling up":   {adds: []add{{1, 10}, {1, 5}, {2, 12}}, value: 15, end: 1},
		"a series that has ended":       {adds: []add{{1, 10}, {1, 5}, {2, 12}, {3, 13}}, value: 13, end: 3},
		"a series that has come":        {adds: []add{{1, 10}, {2, 12}, {2, 1}}, value: 13, end: 2},
		"no count is negative":          {adds: []add{{1, 10}, {2, -1}}, value: 10, end: 1},
		"no count is infinite":          {adds: []add{{1, 10}, {2, math.Inf(1)}, {3, math.NaN()}}, value: 10, end: 1},
		"sums stay within an int32":     {adds: []add{{1, math.MaxInt32}, {1, math.MaxInt32}}, value: math.MaxInt32, end: 1},
		"an average of halves is round": {adds: []add{{1, 10.5}}, value: 11, end: 1},
	} {
		var tally poll.Tally
		for _, a := range c.adds {
			tally.Add(minute(a.minute), a.value)
		}
		value, end, ok := tally.Newest()
		if ok == c.none || ok && (value != c.value || !end.Equal(minute(c.end))) {
			t.Errorf("%s: %d at %v, %v; want %d at %v", name, value, end, ok, c.value, minute(c.end))
		}
	}
}

func TestNetworkSaysNothingOfTheURL(t *testing.T) {
	t.Parallel()
	const secret = "https://user:hunter2@proxy.example"
	for _, c := range []struct {
		err  error
		want string
	}{
		{&net.DNSError{Name: "monitoring.googleapis.com", IsNotFound: true}, "monitoring.googleapis.com does not resolve"},
		{context.DeadlineExceeded, "no answer within"},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, "refused"},
		{&net.OpError{Op: "proxyconnect", Err: syscall.ECONNREFUSED}, "HTTPS_PROXY"},
		{&net.OpError{Op: "dial", Err: syscall.ENETUNREACH}, "no way"},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, "broke"},
		{x509.UnknownAuthorityError{}, "not trusted"},
		{&tls.CertificateVerificationError{Err: errors.New("x")}, "not trusted"},
		{tls.RecordHeaderError{Msg: "x"}, "does not speak TLS"},
	} {
		words, ok := poll.Network(fmt.Errorf("asking: %w", &url.Error{Op: "Get", URL: secret, Err: c.err}))
		if !ok || !strings.Contains(words, c.want) || strings.Contains(words, "hunter2") {
			t.Errorf("%v: %q, %v; want %q", c.err, words, ok, c.want)
		}
	}
	if words, ok := poll.Network(errors.New("invalid proxy address " + secret)); ok {
		t.Errorf("an error of another kind was told as %q", words)
	}
}

func TestEndpoint(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://monitoring.googleapis.com": "encrypted",
		"https://private.example/prefix/":   "encrypted",
		"http://127.0.0.1:8080":             "plain",
		"http://[::1]:8080":                 "plain",
		"http://localhost":                  "plain",
		"http://10.0.0.1":                   "not encrypted",
		"http://localhost.example.com":      "not encrypted",
		"http://127.0.0.1.example.com":      "not encrypted",
		"ftp://127.0.0.1":                   "scheme",
		"monitoring.googleapis.com":         "no plain URL",
		"https://user:hunter2@example.com":  "no plain URL",
		"https://example.com?key=hunter2":   "no plain URL",
		"https://example.com/%zz-hunter2":   "no plain URL",
		"":                                  "no plain URL",
	} {
		u, plain, err := poll.Endpoint(in)
		got := "encrypted"
		switch {
		case err != nil:
			got = err.Error()
		case plain:
			got = "plain"
		}
		if !strings.Contains(got, want) || strings.Contains(got, "hunter2") {
			t.Errorf("Endpoint(%q) = %v, %q; want %q", in, u, got, want)
		}
		if err == nil && strings.HasSuffix(u.Path, "/") {
			t.Errorf("Endpoint(%q) keeps a slash at the end: %q", in, u.Path)
		}
	}
}

// write answers with n bytes, as far as they are read.
func write(w http.ResponseWriter, n int) {
	if _, err := w.Write(make([]byte, n)); err != nil {
		return
	}
}

func TestClientFollowsNoRedirectAndReadsNoFlood(t *testing.T) {
	t.Parallel()
	reached := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer other.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		case "/exact":
			write(w, poll.MaxAnswer)
		default:
			write(w, poll.MaxAnswer+1)
		}
	}))
	defer server.Close()
	get := func(path string) (int, int, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := poll.Client(server.Client().Transport).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		return resp.StatusCode, int(n), errors.Join(err, resp.Body.Close())
	}
	if status, _, _ := get("/away"); status != http.StatusTemporaryRedirect || reached {
		t.Errorf("a redirect was followed: HTTP %d, reached %v", status, reached)
	}
	if _, n, err := get("/exact"); n != poll.MaxAnswer || err != nil {
		t.Errorf("an answer of the greatest size: %d bytes, %v", n, err)
	}
	if _, n, err := get("/flood"); n > poll.MaxAnswer || !errors.Is(err, poll.ErrTooLong) {
		t.Errorf("a flood: %d bytes, %v", n, err)
	}
}

func TestRetryAfterAndSkew(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]time.Duration{
		"": 0, "90": 90 * time.Second, "-5": 0, "1000000": poll.Slow, "soon": 0,
		"99999999999999999999":                          0,
		t0.Add(2 * time.Minute).Format(http.TimeFormat): 2 * time.Minute,
		t0.Add(-time.Minute).Format(http.TimeFormat):    0,
	} {
		if got := poll.RetryAfter(http.Header{"Retry-After": {in}}, t0); got != want {
			t.Errorf("Retry-After %q is %v, want %v", in, got, want)
		}
	}
	for server, want := range map[time.Duration]time.Duration{
		0: 0, time.Minute: 0, -5 * time.Minute: 5 * time.Minute, time.Hour: -time.Hour,
	} {
		h := http.Header{"Date": {t0.Add(server).Format(http.TimeFormat)}}
		if got := poll.Ahead(h, t0); got != want {
			t.Errorf("a server at %v: ahead by %v, want %v", server, got, want)
		}
	}
	if got := poll.Ahead(http.Header{}, t0); got != 0 {
		t.Errorf("no Date: ahead by %v", got)
	}
}

func TestShort(t *testing.T) {
	t.Parallel()
	if got := poll.Short("a\x1b[31mb\n" + strings.Repeat("é", 500)); len(got) > 210 || strings.ContainsAny(got, "\x1b\n") || !strings.HasSuffix(got, "é…") {
		t.Errorf("%q", got)
	}
	if got := poll.Short(strings.Repeat("\x1b", 10000) + "x"); len(got) > 210 {
		t.Errorf("%d bytes", len(got))
	}
}

package reach

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snattop/snattop/probe/facts"
)

func server(t *testing.T, protocols ...string) (*httptest.Server, facts.ReachTarget) {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.TLS = &tls.Config{NextProtos: protocols}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv, targetOf(t, srv.Listener.Addr().String())
}

func targetOf(t *testing.T, address string) facts.ReachTarget {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return facts.ReachTarget{Host: host, Port: uint16(n), ALPN: true}
}

func negotiated(r facts.Reached) []string {
	var out []string
	for _, h := range r.Handshakes {
		out = append(out, strings.Join(h.Offered, ",")+"="+h.Negotiated)
	}
	return out
}

func TestHandshakes(t *testing.T) {
	t.Parallel()
	srv, target := server(t, "h2", "http/1.1")
	roots := Roots(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))
	r := One(t.Context(), Via{Roots: roots, Limit: 20 * time.Second}, target)
	if got := negotiated(r); r.TCP != facts.TCPOpen || !slices.Equal(got, []string{"=", "h2=h2", "konnectivity,h2=h2"}) {
		t.Fatalf("%s: %q", r.TCP, got)
	}
	for _, h := range r.Handshakes {
		if !h.Done || h.Trusted == nil || !*h.Trusted || h.Error != "" || len(h.Leaf) != 64 || h.Version == "" || h.Issuer == "" {
			t.Errorf("handshake %+v", h)
		}
	}

	if Roots([]byte("no PEM")) != nil {
		t.Error("authorities from nothing")
	}
	empty := Via{Roots: x509.NewCertPool(), Limit: 20 * time.Second}
	r = One(t.Context(), empty, target)
	if h := r.Handshakes[0]; !h.Done || h.Trusted == nil || *h.Trusted || h.Error == "" {
		t.Errorf("an authority that nobody trusts: %+v", h)
	}
	if r = One(t.Context(), Via{Limit: 20 * time.Second}, target); r.Handshakes[0].Trusted != nil {
		t.Error("trust without authorities")
	}
}

// Without protocols of its own a server chooses none, whatever is offered.
func TestNothingNegotiated(t *testing.T) {
	t.Parallel()
	srv, _ := server(t, "h2")
	r := One(t.Context(), Via{Limit: 20 * time.Second}, targetOf(t, stripping(t, srv.TLS.Certificates)))
	if got := negotiated(r); !slices.Equal(got, []string{"=", "h2=", "konnectivity,h2="}) {
		t.Errorf("%q", got)
	}
}

// stripping ends TLS without ALPN, as a middlebox does.
func stripping(t *testing.T, certificates []tls.Certificate) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(io.Discard, c)
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func TestNoTLSThere(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	r := One(t.Context(), Via{Limit: 20 * time.Second}, targetOf(t, srv.Listener.Addr().String()))
	if r.TCP != facts.TCPOpen || len(r.Handshakes) != 3 || r.Handshakes[1].Done || r.Handshakes[1].Error == "" {
		t.Errorf("got %+v", r)
	}
}

func TestEnds(t *testing.T) {
	t.Parallel()
	ips := []netip.Addr{netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2")}
	for _, tt := range []struct {
		name    string
		resolve func(context.Context, string) ([]netip.Addr, error)
		dial    func(context.Context, string, string) (net.Conn, error)
		dns     string
		tcp     facts.TCP
		took    time.Duration
	}{
		{"no such name", func(context.Context, string) ([]netip.Addr, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "api.example", IsNotFound: true}
		}, nil, "resolving: lookup api.example: no such host", "", 0},
		{"a resolver that is silent", func(ctx context.Context, _ string) ([]netip.Addr, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, nil, "no answer in time", "", DefaultLimit},
		{"an empty answer", func(context.Context, string) ([]netip.Addr, error) { return nil, nil }, nil, errNoAddress.Error(), "", 0},
		{"refused", nil, func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		}, "", facts.TCPRefused, 0},
		{"silent", nil, func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, "", facts.TCPFiltered, DefaultLimit},
		{"no way", nil, func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: syscall.ENETUNREACH}
		}, "", facts.TCPUnreachable, 0},
		{"something else", nil, func(context.Context, string, string) (net.Conn, error) { return nil, fmt.Errorf("odd%s", "\x1b[2J\n") }, "", facts.TCPUnreachable, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				if tt.resolve == nil {
					tt.resolve = func(context.Context, string) ([]netip.Addr, error) { return ips, nil }
				}
				start := time.Now()
				r := One(t.Context(), Via{Resolve: tt.resolve, Dial: tt.dial}, facts.ReachTarget{Host: "api.example", Port: 443, ALPN: true})
				if r.DNSError != tt.dns || r.TCP != tt.tcp || time.Since(start) != tt.took || len(r.Handshakes) != 0 {
					t.Errorf("after %s: %+v", time.Since(start), r)
				}
				if strings.ContainsAny(r.TCPError, "\x1b\n") {
					t.Errorf("unclean %q", r.TCPError)
				}
				if len(Evidence(&r)) == 0 {
					t.Error("no evidence")
				}
			})
		})
	}
}

// The second address is tried when the first does not take it.
func TestSecondAddress(t *testing.T) {
	t.Parallel()
	var tried []string
	here, there := net.Pipe()
	defer func() { _ = there.Close() }()
	r := One(t.Context(), Via{
		Resolve: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("203.0.113.2"), netip.MustParseAddr("203.0.113.3")}, nil
		},
		Dial: func(_ context.Context, _, address string) (net.Conn, error) {
			tried = append(tried, address)
			if len(tried) == 1 {
				return nil, syscall.ENETUNREACH
			}
			return here, nil
		},
	}, facts.ReachTarget{Host: "api.example", Port: 443})
	if !slices.Equal(tried, []string{"[2001:db8::1]:443", "203.0.113.2:443"}) || r.TCP != facts.TCPOpen || len(r.Addresses) != 3 {
		t.Errorf("tried %q: %+v", tried, r)
	}
}

func TestProxy(t *testing.T) {
	t.Parallel()
	_, target := server(t, "h2")
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := (&http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}).BasicAuth()
		if r.Method != http.MethodConnect || user != "u" || password != "p" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		to, err := net.Dial("tcp", r.Host)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer func() { _ = to.Close() }()
		from, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = from.Close() }()
		_, _ = io.WriteString(from, "HTTP/1.1 200 Connection established\r\n\r\n")
		go func() { _, _ = io.Copy(to, from) }()
		_, _ = io.Copy(from, to)
	}))
	defer proxy.Close()
	u, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("u", "p")
	r := One(t.Context(), Via{Proxy: u, Limit: 20 * time.Second}, target)
	if got := negotiated(r); !slices.Equal(got, []string{"=", "h2=h2", "konnectivity,h2=h2"}) {
		t.Errorf("%q of %+v", got, r)
	}
	if strings.Contains(r.Proxy, "p@") || r.Proxy != proxy.URL {
		t.Errorf("proxy %q", r.Proxy)
	}
	u.User = nil
	if r = One(t.Context(), Via{Proxy: u, Limit: 20 * time.Second}, target); r.TCP == facts.TCPOpen || !strings.Contains(r.TCPError, "407") {
		t.Errorf("without a password: %+v", r)
	}
	if r = One(t.Context(), Via{Proxy: &url.URL{Scheme: "socks5", Host: "x"}}, target); !strings.Contains(r.TCPError, errProxyKind.Error()) {
		t.Errorf("through SOCKS: %+v", r)
	}
}

func FuzzEvidence(f *testing.F) {
	f.Add("api.example", "", "", "x")
	f.Add("a'; rm -rf /", "", "h2", "")
	f.Fuzz(func(t *testing.T, host, dns, offer, issuer string) {
		r := facts.Reached{Target: facts.ReachTarget{Host: host, Name: host, Port: 1}, DNSError: dns, Handshakes: []facts.Handshake{{Offered: []string{offer}, Done: true, Issuer: issuer}}}
		for _, e := range Evidence(&r) {
			// Whatever the name, it stays one word of the shell.
			if quotes := strings.Count(strings.ReplaceAll(e.Command, `'\''`, ""), "'"); quotes%2 != 0 {
				t.Errorf("unbalanced: %q", e.Command)
			}
		}
	})
}

// Package reach tries names and ports as a client of the API server would: DNS,
// TCP and TLS, each told apart, with a limit on each. It is used on nodes and
// on the operator's machine alike. Nothing is sent once a handshake is done.
package reach

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/probe/facts"
)

// DefaultLimit bounds each of DNS, TCP and TLS: a way that takes longer serves
// no client.
const DefaultLimit = 2500 * time.Millisecond

// Via says how targets are reached. The zero value asks the system's resolver
// and dials directly.
type Via struct {
	// Resolve returns the addresses of a name; nil asks the system's resolver.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// Dial connects to an address; nil uses a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Proxy is an HTTP proxy to go through; nil goes directly.
	Proxy *url.URL
	// Roots are the authorities that certificates should lead to; nil does not
	// look.
	Roots *x509.CertPool
	// Limit bounds each phase; 0 means DefaultLimit.
	Limit time.Duration
}

// Roots reads authorities from PEM; nil when there are none.
func Roots(pem []byte) *x509.CertPool {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil
	}
	return pool
}

// All tries every target, side by side. The order is kept.
func All(ctx context.Context, via Via, targets []facts.ReachTarget) []facts.Reached {
	out := make([]facts.Reached, len(targets))
	var wg sync.WaitGroup
	for i, t := range targets {
		wg.Go(func() { out[i] = One(ctx, via, t) })
	}
	wg.Wait()
	return out
}

// One tries one target.
func One(ctx context.Context, via Via, t facts.ReachTarget) facts.Reached {
	if via.Limit <= 0 {
		via.Limit = DefaultLimit
	}
	start := time.Now()
	r := facts.Reached{Target: t}
	var connect func(context.Context) (net.Conn, error)
	if via.Proxy != nil {
		r.Proxy = (&url.URL{Scheme: via.Proxy.Scheme, Host: via.Proxy.Host}).String()
		connect = func(ctx context.Context) (net.Conn, error) {
			return via.tunnel(ctx, net.JoinHostPort(t.Host, strconv.Itoa(int(t.Port))))
		}
		r.Address = net.JoinHostPort(t.Host, strconv.Itoa(int(t.Port)))
	} else {
		found, err := via.lookup(ctx, t.Host)
		if err != nil {
			r.DNSError, r.Millis = line(err), time.Since(start).Milliseconds()
			return r
		}
		for _, a := range found {
			r.Addresses = append(r.Addresses, a.String())
		}
		connect = func(ctx context.Context) (net.Conn, error) { return via.first(ctx, found, t.Port, &r) }
	}
	conn, err := via.timed(ctx, connect)
	r.Millis = time.Since(start).Milliseconds()
	r.TCP = endOf(err)
	if err != nil {
		r.TCPError = line(err)
		return r
	}
	_ = conn.Close() // it said what it had to
	if !t.TLS && !t.ALPN {
		return r
	}
	again := func(ctx context.Context) (net.Conn, error) {
		if via.Proxy != nil {
			return connect(ctx)
		}
		return via.dial(ctx, r.Address)
	}
	r.Handshakes = via.handshakes(ctx, t, again)
	return r
}

// errNoAddress means that a resolver answered, with nothing.
var errNoAddress = errors.New("the name has no address")

// lookup returns at most eight addresses.
func (v Via) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	resolve := v.Resolve
	if resolve == nil {
		resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, v.Limit)
	defer cancel()
	found, err := resolve(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("resolving: %w", err)
	}
	if len(found) == 0 {
		return nil, errNoAddress
	}
	found = found[:min(len(found), 8)]
	for i := range found {
		found[i] = found[i].Unmap()
	}
	return found, nil
}

// first connects to the first address that takes it; two are tried, since they
// share the time.
func (v Via) first(ctx context.Context, all []netip.Addr, port uint16, r *facts.Reached) (net.Conn, error) {
	var failed error
	tries := all[:min(len(all), 2)]
	share := v.Limit / time.Duration(len(tries))
	for _, a := range tries {
		r.Address = netip.AddrPortFrom(a, port).String()
		try, cancel := context.WithTimeout(ctx, share)
		conn, err := v.dial(try, r.Address)
		cancel()
		if err == nil {
			return conn, nil
		}
		failed = err
	}
	return nil, failed
}

func (v Via) dial(ctx context.Context, address string) (net.Conn, error) {
	if v.Dial != nil {
		return v.Dial(ctx, "tcp", address)
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", address)
}

func (v Via) timed(ctx context.Context, connect func(context.Context) (net.Conn, error)) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, v.Limit)
	defer cancel()
	return connect(ctx)
}

// endOf says how an attempt to connect ended.
func endOf(err error) facts.TCP {
	var timeout net.Error
	switch {
	case err == nil:
		return facts.TCPOpen
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET), strings.Contains(err.Error(), "actively refused"):
		return facts.TCPRefused
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return facts.TCPFiltered
	default:
		return facts.TCPUnreachable
	}
}

// line is an error in one clean line, without the addresses that stand beside
// it anyway.
func line(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		err = op.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	const most = 300
	text := strings.TrimSpace(sanitize.Text(err.Error()))
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

package reach

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

var errProxyKind = errors.New("only HTTP proxies are looked through")

// tunnel asks the proxy for a way to an address.
func (v Via) tunnel(ctx context.Context, address string) (net.Conn, error) {
	p := v.Proxy
	if p.Scheme != "http" && p.Scheme != "https" {
		return nil, errProxyKind
	}
	host := p.Host
	if p.Port() == "" {
		host = net.JoinHostPort(p.Hostname(), map[string]string{"http": "80", "https": "443"}[p.Scheme])
	}
	conn, err := v.dial(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("reaching the proxy: %w", err)
	}
	if p.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{ServerName: p.Hostname(), MinVersion: tls.VersionTLS12})
	}
	if err := v.ask(ctx, conn, address); err != nil {
		_ = conn.Close() // the error before says why
		return nil, err
	}
	return conn, nil
}

// ask sends CONNECT and reads the answer's head.
func (v Via) ask(ctx context.Context, conn net.Conn, address string) error {
	if until, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(until); err != nil {
			return fmt.Errorf("limiting the proxy's answer: %w", err)
		}
	}
	req := (&http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}).WithContext(ctx)
	if u := v.Proxy.User; u != nil {
		password, _ := u.Password()
		req.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)))
	}
	if err := req.Write(conn); err != nil {
		return fmt.Errorf("asking the proxy: %w", err)
	}
	// A proxy says nothing more before the client does, so that nothing of
	// the tunnel is lost in the reader.
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 4<<10), req)
	if err != nil {
		return fmt.Errorf("reading the proxy's answer: %w", err)
	}
	_ = resp.Body.Close() // of a CONNECT there is none
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the proxy answers %d to CONNECT", resp.StatusCode)
	}
	return conn.SetDeadline(time.Time{})
}

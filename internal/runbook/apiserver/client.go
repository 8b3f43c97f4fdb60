package apiserver

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/probe/facts"
	"github.com/snattop/snattop/probe/reach"
)

var errNoServer = errors.New("no kubeconfig names an API server")

// server is the API server as this client names it.
func server(l *step.Look) (facts.ReachTarget, error) {
	if l.API == nil || l.API.Server == "" {
		return facts.ReachTarget{}, errNoServer
	}
	text := l.API.Server
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return facts.ReachTarget{}, fmt.Errorf("the kubeconfig names the API server %q, which is no address", l.API.Server)
	}
	t := facts.ReachTarget{Host: u.Hostname(), Port: 443, ALPN: u.Scheme == "https", Why: "the API server"}
	if u.Scheme == "http" {
		t.Port = 80
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return facts.ReachTarget{}, fmt.Errorf("the kubeconfig names the port %q", p)
		}
		t.Port = uint16(n)
	}
	if l.API.Config != nil {
		t.Name = l.API.Config.TLSClientConfig.ServerName
	}
	return t, nil
}

// authorities are those of the kubeconfig, as PEM; nil when it names none.
func authorities(l *step.Look) []byte {
	if l.API == nil || l.API.Config == nil {
		return nil
	}
	tls := l.API.Config.TLSClientConfig
	if len(tls.CAData) > 0 || tls.CAFile == "" {
		return tls.CAData
	}
	b, err := os.ReadFile(tls.CAFile)
	if err != nil {
		return nil // the client itself has said so by then
	}
	return b
}

// fromHere tries the API server from this client, once for all checks.
func fromHere(ctx context.Context, l *step.Look) (*facts.Reached, error) {
	return step.Once(ctx, l, "apiserver.client", func(ctx context.Context) (*facts.Reached, error) {
		t, err := server(l)
		if err != nil {
			return nil, err
		}
		via := reach.Via{Roots: reach.Roots(authorities(l))}
		if via.Roots == nil {
			// What the kubeconfig leaves to the system.
			if via.Roots, err = x509.SystemCertPool(); err != nil {
				via.Roots = nil
			}
		}
		if via.Proxy, err = l.API.ProxyFor(); err != nil {
			return nil, err
		}
		if l.API.Config != nil {
			via.Dial = l.API.Config.Dial
		}
		r := reach.One(ctx, via, t)
		return &r, nil
	})
}

// evidenceHere is what an operator would have typed on this machine.
func evidenceHere(r *facts.Reached) []step.Evidence {
	var out []step.Evidence
	for _, e := range reach.Evidence(r) {
		out = append(out, step.Evidence{Command: e.Command, Output: e.Output})
	}
	return out
}

// space is where an address lies.
type space int

const (
	nowhere space = iota
	public
	private
	loopback
)

// spaceOf says where what a name resolved to lies: private when every address
// is, since a client takes any of them.
func spaceOf(addresses []string) space {
	found := nowhere
	c := snat.NewClassifier()
	for _, text := range addresses {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			continue
		}
		switch {
		case ip.IsLoopback():
			found = max(found, loopback)
		case c.Classify(ip).Public:
			return public
		default:
			found = private
		}
	}
	return found
}

// serverText is "name:port".
func serverText(t facts.ReachTarget) string {
	if strings.Contains(t.Host, ":") {
		return fmt.Sprintf("[%s]:%d", t.Host, t.Port)
	}
	return fmt.Sprintf("%s:%d", t.Host, t.Port)
}

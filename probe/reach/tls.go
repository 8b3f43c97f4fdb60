package reach

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"sync"

	"github.com/snattop/snattop/probe/facts"
)

// Offers are what a target with ALPN is asked with: nothing, as an old client;
// h2, as every client of the API server; and what konnectivity-agent offers,
// whose gRPC appends h2 to what it is told.
//
// Source: AKS starts its agents with --alpn-proto=konnectivity;
// apiserver-network-proxy, cmd/agent, and grpc-go, credentials.NewTLS.
func Offers() [][]string { return [][]string{nil, {"h2"}, {"konnectivity", "h2"}} }

func (v Via) handshakes(ctx context.Context, t facts.ReachTarget, connect func(context.Context) (net.Conn, error)) []facts.Handshake {
	offers := [][]string{nil}
	if t.ALPN {
		offers = Offers()
	}
	name := t.Name
	if name == "" {
		name = t.Host
	}
	out := make([]facts.Handshake, len(offers))
	var wg sync.WaitGroup
	for i, offer := range offers {
		wg.Go(func() { out[i] = v.handshake(ctx, name, offer, connect) })
	}
	wg.Wait()
	return out
}

func (v Via) handshake(ctx context.Context, name string, offer []string, connect func(context.Context) (net.Conn, error)) facts.Handshake {
	ctx, cancel := context.WithTimeout(ctx, v.Limit)
	defer cancel()
	h := facts.Handshake{Offered: offer}
	raw, err := connect(ctx)
	if err != nil {
		h.Error = "connecting again: " + line(err)
		return h
	}
	conn := tls.Client(raw, &tls.Config{
		ServerName: name, NextProtos: offer, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // who answers is the question; nothing is sent to it
	})
	defer func() { _ = conn.Close() }()
	if err := conn.HandshakeContext(ctx); err != nil {
		h.Error = line(err)
		return h
	}
	state := conn.ConnectionState()
	h.Done, h.Negotiated, h.Version = true, state.NegotiatedProtocol, tls.VersionName(state.Version)
	if len(state.PeerCertificates) == 0 {
		return h
	}
	leaf := state.PeerCertificates[0]
	sum := sha256.Sum256(leaf.Raw)
	h.Subject, h.Issuer, h.Leaf = line(fmt.Errorf("%s", leaf.Subject)), line(fmt.Errorf("%s", leaf.Issuer)), hex.EncodeToString(sum[:])
	if v.Roots != nil {
		between := x509.NewCertPool()
		for _, c := range state.PeerCertificates[1:] {
			between.AddCert(c)
		}
		_, err := leaf.Verify(x509.VerifyOptions{Roots: v.Roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		trusted := err == nil
		h.Trusted = &trusted
		if err != nil {
			h.Error = line(err)
		}
	}
	return h
}

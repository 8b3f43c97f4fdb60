package apiserver

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/rest"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/facts"
)

// at is a client of an API server at an address, which ends as dial says.
func at(t *testing.T, host string, dial func(context.Context, string, string) (net.Conn, error)) step.Patient {
	t.Helper()
	t.Cleanup(func() { time.Sleep(2 * time.Minute) })
	return step.Patient{API: clientOf(t, &rest.Config{Host: host, Dial: dial, TLSClientConfig: rest.TLSClientConfig{Insecure: true}})}
}

// never gets no answer. The HTTP client lets go of an attempt to connect that
// nobody waits for any more, so it ends by itself within the bubble's time.
func never(ctx context.Context, _, _ string) (net.Conn, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(time.Minute):
		return nil, os.ErrDeadlineExceeded
	}
}

// An API server that answers this client leaves nothing to say.
func TestReachedFromHere(t *testing.T) {
	t.Parallel()
	p := step.Patient{API: newAPI(t).client(t)}
	want(t, run(t, p, "apiserver.egress"), "client", step.OK, "DNS, TCP and TLS")
	want(t, run(t, p, "apiserver.alpn"), "client", step.OK, "chooses h2 for h2 and h2 for konnectivity,h2")
	want(t, run(t, p, "apiserver.authorized-ranges"), "client", step.OK, "answers this client")
	want(t, run(t, p, "apiserver.private-cluster"), "client", step.NotApplicable, "is this machine")
}

// Packets to a public address that nobody answers: the other steps that look
// from here say that they cannot tell, and those that need the API server say
// so too.
func TestPublicAndSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := at(t, "https://20.1.2.3", never)
		got := run(t, p, "apiserver.authorized-ranges")
		want(t, got, "client", step.Problem, "20.1.2.3:443 answers nothing to this client")
		if r := got["client"].Remedies; !strings.Contains(r[1].Command, "--api-server-authorized-ip-ranges") || r[1].Warning == "" {
			t.Errorf("remedies %q", r)
		}
		want(t, run(t, p, "apiserver.private-cluster"), "client", step.NotApplicable, "is public")
		want(t, run(t, p, "apiserver.egress"), "client", step.Unknown, "authorized-ranges")
		want(t, run(t, p, "apiserver.alpn"), "client", step.Unknown, "no TLS was tried")
		for _, id := range []string{"apiserver.agents", "apiserver.node-pressure", "apiserver.request-load", "apiserver.helm-history", "apiserver.node-to-node"} {
			want(t, run(t, p, id), "cluster", step.Unknown, "no answer in time")
		}
	})
}

func TestPrivateAndSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := at(t, "https://10.1.2.3:6443", never)
		want(t, run(t, p, "apiserver.private-cluster"), "client", step.Problem, "private address space (10.1.2.3)")
		want(t, run(t, p, "apiserver.authorized-ranges"), "client", step.NotApplicable, "do not apply")
		want(t, run(t, p, "apiserver.egress"), "client", step.Unknown, "private-cluster")
	})
}

func TestRefusedHere(t *testing.T) {
	t.Parallel()
	p := step.Patient{API: clientOf(t, &rest.Config{Host: "https://" + refusing(t)})}
	want(t, run(t, p, "apiserver.egress"), "client", step.Problem, "refused (TCP)")
	want(t, run(t, p, "apiserver.authorized-ranges"), "client", step.OK, "no matter of authorized ranges")
}

func TestNames(t *testing.T) {
	t.Parallel()
	gone := func(host string) *facts.Reached {
		return &facts.Reached{Target: facts.ReachTarget{Host: host, Port: 443, ALPN: true}, DNSError: "no such host"}
	}
	link := gone("c-1.1234.privatelink.westeurope.azmk8s.io")
	want(t, map[string]step.Step{"x": judgePrivate(link)}, "x", step.Problem, "does not resolve here")
	want(t, map[string]step.Step{"x": judgeHere(link)}, "x", step.Unknown, "private-cluster")
	want(t, map[string]step.Step{"x": judgePrivate(gone("api.example"))}, "x", step.Unknown, "does not resolve")
	want(t, map[string]step.Step{"x": judgeHere(gone("api.example"))}, "x", step.Problem, "(DNS)")
	want(t, map[string]step.Step{"x": judgeRanges(gone("api.example"), nil, nil, "")}, "x", step.Unknown, "does not resolve")
	proxied := &facts.Reached{Target: facts.ReachTarget{Host: "api.example", Port: 443}, Proxy: "http://proxy:3128", TCP: facts.TCPOpen, Address: "api.example:443"}
	want(t, map[string]step.Step{"x": judgePrivate(proxied)}, "x", step.NotApplicable, "proxy http://proxy:3128")
	want(t, map[string]step.Step{"x": judgeRanges(proxied, nil, nil, "")}, "x", step.OK, "the proxy http://proxy:3128 is let in")
}

func TestRangesFromTheCloud(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		some := &cloud.Access{Name: "c", Group: "g", Authorized: []string{"198.51.100.0/24"}}
		asked := ""
		p := at(t, "https://20.1.2.3", never)
		p.Access = func(_ context.Context, server string, _ []inventory.Node) (*cloud.Access, error) {
			asked = server
			return some, nil
		}
		got := run(t, p, "apiserver.authorized-ranges")
		want(t, got, "client", step.Problem, "allowed are 198.51.100.0/24")
		if c := got["client"].Remedies[1].Command; asked != "20.1.2.3" || !strings.Contains(c, "--name c --api-server-authorized-ip-ranges 198.51.100.0/24,CLIENT_ADDRESS/32") {
			t.Errorf("asked for %q: %s", asked, c)
		}
		silent := &facts.Reached{Target: facts.ReachTarget{Host: "20.1.2.3", Port: 443}, Addresses: []string{"20.1.2.3"}, Address: "20.1.2.3:443", TCP: facts.TCPFiltered}
		want(t, map[string]step.Step{"x": judgeRanges(silent, &cloud.Access{}, nil, "")}, "x", step.OK, "no authorized ranges are set")
		want(t, map[string]step.Step{"x": judgeRanges(silent, nil, errors.New("not allowed"), "; node n gets through")}, "x", step.Problem, "node n gets through; the ranges themselves could not be read: not allowed")
	})
}

// A proxy that ends TLS and knows no ALPN, with an authority that the
// kubeconfig trusts: everything works, and only the nodes' view tells.
func TestALPNStripped(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	front, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: a.TLS.Certificates, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: a.Config.Handler}
	srv.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
	go func() { _ = srv.Serve(front) }()
	t.Cleanup(func() { _ = srv.Close() })
	p := step.Patient{
		API:   clientOf(t, &rest.Config{Host: "https://" + front.Addr().String(), TLSClientConfig: rest.TLSClientConfig{CAData: a.ca()}}),
		Nodes: nodesNamed("node1", "node2"),
		Examiner: sees{
			"node1": {facts.PartReach: reached("", "h2", "h2")},
			"node2": {facts.PartReach: reached("", "h2", "konnectivity")},
		},
	}
	got := run(t, p, "apiserver.alpn")
	want(t, got, "client", step.Problem, "from node node1 it chooses h2: something on the way takes ALPN away")
	want(t, got, "node/node1", step.OK, "chooses h2 for h2 and h2")
	want(t, got, "node/node2", step.OK, "and konnectivity for konnectivity,h2")
}

func TestJudgeALPN(t *testing.T) {
	t.Parallel()
	no := false
	from := func(place string, change func(*facts.Reached)) view {
		r := &reached("", "h2", "h2").Reach[0]
		if change != nil {
			change(r)
		}
		return view{subject: place, place: place, reached: r}
	}
	strip := func(r *facts.Reached) { r.Handshakes[1].Negotiated, r.Handshakes[2].Negotiated = "", "" }
	fail := func(i int) func(*facts.Reached) {
		return func(r *facts.Reached) {
			r.Handshakes[i] = facts.Handshake{Offered: r.Handshakes[i].Offered, Error: "connection reset by peer"}
		}
	}
	for _, tt := range []struct {
		name    string
		one     view
		others  []view
		verdict step.Verdict
		says    string
	}{
		{"well", from("a", nil), nil, step.OK, "chooses h2"},
		{"stripped here only", from("a", strip), []view{from("b", nil)}, step.Problem, "takes ALPN away"},
		{"stripped everywhere", from("a", strip), []view{from("b", strip)}, step.Unknown, "HTTP/2 is switched off"},
		{"dropped when offered", from("a", fail(2)), nil, step.Problem, "konnectivity,h2: connection reset"},
		{"another authority", from("a", func(r *facts.Reached) { r.Handshakes[0].Trusted, r.Handshakes[0].Issuer = &no, "CN=Inspector" }), nil, step.Problem, "CN=Inspector"},
		{"no TLS at all", from("a", func(r *facts.Reached) { fail(0)(r); fail(1)(r); fail(2)(r) }), nil, step.Unknown, "no TLS at all"},
		{"plain HTTP", from("a", func(r *facts.Reached) { r.Target.ALPN, r.Handshakes = false, nil }), nil, step.NotApplicable, "without TLS"},
		{"nothing seen", view{subject: "a", err: io.ErrUnexpectedEOF}, nil, step.Unknown, "unexpected EOF"},
	} {
		all := append([]view{tt.one}, tt.others...)
		want(t, map[string]step.Step{tt.name: judgeALPN(&all[0], all)}, tt.name, tt.verdict, tt.says)
	}
}

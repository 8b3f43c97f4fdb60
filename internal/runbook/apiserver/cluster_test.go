package apiserver

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/facts"
)

var noon = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// api is an API server of the test's: TLS, HTTP/2, and answers by path.
type api struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string]func(w http.ResponseWriter, r *http.Request)
	asked   []string
}

func newAPI(t *testing.T) *api {
	t.Helper()
	a := &api{answers: map[string]func(http.ResponseWriter, *http.Request){}}
	a.Server = httptest.NewUnstartedServer(http.HandlerFunc(a.serve))
	a.EnableHTTP2 = true
	a.StartTLS()
	t.Cleanup(a.Close)
	a.json("/version", map[string]string{"gitVersion": "v1.36.3"})
	for _, path := range []string{"/api/v1/namespaces/kube-system/pods", "/api/v1/secrets", "/api/v1/configmaps"} {
		a.json(path, map[string]any{"kind": "List", "apiVersion": "v1", "items": []any{}})
	}
	return a
}

func (a *api) serve(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.asked = append(a.asked, r.URL.String())
	answer := a.answers[r.URL.Path]
	a.mu.Unlock()
	if answer == nil {
		status(http.StatusNotFound, "NotFound", "the server could not find the requested resource")(w, r)
		return
	}
	answer(w, r)
}

func (a *api) on(path string, answer func(http.ResponseWriter, *http.Request)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[path] = answer
}

func (a *api) json(path string, v any) {
	a.on(path, func(w http.ResponseWriter, _ *http.Request) { a.write(w, v) })
}

func (a *api) write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func status(code int, reason, message string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code})
	}
}

func (a *api) ca() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate().Raw})
}

func (a *api) client(t *testing.T) *k8s.Client {
	t.Helper()
	return clientOf(t, &rest.Config{Host: a.URL, TLSClientConfig: rest.TLSClientConfig{CAData: a.ca()}})
}

func clientOf(t *testing.T, cfg *rest.Config) *k8s.Client {
	t.Helper()
	c, err := k8s.FromConfig(cfg, k8s.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// agentPod is a pod of the tunnel on a node, as the API server tells it.
func agentPod(name, node string) map[string]any {
	return map[string]any{
		"metadata": map[string]any{"name": name, "namespace": "kube-system", "labels": map[string]string{"app": "konnectivity-agent"}},
		"spec":     map[string]any{"nodeName": node, "containers": []any{map[string]any{"name": "konnectivity-agent"}}},
		"status":   map[string]any{"phase": "Running", "conditions": []any{map[string]string{"type": "Ready", "status": "True"}}},
	}
}

func (a *api) agents(pods ...map[string]any) {
	a.json("/api/v1/namespaces/kube-system/pods", map[string]any{"kind": "PodList", "apiVersion": "v1", "items": pods})
}

// sees is what nodes tell: sections by node and part.
type sees map[string]map[facts.Part]*facts.Section

func (s sees) Examine(_ context.Context, node inventory.Node, ask facts.Ask, _ func(string), got func(*facts.Section)) (string, error) {
	for _, p := range ask.Parts {
		if section := s[node.Name][p]; section != nil {
			section.Part = p
			got(section)
		}
	}
	return "node pod", nil
}

func nodesNamed(names ...string) []inventory.Node {
	var out []inventory.Node
	for i, n := range names {
		out = append(out, inventory.Node{Name: n, OS: "linux", InternalIP: fmt.Sprintf("10.0.0.%d", i+1)})
	}
	return out
}

// run goes through the runbook and returns what one step said, by subject.
func run(t *testing.T, p step.Patient, id string) map[string]step.Step {
	t.Helper()
	if p.Now == nil {
		p.Now = func() time.Time { return noon }
	}
	book := New()
	book.Checks = slices.DeleteFunc(book.Checks, func(c step.Check) bool { return c.ID != id })
	if len(book.Checks) != 1 {
		t.Fatalf("no step %s", id)
	}
	out := map[string]step.Step{}
	for _, s := range step.Run(t.Context(), []step.Book{book}, p, nil) {
		out[s.Subject] = s
		if (s.Verdict == step.Problem) != (len(s.Remedies) > 0) {
			t.Errorf("%s is %s with %d remedies", s.Subject, s.Verdict, len(s.Remedies))
		}
		if s.Verdict != step.Unknown && s.Verdict != step.NotApplicable && len(s.Evidence) == 0 {
			t.Errorf("%s is %s without evidence", s.Subject, s.Verdict)
		}
	}
	return out
}

func want(t *testing.T, got map[string]step.Step, subject string, verdict step.Verdict, says string) {
	t.Helper()
	s, ok := got[subject]
	if !ok || s.Verdict != verdict || !strings.Contains(s.Summary, says) {
		t.Errorf("%s: got %s %q, want %s with %q", subject, s.Verdict, s.Summary, verdict, says)
	}
}

// reached is what a node saw of an API server, with what each offer chose.
func reached(protocols ...string) *facts.Section {
	yes := true
	r := facts.Reached{Kubelet: true, Target: facts.ReachTarget{Host: "api.example", Port: 443, ALPN: true}, Addresses: []string{"203.0.113.1"}, Address: "203.0.113.1:443", TCP: facts.TCPOpen}
	for i, offer := range [][]string{nil, {"h2"}, {"konnectivity", "h2"}} {
		r.Handshakes = append(r.Handshakes, facts.Handshake{Offered: offer, Done: true, Negotiated: protocols[i], Version: "TLS 1.3", Issuer: "CN=kubernetes", Trusted: &yes})
	}
	return &facts.Section{Reach: []facts.Reached{r}, Evidence: []facts.Evidence{{Command: "nc", Output: "open"}}}
}

// refusing is an address of this machine where nobody listens.
func refusing(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	return address
}

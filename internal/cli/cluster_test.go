package cli_test

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/snattop/snattop/internal/cli"
)

// kubeconfig names one server, and is the one that the program finds.
func kubeconfig(t *testing.T, server string) { kubeconfigFor(t, server, true) }

func kubeconfigFor(t *testing.T, server string, trusting bool) {
	t.Helper()
	noCluster(t)
	t.Setenv("KUBECONFIG", write(t, "kubeconfig", fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: prod
contexts: [{name: prod, context: {cluster: c, user: u, namespace: shop}}]
clusters: [{name: c, cluster: {server: %q, insecure-skip-tls-verify: %t}}]
users: [{name: u, user: {token: secret-token}}]
`, server, trusting)))
}

// The commands that need a cluster, as a script calls them.
var needCluster = []string{"report -o json", "report", "clean", "record -o /dev/null/x", "capture shop/web"}

// unreachable runs them all, and the screen at a terminal.
func unreachable(t *testing.T, words []string, args ...string) {
	t.Helper()
	for _, command := range needCluster {
		got := world{}.run(t, append(strings.Fields(command), args...)...)
		oneLine(t, command, got, cli.ExitUnknown, words...)
		if strings.Contains(got.err, "secret-token") {
			t.Errorf("%s tells the token: %q", command, got.err)
		}
	}
	got := world{terminal: true}.run(t, args...)
	oneLine(t, "snattop", got, cli.ExitUnknown, append(words, "snattop local", "snattop demo")...)
	if strings.Count(got.err, "snattop local") != 1 || strings.Count(got.err, "snattop demo") != 1 {
		t.Errorf("the way out is offered more than once: %q", got.err)
	}
}

func TestNoKubeconfig(t *testing.T) {
	noCluster(t)
	unreachable(t, []string{"kubeconfig", "KUBECONFIG"})
}

func TestUnknownContext(t *testing.T) {
	kubeconfig(t, "https://127.0.0.1:1")
	unreachable(t, []string{"nowhere", "get-contexts"}, "--context", "nowhere")
}

func TestDeadServer(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	kubeconfig(t, "https://"+addr)
	unreachable(t, []string{addr, "nothing listens"})
}

func TestRefusedCredentials(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}`)
	}))
	defer s.Close()
	kubeconfig(t, s.URL)
	unreachable(t, []string{"401", "credentials"})
}

func TestNoAPIServer(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<html>\n<h1>It works!\x1b[31m</h1>\n</html>")
	}))
	defer s.Close()
	kubeconfig(t, s.URL)
	unreachable(t, []string{"no API server"})
}

func TestSilentServer(t *testing.T) {
	ended := make(chan struct{})
	s := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-ended:
		}
	}))
	defer s.Close()
	defer close(ended)
	kubeconfig(t, s.URL)
	oneLine(t, "silent", world{}.run(t, "report", "--request-timeout", "200ms"), cli.ExitUnknown, "no answer in time")
}

func TestUntrustedServer(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	// The handshake that fails is no news.
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	kubeconfigFor(t, s.URL, false)
	oneLine(t, "untrusted", world{}.run(t, "report"), cli.ExitUnknown, "secure connection")
}

// The question comes before a screen is drawn and before the cluster is asked.
func TestConsentIsAskedOnlyAtATerminal(t *testing.T) {
	kubeconfig(t, "https://127.0.0.1:1")
	got := world{terminal: true, in: "y\n"}.run(t, "report", "--pod", "shop/\x1b[31mx")
	if !strings.Contains(got.err, "ephemeral container") {
		t.Errorf("%+v", got)
	}
	if strings.Contains(got.err, "\x1b") {
		t.Errorf("%q", got.err)
	}
	got = world{terminal: true, in: "n\n"}.run(t, "report", "--pod", "shop/x")
	if question, _, ok := strings.Cut(got.err, "[y/N]"); !ok || !strings.Contains(question, "shop/x") || got.out != "" {
		t.Errorf("%+v", got)
	}
	oneLine(t, "a script is not asked", world{}.run(t, "report", "--pod", "shop/x"), cli.ExitUnknown)
	oneLine(t, "yes was said", world{terminal: true}.run(t, "report", "--pod", "shop/x", "--allow-ephemeral"), cli.ExitUnknown)
}

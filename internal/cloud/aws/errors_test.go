package aws

import (
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/cloud/poll"
)

// secret is what no sentence may hold.
const secret = "hush-hush/ABC"

// The codes are those of "Common error types" of the CloudWatch API reference.
func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		code   string
		header http.Header
		body   string // in place of a code
		want   string
		what   string
		denied bool
		wait   time.Duration
	}{
		"no right":        {status: 403, code: "AccessDenied", want: "denied cloudwatch:ListMetrics in eu-central-1 (HTTP 403 AccessDenied): ask for the rights cloudwatch:ListMetrics and cloudwatch:GetMetricData", denied: true, wait: poll.Slow},
		"no right, CBOR":  {status: 403, code: "AccessDeniedException", want: "denied cloudwatch:ListMetrics", denied: true, wait: poll.Slow},
		"bad key":         {status: 403, code: "InvalidClientTokenId", want: "refused the credential (HTTP 403 InvalidClientTokenId)", what: "credential", denied: true, wait: poll.Slow},
		"expired":         {status: 400, code: "ExpiredToken", want: "refused the credential", what: "credential", denied: true, wait: poll.Slow},
		"unauthorized":    {status: 401, code: "Unknown", want: "refused the credential", what: "credential", denied: true, wait: poll.Slow},
		"bad signature":   {status: 403, code: "SignatureDoesNotMatch", want: "refused the credential", what: "credential", denied: true, wait: poll.Slow},
		"clock":           {status: 403, code: "RequestTimeTooSkewed", want: "set this machine's clock", wait: poll.Every},
		"throttled":       {status: 400, code: "Throttling", want: "throttles", wait: 2 * time.Minute},
		"throttled, CBOR": {status: 400, code: "ThrottlingException", want: "throttles", wait: 2 * time.Minute},
		"too many":        {status: 429, code: "", header: http.Header{"Retry-After": {"240"}}, want: "throttles", wait: 4 * time.Minute},
		"not understood":  {status: 400, code: "InvalidParameterValue", want: "did not take the question ListMetrics (HTTP 400 InvalidParameterValue)", wait: poll.Every},
		"no such thing":   {status: 404, code: "", want: "did not take the question ListMetrics (HTTP 404", wait: poll.Every},
		"failed":          {status: 500, code: "InternalServiceFault", want: "failed (HTTP 500 InternalServiceFault)", wait: poll.Every},
		"unavailable":     {status: 503, code: "ServiceUnavailable", header: http.Header{"Retry-After": {"180"}}, want: "failed (HTTP 503", wait: 3 * time.Minute},
		"login page":      {status: 302, header: http.Header{"Location": {"https://login.example/"}}, want: "redirect", wait: poll.Every},
		"moved for good":  {status: 308, header: http.Header{"Location": {"https://login.example/"}}, want: "redirect", wait: poll.Every},
		"captive portal":  {status: 200, body: "<html>Welcome</html>", want: "makes no sense", wait: poll.Every},
		"cut short":       {status: 200, body: "\xa1\x67Metrics\x9f", want: "makes no sense", wait: poll.Every},
		"error of HTML":   {status: 403, body: "<html>" + secret, want: "denied cloudwatch:ListMetrics in eu-central-1 (HTTP 403)", denied: true, wait: poll.Slow},
		"a strange code":  {status: 400, code: "x " + secret, want: "(HTTP 400)", wait: poll.Every},
		"hung up on":      {status: -1, want: "cannot be reached", wait: poll.Every},
		"a flood":         {status: -2, want: "too long", wait: poll.Every},
	} {
		t.Run(name, func(t *testing.T) {
			server := &watch{t: t}
			server.answer = func(w http.ResponseWriter, _ *http.Request, _ string, _ []byte) bool {
				for k, v := range c.header {
					w.Header()[k] = v
				}
				switch {
				case c.status == -1:
					conn, _, err := w.(http.Hijacker).Hijack()
					if err != nil {
						t.Error(err)
						return true
					}
					if err := conn.Close(); err != nil {
						t.Error(err)
					}
				case c.status == -2:
					w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
					write(w, make([]byte, poll.MaxAnswer+1))
				case c.body != "":
					w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
					w.WriteHeader(c.status)
					write(w, []byte(c.body))
				default:
					reply(t, w, c.status, refusal{Type: c.code, Message: "no, " + secret})
				}
				return true
			}
			got, wait := start(t, server).next()
			what := c.what
			if what == "" {
				what = "metrics"
			}
			if len(got.Problems) != 1 {
				t.Fatalf("got %+v", got.Problems)
			}
			p := got.Problems[0]
			if p.What != what || p.Denied != c.denied || !strings.Contains(p.Sentence, c.want) {
				t.Errorf("got %+v, want %s: %q, denied %v", p, what, c.want, c.denied)
			}
			if wait != c.wait {
				t.Errorf("asked again after %v, want %v", wait, c.wait)
			}
			if strings.Contains(show(got), secret) {
				t.Errorf("what the server said is told: %s", show(got))
			}
			if n := server.questions(); n != 1 {
				t.Errorf("%d questions were asked", n)
			}
		})
	}
}

func TestThrottlingGrows(t *testing.T) {
	server := &watch{t: t, metrics: [][]metric{{gateway(natOne)}}}
	throttle := func(w http.ResponseWriter, _ *http.Request, _ string, _ []byte) bool {
		reply(t, w, http.StatusBadRequest, refusal{Type: "Throttling"})
		return true
	}
	server.answer = throttle
	r := start(t, server)
	_, wait := r.next()
	waits := []time.Duration{wait}
	for range 3 {
		_, wait = r.again(wait)
		waits = append(waits, wait)
	}
	for i, want := range []time.Duration{2 * time.Minute, 4 * time.Minute, 8 * time.Minute, poll.Slow} {
		if waits[i] != want {
			t.Errorf("waits are %v", waits)
			break
		}
	}
	server.set(func() { server.answer = nil })
	if _, wait = r.again(wait); wait != poll.Every {
		t.Errorf("after the last: %v", wait)
	}
}

func TestFiguresOutliveAFailure(t *testing.T) {
	server := &watch{t: t, metrics: [][]metric{{gateway(natOne)}}, values: map[string][]float64{natOne + " " + activeConnectionCount: {7}}}
	r := start(t, server)
	r.next()
	server.set(func() {
		server.answer = func(w http.ResponseWriter, _ *http.Request, operation string, _ []byte) bool {
			reply(t, w, http.StatusForbidden, refusal{Type: "AccessDenied"})
			return true
		}
	})
	got, _ := r.again(time.Minute)
	if got.Gateway == nil || *got.Gateway.Open != 7 || got.Profile == nil || len(got.Problems) != 1 || !strings.Contains(got.Problems[0].Sentence, "cloudwatch:GetMetricData in") {
		t.Errorf("got %s", show(got))
	}
	if got, _ := r.again(15 * time.Minute); got.Gateway != nil {
		t.Errorf("stale figures are told: %s", show(got))
	}
}

func TestClockSkew(t *testing.T) {
	server := &watch{t: t, metrics: [][]metric{{gateway(natOne)}}, date: t0.Add(time.Hour)}
	r := start(t, server)
	got, _ := r.next()
	if !strings.Contains(show(got.Problems), "clock is 59m40s behind AWS's") {
		t.Errorf("got %+v", got.Problems)
	}
	r.again(time.Minute)
	if end := server.datas[1].EndTime; !end.Equal(t0.Add(time.Hour + time.Minute)) {
		t.Errorf("asked until %v, which is not AWS's now", end)
	}
}

// withKeys gives the SDK a real-looking credential.
func withKeys(t *testing.T) {
	t.Helper()
	alone(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAHUSHHUSH")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret-"+secret)
	t.Setenv("AWS_SESSION_TOKEN", "session-"+secret)
}

func leaks(s string) bool {
	return strings.Contains(s, "hush") || strings.Contains(s, "AKIAHUSH") || strings.Contains(s, "Signature=")
}

func TestCredentialGoesWithTheQuestion(t *testing.T) {
	withKeys(t)
	server := &watch{t: t, metrics: [][]metric{{gateway(natOne)}}, values: map[string][]float64{natOne + " " + activeConnectionCount: {7}}}
	tls := httptest.NewTLSServer(server)
	defer tls.Close()
	got, _ := startWith(t, Options{Endpoint: tls.URL, Transport: tls.Client().Transport}).next()
	if got.Gateway == nil || len(got.Problems) != 0 || leaks(show(got)) {
		t.Errorf("got %s", show(got))
	}
	for _, head := range server.heads {
		if a := head.Get("Authorization"); !strings.Contains(a, "Credential=AKIAHUSHHUSH/") || !strings.Contains(a, "/eu-central-1/monitoring/aws4_request") ||
			head.Get("X-Amz-Security-Token") != "session-"+secret {
			t.Errorf("asked with %v", head)
		}
	}
}

// Whatever a server repeats of what it was sent, no reading holds it, and a
// redirect takes it nowhere.
func TestCredentialIsNeverTold(t *testing.T) {
	withKeys(t)
	for _, status := range []int{200, 302, 307, 308, 400, 401, 403, 404, 418, 429, 500} {
		server := &watch{t: t}
		server.answer = func(w http.ResponseWriter, r *http.Request, _ string, _ []byte) bool {
			said := r.Header.Get("Authorization") + r.Header.Get("X-Amz-Security-Token")
			w.Header().Set("Location", "https://"+r.Host+"/?"+said)
			w.Header().Set("X-Amzn-Query-Error", said+";Sender")
			w.Header().Set("X-Amzn-RequestId", said)
			reply(t, w, status, refusal{Type: said, Message: said})
			return true
		}
		tls := httptest.NewTLSServer(server)
		got, _ := startWith(t, Options{Endpoint: tls.URL, Transport: tls.Client().Transport}).next()
		if len(got.Problems) == 0 || leaks(show(got)) {
			t.Errorf("%d: %s", status, show(got))
		}
		if n := server.questions(); n != 1 {
			t.Errorf("%d: %d requests", status, n)
		}
		tls.Close()
	}
}

// A server without TLS gets a placeholder, though there is a real credential.
func TestNoCredentialWithoutTLS(t *testing.T) {
	withKeys(t)
	server := &watch{t: t}
	start(t, server).next()
	for _, head := range server.heads {
		if a := head.Get("Authorization"); !strings.Contains(a, "Credential=placeholder/") || head.Get("X-Amz-Security-Token") != "" {
			t.Errorf("asked with %v", head)
		}
	}
}

// Nor does one that the AWS configuration names.
func TestEndpointOfTheConfiguration(t *testing.T) {
	withKeys(t)
	server := &watch{t: t}
	plain := httptest.NewServer(server)
	defer plain.Close()
	t.Setenv("AWS_ENDPOINT_URL_CLOUDWATCH", plain.URL)
	got, _ := startWith(t, Options{}).next()
	if len(server.asked) != 0 || len(got.Problems) != 1 || !strings.Contains(got.Problems[0].Sentence, "not encrypted") {
		t.Errorf("%d questions: %+v", len(server.asked), got.Problems)
	}
}

// unreachable fails a test that sends anything.
type unreachable struct{ t *testing.T }

func (u unreachable) RoundTrip(r *http.Request) (*http.Response, error) {
	u.t.Errorf("asked %s", r.URL)
	return nil, http.ErrAbortHandler
}

// Without credentials nobody is asked anything, the instance metadata service
// included.
func TestNoCredentials(t *testing.T) {
	for name, c := range map[string]struct {
		env, config, want string
	}{
		"nothing":    {"", "", "no AWS credentials were found: log in with `aws sso login`"},
		"no profile": {"gone", "[profile here]\nregion = eu-central-1\n", "AWS_PROFILE names a profile that does not exist"},
		"no program": {"p", "[profile p]\ncredential_process = /nonexistent/" + secret + "\n", "no AWS credentials were found"},
		"a loud one": {"p", "[profile p]\ncredential_process = sh -c 'echo " + secret + "; echo " + secret + " >&2; exit 3'\n", "no AWS credentials were found"},
		"SSO":        {"p", "[profile p]\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\n[sso-session s]\nsso_region = eu-central-1\nsso_start_url = https://example.awsapps.com/start\n", "renew it with `aws sso login`"},
	} {
		t.Run(name, func(t *testing.T) {
			alone(t)
			t.Setenv("AWS_PROFILE", c.env)
			if err := os.WriteFile(filepath.Clean(os.Getenv("AWS_CONFIG_FILE")), []byte(c.config), 0o600); err != nil {
				t.Fatal(err)
			}
			got, wait := startWith(t, Options{Transport: unreachable{t}}).next()
			if wait != poll.Slow || len(got.Problems) != 1 || got.Problems[0].What != "credential" || !got.Problems[0].Denied ||
				!strings.Contains(got.Problems[0].Sentence, c.want) || leaks(show(got)) {
				t.Errorf("next in %v: %+v", wait, got.Problems)
			}
		})
	}
}

// A login that comes later is found.
func TestLoginIsFound(t *testing.T) {
	alone(t)
	server := &watch{t: t, metrics: [][]metric{{gateway(natOne)}}}
	tls := httptest.NewTLSServer(server)
	defer tls.Close()
	r := startWith(t, Options{Endpoint: tls.URL, Transport: tls.Client().Transport})
	got, wait := r.next()
	if !got.Problems[0].Denied {
		t.Fatalf("got %+v", got.Problems)
	}
	credentials := "[default]\naws_access_key_id = AKIAHUSHHUSH\naws_secret_access_key = x\n"
	if err := os.WriteFile(filepath.Clean(os.Getenv("AWS_SHARED_CREDENTIALS_FILE")), []byte(credentials), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _ := r.again(wait); got.Profile == nil || len(server.asked) == 0 {
		t.Errorf("got %s", show(got))
	}
}

// A program that gives credentials has neither the terminal's keys nor its
// screen.
func TestCredentialProcessIsQuiet(t *testing.T) {
	alone(t)
	t.Setenv("AWS_PROFILE", "p")
	script := filepath.Join(t.TempDir(), "give")
	text := `#!/bin/sh
read line && exit 3
echo noise >&2
echo '{"Version":1,"AccessKeyId":"AKIAHUSHHUSH","SecretAccessKey":"x","SessionToken":"y"}'
`
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Clean(os.Getenv("AWS_CONFIG_FILE")), []byte("[profile p]\ncredential_process = "+script+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	screen, err := os.Create(filepath.Join(t.TempDir(), "screen"))
	if err != nil {
		t.Fatal(err)
	}
	keys, typed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := typed.WriteString("q\n"); err != nil {
		t.Fatal(err)
	}
	if err := typed.Close(); err != nil {
		t.Fatal(err)
	}
	stderr, stdin := os.Stderr, os.Stdin
	os.Stderr, os.Stdin = screen, keys
	defer func() {
		os.Stderr, os.Stdin = stderr, stdin
		if err := errors.Join(screen.Close(), keys.Close()); err != nil {
			t.Error(err)
		}
	}()

	server := &watch{t: t, metrics: [][]metric{{gateway(natOne)}}}
	tls := httptest.NewTLSServer(server)
	defer tls.Close()
	got, _ := startWith(t, Options{Endpoint: tls.URL, Transport: tls.Client().Transport}).next()
	if got.Profile == nil || len(server.heads) == 0 || server.heads[0].Get("X-Amz-Security-Token") != "y" {
		t.Errorf("got %s", show(got))
	}
	if noise, err := os.ReadFile(screen.Name()); err != nil || len(noise) != 0 {
		t.Errorf("the screen reads %q, %v", noise, err)
	}
}

// An authority of AWS_CA_BUNDLE is trusted, and another is not.
func TestAuthorities(t *testing.T) {
	withKeys(t)
	server := &watch{t: t, metrics: [][]metric{{gateway(natOne)}}}
	tls := httptest.NewUnstartedServer(server)
	tls.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of who does not trust it
	tls.StartTLS()
	defer tls.Close()
	got, _ := startWith(t, Options{Endpoint: tls.URL}).next()
	if len(got.Problems) != 1 || !strings.Contains(got.Problems[0].Sentence, "certificate is not trusted") || len(server.asked) != 0 {
		t.Errorf("got %s", show(got))
	}
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: tls.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
	if got, _ := startWith(t, Options{Endpoint: tls.URL}).next(); got.Profile == nil {
		t.Errorf("got %s", show(got))
	}
}

package google

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/cloud/poll"
)

// The shapes of errors are those of google.rpc.Status and
// google.rpc.ErrorInfo.
func TestErrors(t *testing.T) {
	refusal := func(code int, status, reason string) string {
		return fmt.Sprintf(`{"error":{"code":%d,"message":"Permission denied, %s","status":%q,"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":%q,"domain":"googleapis.com"}]}}`, code, secret, status, reason)
	}
	for name, c := range map[string]struct {
		status int
		header http.Header
		body   string
		want   string
		what   string
		denied bool
		wait   time.Duration
	}{
		"no credential":    {status: 401, body: refusal(401, "UNAUTHENTICATED", "ACCESS_TOKEN_EXPIRED"), want: "refused the credential (HTTP 401 UNAUTHENTICATED ACCESS_TOKEN_EXPIRED)", what: "credential", denied: true, wait: poll.Slow},
		"no right":         {status: 403, body: refusal(403, "PERMISSION_DENIED", "IAM_PERMISSION_DENIED"), want: "roles/monitoring.viewer", denied: true, wait: poll.Slow},
		"no right, no why": {status: 403, body: `<html>`, want: "denied (HTTP 403)", denied: true, wait: poll.Slow},
		"API is off":       {status: 403, body: refusal(403, "PERMISSION_DENIED", "SERVICE_DISABLED"), want: "gcloud services enable monitoring.googleapis.com --project my-project", denied: true, wait: poll.Slow},
		"quota project":    {status: 403, body: refusal(403, "PERMISSION_DENIED", "USER_PROJECT_DENIED"), want: "set-quota-project", denied: true, wait: poll.Slow},
		"scopes":           {status: 403, body: refusal(403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"), want: "scopes", denied: true, wait: poll.Slow},
		"no project":       {status: 404, body: refusal(404, "NOT_FOUND", ""), want: "knows no ", wait: poll.Every},
		"throttled":        {status: 429, body: refusal(429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED"), want: "throttles", wait: 2 * time.Minute},
		"throttled for long": {
			status: 429, header: http.Header{"Retry-After": {"300"}}, body: "", want: "throttles", wait: 5 * time.Minute,
		},
		"throttled by date": {
			status: 429, header: http.Header{"Retry-After": {t0.Add(4*time.Minute + 20*time.Second).Format(http.TimeFormat)}}, want: "throttles", wait: 4 * time.Minute,
		},
		"failed":           {status: 500, body: "oops", want: "failed (HTTP 500)", wait: poll.Every},
		"unavailable":      {status: 503, header: http.Header{"Retry-After": {"120"}}, want: "failed (HTTP 503)", wait: 2 * time.Minute},
		"not understood":   {status: 400, body: `{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"bad\u001b[31m filter"}}`, want: "(HTTP 400 INVALID_ARGUMENT): this is a fault of snattop", wait: poll.Every},
		"login page":       {status: 302, header: http.Header{"Location": {"https://login.example/"}}, want: "redirect", wait: poll.Every},
		"captive portal":   {status: 200, body: "<html>Welcome</html>", want: "makes no sense", wait: poll.Every},
		"empty":            {status: 200, body: "", want: "makes no sense", wait: poll.Every},
		"cut short":        {status: 200, body: `{"timeSeries":[{"metric"`, want: "makes no sense", wait: poll.Every},
		"wrong types":      {status: 200, body: `{"timeSeries":"none"}`, want: "makes no sense", wait: poll.Every},
		"no int64":         {status: 200, body: `{"timeSeries":[{"points":[{"value":{"int64Value":"many"}}]}]}`, want: "makes no sense", wait: poll.Every},
		"partly executed":  {status: 200, body: `{"executionErrors":[{"code":8,"message":"` + secret + `"}]}`, want: "not complete", wait: poll.Every},
		"something else":   {status: 418, body: refusal(418, "x; "+secret, secret), want: "(HTTP 418)", wait: poll.Every},
		"hung up on":       {status: -1, want: "cannot be reached", wait: poll.Every},
		"a flood of bytes": {status: -2, want: "too long", wait: poll.Every},
	} {
		t.Run(name, func(t *testing.T) {
			server := &monitoring{}
			server.answer = func(w http.ResponseWriter, _ *http.Request, _ string) bool {
				switch c.status {
				case -1:
					hangUp(t, w)
					return true
				case -2:
					write(w, make([]byte, poll.MaxAnswer+1))
					return true
				}
				for k, v := range c.header {
					w.Header()[k] = v
				}
				w.WriteHeader(c.status)
				write(w, []byte(c.body))
				return true
			}
			r := start(t, server)
			got, wait := r.next()
			what := c.what
			if what == "" {
				what = "metrics"
			}
			if len(got.Problems) == 0 {
				t.Fatal("nothing was told")
			}
			p := got.Problems[0]
			if p.What != what || p.Denied != c.denied || !strings.Contains(p.Sentence, c.want) {
				t.Errorf("got %+v, want %s: %q, denied %v", p, what, c.want, c.denied)
			}
			if wait != c.wait {
				t.Errorf("asked again after %v, want %v", wait, c.wait)
			}
			if s := show(got); strings.Contains(s, secret) {
				t.Errorf("what the server said is told: %s", s)
			}
			if len(got.Nodes) != 0 || got.Gateway != nil {
				t.Errorf("figures of nothing: %s", show(got))
			}
			// What stops a round is asked for once.
			if c.denied || c.status == 429 || c.status >= 500 || c.status < 0 && c.status != -2 {
				if n := server.questions(); n != 1 {
					t.Errorf("%d questions were asked", n)
				}
			}
		})
	}
}

func hangUp(t *testing.T, w http.ResponseWriter) {
	t.Helper()
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

func TestThrottlingGrows(t *testing.T) {
	server := &monitoring{}
	server.answer = func(w http.ResponseWriter, _ *http.Request, _ string) bool {
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}
	r := start(t, server)
	_, wait := r.next()
	waits := []time.Duration{wait}
	for range 4 {
		_, wait = r.again(wait)
		waits = append(waits, wait)
	}
	for i, want := range []time.Duration{2 * time.Minute, 4 * time.Minute, 8 * time.Minute, poll.Slow, poll.Slow} {
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

// Figures outlive an answer that fails, and one metric that is not there does
// not cost the others.
func TestPartOfTheAnswers(t *testing.T) {
	server := &monitoring{series: map[string][]series{
		portUsage: {labels("gke-a", map[string]string{"ip_protocol": "TCP"}).with(-3, 10)},
	}}
	server.answer = func(w http.ResponseWriter, _ *http.Request, metric string) bool {
		if metric != allocatedPorts {
			return false
		}
		w.WriteHeader(http.StatusNotFound)
		return true
	}
	r := start(t, server)
	got, _ := r.next()
	if len(got.Nodes) != 1 || *got.Nodes[0].TCP.Used != 10 || got.Nodes[0].TCP.Allocated != nil || len(got.Problems) != 1 {
		t.Errorf("got %s", show(got))
	}
	server.set(func() {
		server.answer = func(w http.ResponseWriter, _ *http.Request, _ string) bool {
			w.WriteHeader(http.StatusBadGateway)
			return true
		}
	})
	for _, c := range []struct {
		after time.Duration
		nodes int
	}{{time.Minute, 1}, {10 * time.Minute, 1}, {2 * time.Minute, 0}} {
		got, _ := r.again(c.after)
		if len(got.Nodes) != c.nodes || len(got.Problems) != 1 {
			t.Errorf("%v later: %s", c.after, show(got))
		}
	}
}

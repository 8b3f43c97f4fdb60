package azure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"go.uber.org/goleak"

	"github.com/snattop/snattop/internal/cloud"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secret is a token as a real one looks.
const secret = "eyJhbGciOiJSUzI1NiJ9.secret.secret"

type credential struct {
	mu    sync.Mutex
	asked int
	err   error
}

func (c *credential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	if c.err != nil {
		return azcore.AccessToken{}, c.err
	}
	return azcore.AccessToken{Token: secret, ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// roundTrip is a transport that is a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reply(r *http.Request, status int, body string, header ...string) *http.Response {
	w := httptest.NewRecorder()
	for i := 0; i+1 < len(header); i += 2 {
		w.Header().Set(header[i], header[i+1])
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
	resp := w.Result()
	resp.Request = r
	return resp
}

var ourNodes = []cloud.Node{{Name: "n", InternalIP: "10.0.0.5", ProviderID: machineID(sub1, "mc_g", "virtualMachineScaleSets/s/virtualMachines/0")}}

// follow watches for a while, and returns what was told, what was logged and
// how many requests were sent.
func follow(t *testing.T, o Options, nodes []cloud.Node, d time.Duration) (told []cloud.Reading, log string, requests []*http.Request) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var lines bytes.Buffer
		o.Log = slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
		next := o.Transport
		o.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			requests = append(requests, r)
			return next.RoundTrip(r)
		})
		w, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		feed := make(chan []cloud.Node, 1)
		feed <- nodes
		done := make(chan error, 1)
		go func() { done <- w.Watch(ctx, feed, func(r cloud.Reading) { told = append(told, r) }) }()
		time.Sleep(d)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Watch ended with %v", err)
		}
		log = lines.String()
	})
	return told, log, requests
}

// A token never gets out, whatever the other side does with it.
func TestNoLeaks(t *testing.T) {
	const https = "https://stack.example.com"
	for name, answer := range map[string]roundTrip{
		"error code": func(r *http.Request) (*http.Response, error) {
			return reply(r, 403, `{"error":{"code":"`+secret+`","message":"`+r.Header.Get("Authorization")+`"}}`), nil
		},
		"error header": func(r *http.Request) (*http.Response, error) {
			return reply(r, 401, "", "x-ms-error-code", r.Header.Get("Authorization"), "WWW-Authenticate", r.Header.Get("Authorization")), nil
		},
		"body": func(r *http.Request) (*http.Response, error) {
			return reply(r, 200, r.Header.Get("Authorization")), nil
		},
		"redirect": func(r *http.Request) (*http.Response, error) {
			return reply(r, 302, "", "Location", "https://evil.example.com/"+secret), nil
		},
		"next page": func(r *http.Request) (*http.Response, error) {
			return reply(r, 200, `{"value":[{"properties":{"nodeResourceGroup":"x"}}],"nextLink":"https://evil.example.com/?t=`+secret+`"}`), nil
		},
		"next page that fails": func(r *http.Request) (*http.Response, error) {
			if r.URL.Query().Get("t") != "" {
				return nil, fmt.Errorf("no route")
			}
			return reply(r, 200, `{"value":[],"nextLink":"`+https+`/?t=`+secret+`"}`), nil
		},
		"claims": func(r *http.Request) (*http.Response, error) {
			return reply(r, 401, "", "WWW-Authenticate", `Bearer error="insufficient_claims", claims="`+secret+`"`), nil
		},
		"proxy": func(*http.Request) (*http.Response, error) {
			return nil, errors.New("invalid proxy address http://user:" + secret + "@proxy")
		},
		"server error": func(r *http.Request) (*http.Response, error) {
			return reply(r, 500, "<html>"+r.Header.Get("Authorization")), nil
		},
		"throttled": func(r *http.Request) (*http.Response, error) {
			return reply(r, 429, "", "Retry-After", secret), nil
		},
		"broken off": func(r *http.Request) (*http.Response, error) {
			resp := reply(r, 200, "")
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"value":[`), failing{}))
			return resp, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			told, log, requests := follow(t, Options{Endpoint: https, Credential: &credential{}, Transport: answer}, ourNodes, 30*time.Minute)
			if len(told) == 0 || len(told[len(told)-1].Problems) == 0 {
				t.Fatalf("no problem was told: %+v", told)
			}
			all := fmt.Sprintf("%+v\n%s", told, log)
			if strings.Contains(all, "secret") || strings.Contains(all, "Bearer") {
				t.Errorf("the token got out:\n%s", all)
			}
			for _, r := range requests {
				if r.URL.Host != "stack.example.com" || r.Method != http.MethodGet || r.Header.Get("Authorization") != "Bearer "+secret {
					t.Errorf("%s %s was sent", r.Method, r.URL)
				}
			}
			for _, reading := range told {
				for _, p := range reading.Problems {
					if strings.ContainsAny(p.Sentence, "\n\x1b") || len(p.Sentence) > 600 {
						t.Errorf("problem %q", p.Sentence)
					}
				}
			}
			t.Log(told[len(told)-1].Problems[0].Sentence)
		})
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

// What a credential says when it fails may hold anything.
func TestCredentialFails(t *testing.T) {
	c := &credential{err: errors.New("POST https://login/…\nclient_secret=" + secret + "\nAADSTS700082: the refresh token has expired")}
	refuse := roundTrip(func(r *http.Request) (*http.Response, error) {
		t.Errorf("%s was sent without a token", r.URL)
		return reply(r, 401, ""), nil
	})
	told, log, _ := follow(t, Options{Endpoint: "https://stack.example.com", Credential: c, Transport: refuse}, ourNodes, 25*time.Minute)
	if len(told) != 1 || len(told[0].Problems) != 1 {
		t.Fatalf("%+v", told)
	}
	p := told[0].Problems[0]
	if p.What != "credential" || !p.Denied || !strings.Contains(p.Sentence, "AADSTS700082") || !strings.Contains(p.Sentence, "az login") {
		t.Errorf("%+v", p)
	}
	if strings.Contains(fmt.Sprint(told)+log, "secret=") || c.asked != 3 {
		t.Errorf("asked %d times in 25 minutes:\n%+v\n%s", c.asked, told, log)
	}
}

// Plain http gets the placeholder, whatever credential there is.
func TestPlainGetsNoCredential(t *testing.T) {
	c := &credential{}
	answer := roundTrip(func(r *http.Request) (*http.Response, error) {
		if got := r.Header.Get("Authorization"); got != "Bearer "+placeholder {
			t.Errorf("sent %q", got)
		}
		return reply(r, 200, `{"value":[]}`), nil
	})
	_, _, requests := follow(t, Options{Endpoint: "http://127.0.0.1:1", Credential: c, Transport: answer}, ourNodes, time.Minute)
	if c.asked != 0 || len(requests) == 0 {
		t.Errorf("the credential was asked %d times, %d requests", c.asked, len(requests))
	}
}

func TestTooLarge(t *testing.T) {
	answer := roundTrip(func(r *http.Request) (*http.Response, error) {
		resp := reply(r, 200, "")
		resp.Body = io.NopCloser(io.LimitReader(endless{}, maxBody+1))
		return resp, nil
	})
	told, _, _ := follow(t, Options{Endpoint: "http://127.0.0.1:1", Transport: answer}, ourNodes, time.Second)
	if len(told) == 0 || !strings.Contains(fmt.Sprint(told), "larger than 16 MiB") {
		t.Errorf("%+v", told)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// A list that never ends is not read for ever.
func TestEndlessList(t *testing.T) {
	answer := roundTrip(func(r *http.Request) (*http.Response, error) {
		return reply(r, 200, `{"value":[{"properties":{"nodeResourceGroup":"x"}}],"nextLink":"http://127.0.0.1:1/again"}`), nil
	})
	told, _, requests := follow(t, Options{Endpoint: "http://127.0.0.1:1", Transport: answer}, ourNodes, time.Second)
	if len(requests) > 3*maxPages || !strings.Contains(fmt.Sprint(told), "20 pages") {
		t.Errorf("%d requests: %+v", len(requests), told)
	}
}

func TestNothingToFollow(t *testing.T) {
	w, err := New(Options{Endpoint: "http://127.0.0.1:1", Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("asked %s", r.URL)
	})})
	if err != nil {
		t.Fatal(err)
	}
	feed := make(chan []cloud.Node, 1)
	feed <- []cloud.Node{{Name: "n", InternalIP: "10.0.0.5", ProviderID: "gce://p/z/n"}}
	if err := w.Watch(t.Context(), feed, func(r cloud.Reading) { t.Errorf("told %+v", r) }); err != nil {
		t.Errorf("Watch: %v", err)
	}
}

// Sources: RFC 9110, section 10.2.3: seconds or a date.
func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"": 0, "30": 30 * time.Second, "0": time.Second, "-5": time.Second, "999999": time.Hour, "soon": 0,
		"Fri, 02 Jan 2026 12:02:00 GMT": 2 * time.Minute, "Fri, 02 Jan 2026 11:00:00 GMT": time.Second,
	} {
		resp := &http.Response{Header: http.Header{"Retry-After": {header}, "Date": {"Fri, 02 Jan 2026 12:00:00 GMT"}}}
		if got := retryAfter(resp); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
	if got := retryAfter(nil); got != 0 {
		t.Errorf("no answer: %s", got)
	}
}

func TestBackoff(t *testing.T) {
	last := time.Duration(0)
	for fails := 1; fails < 100; fails++ {
		d := backoff(fails)
		if d < last || d > maxBackoff || d < 15*time.Second {
			t.Errorf("after %d failures: %s", fails, d)
		}
		last = d
	}
}

// A source of tokens that fails, for whatever reason, does not keep the next
// one from being asked, and the one that gave a token is asked first then.
func TestSources(t *testing.T) {
	bad, good := &credential{err: errors.New("not signed in")}, &credential{}
	s := &sources{all: []azcore.TokenCredential{bad, good}}
	for range 3 {
		if token, err := s.GetToken(t.Context(), policy.TokenRequestOptions{}); err != nil || token.Token != secret {
			t.Fatal(err)
		}
	}
	if bad.asked != 1 || good.asked != 3 {
		t.Errorf("asked %d and %d times", bad.asked, good.asked)
	}
	good.err = errors.New("AADSTS50173")
	if _, err := s.GetToken(t.Context(), policy.TokenRequestOptions{}); err == nil || !strings.Contains(err.Error(), "AADSTS50173") {
		t.Errorf("error %v", err)
	}
	if _, err := (guard{&sources{}}).GetToken(t.Context(), policy.TokenRequestOptions{}); err == nil {
		t.Error("a token out of nothing")
	}
}

// The chain asks nobody before it has to, and never the metadata service.
func TestSignedIn(t *testing.T) {
	for _, name := range []string{"AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE"} {
		t.Setenv(name, "")
	}
	e, err := parseEndpoint("")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range signedIn(e.cloud).all {
		names = append(names, strings.TrimPrefix(fmt.Sprintf("%T", c), "*azidentity."))
	}
	if got := strings.Join(names, " "); got != "AzureCLICredential AzureDeveloperCLICredential" {
		t.Errorf("without variables: %s", got)
	}
	t.Setenv("AZURE_TENANT_ID", sub1)
	t.Setenv("AZURE_CLIENT_ID", sub1)
	t.Setenv("AZURE_CLIENT_SECRET", "x")
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", "/nowhere")
	names = nil
	for _, c := range signedIn(e.cloud).all {
		names = append(names, strings.TrimPrefix(fmt.Sprintf("%T", c), "*azidentity."))
	}
	if got := strings.Join(names, " "); got != "EnvironmentCredential WorkloadIdentityCredential AzureCLICredential AzureDeveloperCLICredential" {
		t.Errorf("with variables: %s", got)
	}
}

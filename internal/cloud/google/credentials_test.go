package google

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/snattop/snattop/internal/cloud/poll"
)

// secret is what no sentence may hold.
const secret = "hush-hush-1//0gABC"

// userFile is a credential of gcloud's whose tokens come from tokenURL.
func userFile(t *testing.T, name, tokenURL string) {
	t.Helper()
	data, err := json.Marshal(map[string]string{
		"type": "authorized_user", "client_id": "id-" + secret, "client_secret": "client-" + secret,
		"refresh_token": "refresh-" + secret, "token_uri": tokenURL, "quota_project_id": "quota-project",
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// cloudOf is a server with TLS that is both Cloud Monitoring and the token
// endpoint.
func cloudOf(t *testing.T, api http.Handler, token http.HandlerFunc) (*httptest.Server, Options) {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/v3/", api)
	mux.HandleFunc("/token", token)
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	home := t.TempDir()
	file := filepath.Join(home, "adc.json")
	userFile(t, file, server.URL+"/token")
	return server, Options{
		Endpoint: server.URL, Transport: server.Client().Transport, Home: home,
		Getenv: func(key string) string { return map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": file}[key] },
	}
}

func giveToken(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	write(w, []byte(`{"access_token":"access-`+secret+`","token_type":"Bearer","expires_in":3600}`))
}

func TestCredentialGoesWithTheQuestion(t *testing.T) {
	api := &monitoring{series: map[string][]series{allocatedPorts: {labels("gke-a", nil).with(-5, 64)}}}
	tokens := 0
	_, o := cloudOf(t, api, func(w http.ResponseWriter, r *http.Request) { tokens++; giveToken(w, r) })
	r := startWith(t, o)
	got, _ := r.next()
	r.again(time.Minute)
	if len(got.Nodes) != 1 || len(got.Problems) != 0 {
		t.Fatalf("got %s", show(got))
	}
	for _, request := range api.asked {
		if got := request.Header.Get("Authorization"); got != "Bearer access-"+secret {
			t.Errorf("asked with %q", got)
		}
		if got := request.Header.Get("X-Goog-User-Project"); got != "quota-project" {
			t.Errorf("the quota project is %q", got)
		}
	}
	if tokens != 1 {
		t.Errorf("%d tokens for two rounds", tokens)
	}
}

// Whatever a server repeats of what it was sent, no reading holds it.
func TestCredentialIsNeverTold(t *testing.T) {
	echo := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if err := r.ParseForm(); err != nil {
				t.Error(err)
			}
			said := r.Header.Get("Authorization") + " " + r.Form.Encode() + " refresh-" + secret + " client-" + secret
			body, err := json.Marshal(map[string]any{
				"error":             map[string]any{"code": status, "status": said, "message": said, "details": []any{map[string]any{"reason": said}}},
				"error_description": said,
			})
			if err != nil {
				t.Error(err)
			}
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Location", "https://"+secret+".example/")
			w.Header().Set("Retry-After", said)
			w.WriteHeader(status)
			write(w, body)
		}
	}
	tokenError := func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		body, err := json.Marshal(map[string]string{"error": r.Form.Get("refresh_token"), "error_description": r.Form.Encode()})
		if err != nil {
			t.Error(err)
		}
		write(w, body)
	}
	for _, status := range []int{200, 302, 307, 400, 401, 403, 404, 418, 429, 500} {
		for name, c := range map[string]struct {
			api   http.Handler
			token http.HandlerFunc
		}{
			"api":   {echo(status), giveToken},
			"token": {&monitoring{}, echo(status)},
			"oauth": {&monitoring{}, tokenError},
		} {
			_, o := cloudOf(t, c.api, c.token)
			got, _ := startWith(t, o).next()
			if len(got.Problems) == 0 {
				t.Errorf("%s %d: nothing was told", name, status)
			}
			if s := show(got); strings.Contains(s, "hush") || strings.Contains(s, "0gABC") {
				t.Errorf("%s %d: %s", name, status, s)
			}
		}
	}
}

func TestExpiredLogin(t *testing.T) {
	api := &monitoring{series: map[string][]series{allocatedPorts: {labels("gke-a", nil).with(-5, 64)}}}
	expired := true
	_, o := cloudOf(t, api, func(w http.ResponseWriter, r *http.Request) {
		if !expired {
			giveToken(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		write(w, []byte(`{"error":"invalid_grant","error_description":"Token has been expired or revoked."}`))
	})
	r := startWith(t, o)
	got, wait := r.next()
	if len(got.Problems) != 1 || !got.Problems[0].Denied || wait != poll.Slow ||
		!strings.Contains(got.Problems[0].Sentence, "expired or was revoked: log in with `gcloud auth application-default login`") {
		t.Fatalf("next in %v: %+v", wait, got.Problems)
	}
	// Somebody has logged in.
	expired = false
	if got, wait := r.again(wait); len(got.Nodes) != 1 || len(got.Problems) != 0 || wait != poll.Every {
		t.Errorf("next in %v: %s", wait, show(got))
	}
}

// A server without TLS gets a placeholder, though there is a real credential.
func TestNoCredentialWithoutTLS(t *testing.T) {
	api := &monitoring{}
	server := httptest.NewServer(api)
	defer server.Close()
	file := filepath.Join(t.TempDir(), "adc.json")
	userFile(t, file, server.URL+"/token")
	r := startWith(t, Options{
		Endpoint: server.URL, Transport: server.Client().Transport, Home: t.TempDir(),
		Getenv: func(string) string { return file },
	})
	r.next()
	for _, request := range api.asked {
		if got := request.Header.Get("Authorization"); got != "Bearer placeholder" || request.Header.Get("X-Goog-User-Project") != "" {
			t.Errorf("asked with %v", request.Header)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	user := filepath.Join(dir, "user.json")
	userFile(t, user, "https://token.example")
	userFile(t, filepath.Join(dir, "gcloud", "application_default_credentials.json"), "https://token.example")
	userFile(t, filepath.Join(dir, "home", ".config", "gcloud", "application_default_credentials.json"), "https://token.example")
	for name, c := range map[string]struct {
		env   map[string]string
		home  string
		want  string // of the error
		quota string
	}{
		"nothing":         {want: "gcloud auth application-default login"},
		"a file":          {env: map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": user}, quota: "quota-project"},
		"a quota project": {env: map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": user, "GOOGLE_CLOUD_QUOTA_PROJECT": "mine"}, quota: "mine"},
		"no such file":    {env: map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": filepath.Join(dir, "none")}, home: filepath.Join(dir, "home"), want: "does not exist"},
		"a directory":     {env: map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": dir}, want: "cannot be read"},
		"no JSON":         {env: map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": write("text", secret)}, want: "no credential file"},
		"another kind":    {env: map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": write("kind", `{"type":"`+secret+`"}`)}, want: "no credential file"},
		"half a key":      {env: map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": write("half", `{"type":"external_account","audience":"`+secret+`"}`)}, want: "is not complete"},
		"gcloud's":        {home: filepath.Join(dir, "home"), quota: "quota-project"},
		"gcloud's moved":  {env: map[string]string{"CLOUDSDK_CONFIG": filepath.Join(dir, "gcloud")}, quota: "quota-project"},
		"gcloud's broken": {env: map[string]string{"CLOUDSDK_CONFIG": filepath.Dir(write("broken/application_default_credentials.json", "{"))}, want: "gcloud's credential file is no"},
		"metadata server": {env: map[string]string{"GCE_METADATA_HOST": "127.0.0.1:1"}},
	} {
		cred, err := find(context.Background(), environment{getenv: func(k string) string { return c.env[k] }, home: c.home})
		var words *credentialError
		switch {
		case c.want == "" && (err != nil || cred.source == nil || cred.quotaProject != c.quota):
			t.Errorf("%s: quota %q, %v", name, cred.quotaProject, err)
		case c.want != "" && (!errors.As(err, &words) || !strings.Contains(words.words, c.want) || strings.Contains(words.words, secret)):
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// Where nothing says that there is a metadata server, none is looked for: a
// round without credentials asks nobody anything.
func TestNoProbing(t *testing.T) {
	asked := 0
	r := startWith(t, Options{
		Home: t.TempDir(), Getenv: func(string) string { return "" },
		Transport: roundTrip(func(*http.Request) (*http.Response, error) { asked++; return nil, errors.New("asked") }),
	})
	got, wait := r.next()
	if asked != 0 || wait != poll.Slow || len(got.Problems) != 1 || got.Problems[0].What != "credential" || !got.Problems[0].Denied {
		t.Errorf("%d questions, next in %v: %+v", asked, wait, got.Problems)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Go's words for a proxy that is no URL hold its password.
func TestAProxyIsNotTold(t *testing.T) {
	_, o := cloudOf(t, &monitoring{}, giveToken)
	o.Transport = roundTrip(func(*http.Request) (*http.Response, error) {
		return nil, errors.New("invalid proxy address http://user:" + secret + "@proxy")
	})
	got, _ := startWith(t, o).next()
	if len(got.Problems) != 1 || strings.Contains(show(got), secret) {
		t.Errorf("got %+v", got.Problems)
	}
}

func TestTokenErrors(t *testing.T) {
	t.Parallel()
	for code, want := range tokenErrors {
		err := tokenError(&oauth2.RetrieveError{ErrorCode: code, ErrorDescription: secret, Body: []byte(secret)})
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// A credential that Google refuses is looked for anew: somebody may have
// logged in as somebody else.
func TestAnotherLoginIsFound(t *testing.T) {
	api := &monitoring{series: map[string][]series{allocatedPorts: {labels("gke-a", nil).with(-5, 64)}}}
	api.answer = func(w http.ResponseWriter, r *http.Request, _ string) bool {
		if r.Header.Get("Authorization") == "Bearer another" {
			return false
		}
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
	server, o := cloudOf(t, api, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("of") != "another" {
			giveToken(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		write(w, []byte(`{"access_token":"another","token_type":"Bearer","expires_in":3600}`))
	})
	r := startWith(t, o)
	got, wait := r.next()
	if len(got.Problems) != 1 || !got.Problems[0].Denied {
		t.Fatalf("got %+v", got.Problems)
	}
	userFile(t, o.Getenv("GOOGLE_APPLICATION_CREDENTIALS"), server.URL+"/token?of=another")
	if got, _ := r.again(wait); len(got.Nodes) != 1 || len(got.Problems) != 0 {
		t.Errorf("got %s", show(got))
	}
}

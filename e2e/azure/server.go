package azure

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/snattop/snattop/e2e/ground"
)

// Server is the endpoint. It is a handler; Run fills it with figures.
type Server struct {
	opts Options

	mu     sync.Mutex // guards what follows
	faults Faults
	grains *grains
	truth  ground.Truth // the newest sample
	asked  []string     // "GET /path?query" of the requests, for tests
}

// New makes an endpoint without figures yet.
func New(opts Options) (*Server, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Server{opts: opts, grains: newGrains(opts.Grain)}, nil
}

// SetFaults replaces the faults, those that are there included.
func (s *Server) SetFaults(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// Sample asks the source once.
func (s *Server) Sample(ctx context.Context) error {
	truth, err := s.opts.Source(ctx)
	if err != nil {
		return fmt.Errorf("sampling the gateway: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.truth = truth
	s.grains.add(s.opts.Now(), truth)
	return nil
}

// first samples when that was never done.
func (s *Server) first(ctx context.Context) error {
	s.mu.Lock()
	sampled := len(s.grains.all) > 0
	s.mu.Unlock()
	if sampled {
		return nil
	}
	return s.Sample(ctx)
}

// Run samples until the context ends. A sample that fails is told to failed
// and leaves a gap.
func (s *Server) Run(ctx context.Context, failed func(error)) {
	ticker := time.NewTicker(s.opts.Every)
	defer ticker.Stop()
	for {
		if err := s.Sample(ctx); err != nil && ctx.Err() == nil {
			failed(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Asked returns the requests so far, as "GET /path?query".
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

// maxAsked bounds what Asked remembers.
const maxAsked = 10_000

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/ground/faults" {
		s.control(w, r)
		return
	}
	// Nobody is told of a cluster without nodes because nothing was sampled yet.
	if err := s.first(r.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	s.mu.Lock()
	faults := s.faults
	if len(s.asked) < maxAsked {
		s.asked = append(s.asked, r.Method+" "+r.URL.RequestURI())
	}
	s.mu.Unlock()
	metrics := strings.HasSuffix(strings.ToLower(r.URL.Path), "/providers/microsoft.insights/metrics")
	here := faults.here(metrics)
	if here && faults.Slow > 0 {
		timer := time.NewTimer(faults.Slow)
		defer timer.Stop()
		select {
		case <-r.Context().Done():
			return
		case <-timer.C:
		}
	}
	a := s.answer(r, faults, here, metrics)
	body, err := json.Marshal(a.body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("Date", s.opts.Now().Add(faults.Skew).UTC().Format(http.TimeFormat))
	if a.status == http.StatusTooManyRequests {
		header.Set("Retry-After", strconv.Itoa(int(faults.RetryAfter/time.Second)))
	}
	if here && faults.Truncated {
		body = body[:len(body)/2]
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(body)
}

type answer struct {
	status int
	body   any
}

// refuse is an error as Azure Resource Manager tells it.
//
// Source: "Resource Provider Contract", error response content.
func refuse(status int, code, format string, args ...any) answer {
	return answer{status, map[string]any{"error": map[string]any{"code": code, "message": fmt.Sprintf(format, args...)}}}
}

func (s *Server) answer(r *http.Request, faults Faults, here, metrics bool) answer {
	if here {
		switch faults.Status {
		case http.StatusUnauthorized:
			return refuse(401, "ExpiredAuthenticationToken", "The access token expiry UTC time is earlier than current UTC time.")
		case http.StatusForbidden:
			return refuse(403, "AuthorizationFailed", "The client does not have authorization to perform action over scope '%s'.", r.URL.Path)
		case http.StatusNotFound:
			return refuse(404, "ResourceNotFound", "The Resource '%s' was not found.", r.URL.Path)
		case http.StatusTooManyRequests:
			return refuse(429, "TooManyRequests", "The request is being throttled.")
		case http.StatusInternalServerError:
			return refuse(500, "InternalServerError", "The server encountered an error.")
		}
	}
	if r.Method != http.MethodGet {
		return refuse(405, "MethodNotAllowed", "%s is not served: nothing here is for changing.", r.Method)
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); !ok || token == "" {
		return refuse(401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
	}
	if r.URL.Query().Get("api-version") == "" {
		return refuse(400, "MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required for all requests.")
	}
	if metrics {
		return s.metrics(r, faults)
	}
	return s.resources(r)
}

// control switches faults while the endpoint runs: POST them, one a word.
func (s *Server) control(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.Error(w, "POST the faults, one a word; none to end them", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4096))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	faults, err := ParseFaults(strings.Fields(string(body)))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.SetFaults(faults)
	w.WriteHeader(http.StatusNoContent)
}

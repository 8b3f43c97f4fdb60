package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"go.uber.org/goleak"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/cloud/poll"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// t0 is a whole minute; the clock stands some seconds after it.
var t0 = time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC)

// What CloudWatch reads and writes, in the words of its API reference.
type (
	dimension struct{ Name, Value string }
	metric    struct {
		Namespace, MetricName string
		Dimensions            []dimension
	}
	listIn struct {
		Namespace, MetricName, RecentlyActive, NextToken string
		Dimensions                                       []dimension
	}
	listOut struct {
		Metrics   []metric
		NextToken string `cbor:",omitempty"`
	}
	dataIn struct {
		StartTime, EndTime time.Time
		ScanBy, NextToken  string
		MetricDataQueries  []struct {
			ID         string `cbor:"Id"`
			MetricStat struct {
				Metric metric
				Period int
				Stat   string
			}
		}
	}
	result struct {
		ID         string `cbor:"Id"`
		StatusCode string
		Timestamps []time.Time
		Values     []float64
	}
	dataOut struct {
		MetricDataResults []result
		NextToken         string `cbor:",omitempty"`
	}
	refusal struct {
		Type    string `cbor:"__type"`
		Message string `cbor:"message"`
	}
)

// watch is a server that speaks CloudWatch's RPC v2 CBOR protocol (Smithy,
// "Smithy RPC v2 CBOR protocol"): that of the SDK in go.mod.
type watch struct {
	t  *testing.T
	mu sync.Mutex
	// metrics is what ListMetrics tells, a page each.
	metrics [][]metric
	// values is what there is of a metric of a gateway, by "gateway metric",
	// the newest first, the first of the minute before t0.
	values map[string][]float64
	// answer, when it is set and returns true, answers instead.
	answer func(w http.ResponseWriter, r *http.Request, operation string, body []byte) bool
	date   time.Time
	asked  []string
	lists  []listIn
	datas  []dataIn
	heads  []http.Header
}

func (s *watch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	operation, ok := strings.CutPrefix(r.URL.Path, "/service/GraniteServiceVersion20100801/operation/")
	if !ok || r.Method != http.MethodPost || r.Header.Get("Smithy-Protocol") != "rpc-v2-cbor" {
		s.t.Errorf("%s %s is no RPC v2 CBOR", r.Method, r.URL)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	s.asked = append(s.asked, operation)
	s.heads = append(s.heads, r.Header.Clone())
	w.Header()["Date"] = nil // the real one is no time of this test
	if !s.date.IsZero() {
		w.Header().Set("Date", s.date.Format(http.TimeFormat))
	}
	if s.answer != nil && s.answer(w, r, operation, body) {
		return
	}
	switch operation {
	case listMetrics:
		var in listIn
		s.decode(body, &in)
		s.lists = append(s.lists, in)
		page := 0
		if in.NextToken != "" {
			if _, err := fmt.Sscan(in.NextToken, &page); err != nil {
				s.t.Error(err)
			}
		}
		var out listOut
		if page < len(s.metrics) {
			out.Metrics = s.metrics[page]
		}
		if page+1 < len(s.metrics) {
			out.NextToken = fmt.Sprint(page + 1)
		}
		reply(s.t, w, http.StatusOK, out)
	case getMetricData:
		var in dataIn
		s.decode(body, &in)
		s.datas = append(s.datas, in)
		reply(s.t, w, http.StatusOK, s.data(in))
	default:
		s.t.Errorf("asked for %s", operation)
	}
}

func (s *watch) decode(body []byte, into any) {
	if err := cbor.Unmarshal(body, into); err != nil {
		s.t.Errorf("%x: %v", body, err)
	}
}

func (s *watch) data(in dataIn) (out dataOut) {
	for _, q := range in.MetricDataQueries {
		id := ""
		for _, d := range q.MetricStat.Metric.Dimensions {
			id = strings.TrimSpace(id + " " + d.Value)
		}
		r := result{ID: q.ID, StatusCode: "Complete"}
		for i, v := range s.values[id+" "+q.MetricStat.Metric.MetricName] {
			if v >= 0 { // else a gap
				r.Timestamps = append(r.Timestamps, t0.Add(-time.Duration(i+1)*time.Minute))
				r.Values = append(r.Values, v)
			}
		}
		out.MetricDataResults = append(out.MetricDataResults, r)
	}
	return out
}

func reply(t *testing.T, w http.ResponseWriter, status int, out any) {
	mode, err := cbor.EncOptions{Time: cbor.TimeUnixMicro, TimeTag: cbor.EncTagRequired}.EncMode()
	if err != nil {
		t.Error(err)
		return
	}
	body, err := mode.Marshal(out)
	if err != nil {
		t.Error(err)
	}
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	w.Header().Set("Content-Type", "application/cbor")
	w.WriteHeader(status)
	write(w, body)
}

// write answers with b. Whoever has hung up gets none.
func write(w http.ResponseWriter, b []byte) {
	if _, err := w.Write(b); err != nil {
		return
	}
}

// questions is how many were asked.
func (s *watch) questions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// set changes what the server says.
func (s *watch) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// gateway is a metric of one, as ListMetrics tells it.
func gateway(id string, more ...dimension) metric {
	return metric{namespace, activeConnectionCount, append([]dimension{{gatewayID, id}}, more...)}
}

const (
	natOne = "nat-0123456789abcdef0"
	natTwo = "nat-0fedcba9876543210"
)

// hand is a clock that a test moves.
type hand struct {
	mu    sync.Mutex
	now   time.Time
	waits chan time.Duration
	fire  chan time.Time
}

// run is a Watcher at work.
type run struct {
	*hand
	nodes chan []cloud.Node
	told  chan cloud.Reading
}

func (r *run) next() (cloud.Reading, time.Duration) { return <-r.told, <-r.waits }

// again moves the clock and asks once more.
func (r *run) again(d time.Duration) (cloud.Reading, time.Duration) {
	r.mu.Lock()
	r.now = r.now.Add(d)
	r.mu.Unlock()
	r.fire <- t0
	return r.next()
}

// alone keeps the SDK from the credentials and settings of this machine.
func alone(t *testing.T) {
	t.Helper()
	home := t.TempDir()
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE",
		"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
		"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CLOUDWATCH", "AWS_CA_BUNDLE", "HTTPS_PROXY", "HTTP_PROXY",
	} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", home)
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(home, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(home, "credentials"))
}

var nodes = []cloud.Node{
	{Name: "node-a", ProviderID: "aws:///eu-central-1a/i-0a"},
	{Name: "node-b", ProviderID: "aws:///eu-central-1b/i-0b"},
}

// start runs a Watcher against a handler on this machine, without TLS.
func start(t *testing.T, handler http.Handler) *run {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return startWith(t, Options{Endpoint: server.URL, Transport: server.Client().Transport})
}

func startWith(t *testing.T, o Options) *run {
	t.Helper()
	r := &run{
		hand:  &hand{now: t0.Add(20 * time.Second), waits: make(chan time.Duration, 1), fire: make(chan time.Time)},
		nodes: make(chan []cloud.Node, 1), told: make(chan cloud.Reading, 1),
	}
	o.Clock = poll.Clock{
		Now:   func() time.Time { r.mu.Lock(); defer r.mu.Unlock(); return r.now },
		After: func(d time.Duration) <-chan time.Time { r.waits <- d; return r.fire },
	}
	w, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Watch(ctx, r.nodes, func(reading cloud.Reading) { r.told <- reading }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Watch ended with %v", err)
		}
	})
	r.nodes <- nodes
	return r
}

func show(v any) string {
	b, err := json.Marshal(v)
	return fmt.Sprint(string(b), err)
}

func number(n int) *int { return &n }

package google

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/cloud/poll"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// t0 is a whole minute; the clock stands some seconds after it.
var t0 = time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC)

// monitoring is a server that speaks projects.timeSeries.list.
type monitoring struct {
	mu sync.Mutex
	// series is what there is, by metric.
	series map[string][]series
	// answer, when it is set and returns true, answers in place of series.
	answer func(w http.ResponseWriter, r *http.Request, metric string) bool
	// date is the Date of answers; none when it is zero.
	date time.Time
	// asked holds the requests so far.
	asked []*http.Request
}

var metricType = regexp.MustCompile(`^metric\.type = "([^"]+)"`)

func (m *monitoring) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, r)
	w.Header()["Date"] = nil // the real one is no time of this test
	if !m.date.IsZero() {
		w.Header().Set("Date", m.date.Format(http.TimeFormat))
	}
	metric := metricType.FindStringSubmatch(r.URL.Query().Get("filter"))
	if metric == nil {
		http.Error(w, "no metric", http.StatusTeapot)
		return
	}
	if m.answer != nil && m.answer(w, r, metric[1]) {
		return
	}
	say(w, page{TimeSeries: m.series[metric[1]]})
}

// write answers with b. Whoever has hung up gets none.
func write(w http.ResponseWriter, b []byte) {
	if _, err := w.Write(b); err != nil {
		return
	}
}

// say answers with v in JSON.
func say(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	write(w, b)
}

// questions is how many were asked.
func (m *monitoring) questions() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.asked)
}

// requests are those for a metric.
func (m *monitoring) requests(metric string) (found []*http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.asked {
		if s := metricType.FindStringSubmatch(r.URL.Query().Get("filter")); len(s) == 2 && s[1] == metric {
			found = append(found, r)
		}
	}
	return found
}

// set changes what the server says.
func (m *monitoring) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

// MarshalJSON writes an int64 as Google does.
func (i integer) MarshalJSON() ([]byte, error) {
	return json.Marshal(strconv.FormatInt(int64(i), 10))
}

// labels is a series of a machine in zone us-central1-a, without points.
func labels(instance string, metric map[string]string) series {
	var s series
	s.Resource.Labels = map[string]string{"instance_id": "id-of-" + instance, "zone": "us-central1-a"}
	if instance != "" {
		s.Metadata.SystemLabels = map[string]any{"name": instance, "state": "ACTIVE"}
	}
	s.Metric.Labels = map[string]string{"nat_project_number": "123456", "router_id": "99", "nat_gateway_name": "nat-1"}
	for k, v := range metric {
		s.Metric.Labels[k] = v
	}
	return s
}

// with adds a point of each minute after t0, newest first as Google tells
// them; a value below zero is a gap.
func (s series) with(minute int, values ...int) series {
	for i := len(values) - 1; i >= 0; i-- {
		if values[i] < 0 {
			continue
		}
		var p point
		p.Interval.EndTime = t0.Add(time.Duration(minute+i) * time.Minute)
		v := integer(values[i])
		p.Value.Int64 = &v
		s.Points = append(s.Points, p)
	}
	return s
}

// hand is a clock that a test moves.
type hand struct {
	mu    sync.Mutex
	now   time.Time
	waits chan time.Duration
	fire  chan time.Time
}

func newHand() *hand {
	return &hand{now: t0.Add(20 * time.Second), waits: make(chan time.Duration, 1), fire: make(chan time.Time)}
}

func (h *hand) clock() poll.Clock {
	return poll.Clock{
		Now:   func() time.Time { h.mu.Lock(); defer h.mu.Unlock(); return h.now },
		After: func(d time.Duration) <-chan time.Time { h.waits <- d; return h.fire },
	}
}

// run is a Watcher at work.
type run struct {
	*hand
	nodes chan []cloud.Node
	told  chan cloud.Reading
}

// next waits for a reading and how long the next one is away.
func (r *run) next() (cloud.Reading, time.Duration) { return <-r.told, <-r.waits }

// again moves the clock and asks once more.
func (r *run) again(d time.Duration) (cloud.Reading, time.Duration) {
	r.mu.Lock()
	r.now = r.now.Add(d)
	r.mu.Unlock()
	r.fire <- t0
	return r.next()
}

var twoNodes = []cloud.Node{
	{Name: "node-a", ProviderID: "gce://my-project/us-central1-a/gke-a"},
	{Name: "node-b", ProviderID: "gce://my-project/us-central1-a/gke-b"},
}

// start runs a Watcher with two nodes against a handler on this machine.
func start(t *testing.T, handler http.Handler) *run {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return startWith(t, Options{
		Endpoint: server.URL, Transport: server.Client().Transport,
		Getenv: func(string) string { return "" }, Home: t.TempDir(),
	})
}

func startWith(t *testing.T, o Options) *run {
	t.Helper()
	r := &run{hand: newHand(), nodes: make(chan []cloud.Node, 1), told: make(chan cloud.Reading, 1)}
	o.Clock = r.clock()
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
	r.nodes <- twoNodes
	return r
}

package live_test

import (
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/transport"

	"github.com/snattop/snattop/internal/session/live"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/payload"
)

// counting counts the requests that pass.
type counting struct {
	http.RoundTripper
	n *atomic.Int64
}

func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	if os.Getenv("SNATTOP_TEST_REQUESTS") != "" {
		println(time.Now().Format("05.000"), r.Method, r.URL.Path, r.URL.RawQuery)
	}
	return c.RoundTripper.RoundTrip(r)
}

// TestClusterIsLeftAlone counts the requests of a session in its steady state:
// beyond the watches and streams that are open there must be none.
func TestClusterIsLeftAlone(t *testing.T) {
	file, probe := os.Getenv("SNATTOP_TEST_KUBECONFIG"), os.Getenv("SNATTOP_TEST_PROBE")
	if file == "" || probe == "" {
		t.Skip("SNATTOP_TEST_KUBECONFIG and SNATTOP_TEST_PROBE name no cluster and probe")
	}
	cfg, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		t.Fatal(err)
	}
	k8s.QuietLogs(nil)
	var sent atomic.Int64
	cfg.WrapTransport = transport.Wrappers(func(rt http.RoundTripper) http.RoundTripper { return counting{rt, &sent} })
	client, err := k8s.FromConfig(cfg, k8s.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	const steadyTicks = 20
	rec := newRecorder(t)
	before, steady := int64(-1), int64(0)
	_ = rec.until(live.New(client, live.Options{Payload: payload.FromFile(probe)}), time.Minute, func() bool {
		least := 1 << 30
		for _, n := range rec.ticks {
			least = min(least, n)
		}
		if len(rec.ticks) < 3 {
			return false
		}
		if before < 0 && least >= 2 {
			before = sent.Load()
		}
		steady = sent.Load() - before
		return least >= 2+steadyTicks
	})
	t.Logf("%d requests to start on three nodes, %d in %d s of streaming, %d to clean up", before, steady, steadyTicks, sent.Load()-before-steady)
	if steady > 1 {
		t.Error("the API server is asked again and again")
	}
}

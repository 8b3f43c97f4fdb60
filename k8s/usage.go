package k8s

import (
	"context"
	"net/url"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Usage is what a node uses, as the cluster measures it.
type Usage struct {
	// Cores and Memory (bytes) in use; nil when that was not told.
	Cores  *float64
	Memory *uint64
	// At is when it was measured, Window over how long; zero when not told.
	At     time.Time
	Window time.Duration
}

// maxUsage bounds an answer. A kubelet's summary has an entry for each of its
// pods even when it is asked for processor and memory only.
const maxUsage = 8 << 20

// MetricsUsage asks the metrics API (metrics.k8s.io) for a node: what kubectl
// top node prints. A cluster without one answers KindNotFound.
func (c *Client) MetricsUsage(ctx context.Context, node string) (Usage, error) {
	var m struct {
		Timestamp time.Time `json:"timestamp"`
		Window    string    `json:"window"`
		Usage     struct {
			CPU    string `json:"cpu"`
			Memory string `json:"memory"`
		} `json:"usage"`
	}
	if err := c.GetJSON(ctx, "/apis/metrics.k8s.io/v1beta1/nodes/"+url.PathEscape(node), nil, maxUsage, &m); err != nil {
		return Usage{}, err
	}
	u := Usage{At: m.Timestamp}
	u.Window, _ = time.ParseDuration(m.Window) // zero when it is none
	if q, err := resource.ParseQuantity(m.Usage.CPU); err == nil {
		u.Cores = new(q.AsApproximateFloat64())
	}
	if q, err := resource.ParseQuantity(m.Usage.Memory); err == nil {
		if n := q.Value(); n >= 0 {
			u.Memory = new(uint64(n))
		}
	}
	return u, nil
}

// KubeletUsage asks a node's kubelet for its summary, through the API server.
func (c *Client) KubeletUsage(ctx context.Context, node string) (Usage, error) {
	var s struct {
		Node struct {
			CPU struct {
				Time           time.Time `json:"time"`
				UsageNanoCores *uint64   `json:"usageNanoCores"`
			} `json:"cpu"`
			Memory struct {
				WorkingSetBytes *uint64 `json:"workingSetBytes"`
			} `json:"memory"`
		} `json:"node"`
	}
	path := "/api/v1/nodes/" + url.PathEscape(node) + "/proxy/stats/summary"
	if err := c.GetJSON(ctx, path, url.Values{"only_cpu_and_memory": {"true"}}, maxUsage, &s); err != nil {
		return Usage{}, err
	}
	u := Usage{At: s.Node.CPU.Time, Memory: s.Node.Memory.WorkingSetBytes}
	if n := s.Node.CPU.UsageNanoCores; n != nil {
		u.Cores = new(float64(*n) / 1e9)
	}
	return u, nil
}

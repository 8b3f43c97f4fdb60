package azure

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/e2e/ground"
	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/snat"
)

func TestLoadBalancer(t *testing.T) {
	// 3 nodes, 2 protocols, 2 frontends: 12 series, beyond the default of 10.
	watch(t, fleet(3), Options{IPs: 2}, nil, func(b *bed) {
		settle(time.Second)
		b.gateway.change(func(nodes []ground.NodeTruth) { nodes[2].Refused += 30 })
		settle(time.Minute) // that very minute
		r := b.now()
		if r.Provider != snat.ProviderAzureLB || r.Source != "Azure Monitor" || len(r.Problems) != 0 {
			b.Fatalf("reading %+v", r)
		}
		p := r.Profile
		if p == nil || p.Outbound != "loadBalancer" || p.PortsPerNode != 1024 || p.IPs != 2 || p.IdleTimeout != 30*time.Minute ||
			p.Nodes != 3 || p.Surge != 1 || p.MaxNodes != 9 || p.Name != ClusterName || p.Group != ClusterGroup || p.Shared {
			b.Errorf("profile %+v", p)
		}
		if len(r.Nodes) != 3 {
			b.Fatalf("%d nodes of 3", len(r.Nodes))
		}
		for i, n := range r.Nodes {
			if n.IP != address(i) || number(n.TCP.Used) != 100*(i+1) || number(n.UDP.Used) != 10*(i+1) ||
				number(n.TCP.Allocated) != 1024 || number(n.UDP.Allocated) != 1024 {
				b.Errorf("node %d: %s used %d/%d of %d/%d", i, n.IP, number(n.TCP.Used), number(n.UDP.Used), number(n.TCP.Allocated), number(n.UDP.Allocated))
			}
			if age := time.Since(n.At); age < 0 || age > time.Minute+time.Second {
				b.Errorf("node %d: figures %s old", i, age)
			}
			failed := 0
			if i == 2 {
				failed = 30
			}
			if got := number(n.Both.Failed); got != failed || n.Both.Lost != "connections" || n.TCP.Failed != nil {
				b.Errorf("node %d: %d failed, want %d", i, got, failed)
			}
		}
	})
}

func TestNATGateway(t *testing.T) {
	watch(t, fleet(2), Options{Outbound: OutboundNATGateway, IPs: 2, IdleTimeout: 4 * time.Minute}, nil, func(b *bed) {
		settle(time.Second)
		b.gateway.change(func(nodes []ground.NodeTruth) { nodes[0].Refused += 7 })
		settle(time.Minute)
		r := b.now()
		if r.Provider != snat.ProviderAzureNATGW || len(r.Nodes) != 0 || len(r.Problems) != 0 {
			b.Fatalf("reading %+v", r)
		}
		p := r.Profile
		if p == nil || p.Outbound != "managedNATGateway" || p.IPs != 2 || p.PortsPerNode != 0 || p.IdleTimeout != 4*time.Minute ||
			p.Gateway != GatewayName || p.Nodes != 2 {
			b.Errorf("profile %+v", p)
		}
		if g := r.Gateway; g == nil || number(g.Open) != 300 || number(g.Failed) != 7 || number(g.Dropped) != 7 {
			b.Errorf("gateway %+v", g)
		}
	})
}

// Outbound types whose ports are somebody else's are named, and nothing is
// made up for them.
func TestOtherOutboundTypes(t *testing.T) {
	for _, outbound := range []string{"userDefinedRouting", "none", "block", "newThing"} {
		watch(t, fleet(1), Options{Outbound: outbound}, nil, func(b *bed) {
			settle(3 * time.Minute)
			r := b.now()
			if r.Provider != snat.ProviderUnknown || len(r.Nodes) != 0 || r.Profile == nil || r.Profile.Outbound != outbound ||
				len(r.Problems) != 1 || !strings.Contains(r.Problems[0].Sentence, outbound) || !strings.Contains(r.Problems[0].Sentence, "--snat-ports") {
				b.Errorf("%s: %+v", outbound, r)
			}
		})
	}
}

func problem(r cloud.Reading, words string) (cloud.Problem, bool) {
	i := slices.IndexFunc(r.Problems, func(p cloud.Problem) bool { return strings.Contains(p.Sentence, words) })
	if i < 0 {
		return cloud.Problem{}, false
	}
	return r.Problems[i], true
}

func TestFaults(t *testing.T) {
	for _, test := range []struct {
		faults string
		what   string
		words  string
		denied bool
		// within is how many requests are at most sent in the 9 minutes after
		// the fault began.
		within int
	}{
		{"401", "credential", "401 ExpiredAuthenticationToken", true, 1},
		{"403", "profile", "403 AuthorizationFailed", true, 4},
		{"403 only=metrics", "metrics", "Monitoring Reader", true, 12},
		{"404", "profile", "404 ResourceNotFound", false, 18},
		{"404 only=metrics", "metrics", "404 ResourceNotFound", false, 20},
		{"429=2m", "profile", "asked again in 2m0s", false, 7},
		{"429=7m only=metrics", "metrics", "asked again in 7m0s", false, 9},
		{"500", "profile", "500 InternalServerError", false, 18},
		{"500 only=metrics", "metrics", "500 InternalServerError", false, 20},
		{"slow=5m", "profile", "no answer within 40s", false, 20},
		{"truncated", "profile", "no valid JSON", false, 30},
		{"truncated only=metrics", "metrics", "no valid JSON", false, 20},
	} {
		t.Run(test.faults, func(t *testing.T) {
			faults, err := ParseFaults(strings.Fields(test.faults))
			if err != nil {
				t.Fatal(err)
			}
			g := fleet(3)
			watch(t, g, Options{}, nil, func(b *bed) {
				// At the very start as well: nothing is known then.
				b.server.SetFaults(faults)
				settle(9 * time.Minute)
				p, ok := problem(b.now(), test.words)
				if !ok || p.What != test.what || p.Denied != test.denied {
					b.Errorf("from the start: problems %+v", b.now().Problems)
				}
				if n := len(b.server.Asked()); n > test.within {
					b.Errorf("%d requests in 9 minutes, at most %d were due:\n%s", n, test.within, strings.Join(b.server.Asked(), "\n"))
				}
				for _, n := range b.now().Nodes {
					if number(n.TCP.Used) == 0 {
						b.Errorf("a figure that was not read is 0: %+v", n)
					}
				}
				b.server.SetFaults(Faults{})
				settle(11 * time.Minute)
				if r := b.now(); len(r.Problems) != 0 || len(r.Nodes) != 3 || r.Profile == nil {
					b.Fatalf("after the fault: %+v", r)
				}
				b.server.SetFaults(faults)
				settle(7 * time.Minute)
				if r := b.now(); len(r.Nodes) != 3 || r.Profile == nil {
					b.Errorf("what was known is forgotten at once: %+v", r)
				}
				settle(15 * time.Minute)
				if faults.Only != "resources" {
					if r := b.now(); len(r.Nodes) != 0 || r.Profile == nil {
						b.Errorf("figures of long ago are told: %+v", r)
					}
				}
			})
		})
	}
}

func TestLowerCase(t *testing.T) {
	watch(t, fleet(3), Options{IPs: 2}, nil, func(b *bed) {
		b.server.SetFaults(Faults{LowerCase: true})
		b.gateway.change(func(nodes []ground.NodeTruth) { nodes[0].Refused += 5 })
		settle(2 * time.Minute)
		r := b.now()
		if len(r.Nodes) != 3 || len(r.Problems) != 0 || number(r.Nodes[1].TCP.Used) != 200 || number(r.Nodes[1].UDP.Used) != 20 || r.Nodes[0].Both.Failed == nil {
			b.Errorf("%+v", r)
		}
	})
}

// A minute without a value is not zero: the newest value counts, and says of
// when it is.
func TestGaps(t *testing.T) {
	watch(t, fleet(1), Options{}, nil, func(b *bed) {
		b.gateway.change(func(nodes []ground.NodeTruth) { nodes[0].TCP = 500 })
		settle(2*time.Minute + 30*time.Second)
		b.server.SetFaults(Faults{Gaps: 4})
		settle(90 * time.Second)
		n := b.now().Nodes[0]
		age := time.Since(n.At)
		if number(n.TCP.Used) != 100 || number(n.TCP.Allocated) != 1024 || age < 4*time.Minute || age > 6*time.Minute {
			b.Errorf("used %d of %d, %s old", number(n.TCP.Used), number(n.TCP.Allocated), age)
		}
		b.server.SetFaults(Faults{Gaps: keep})
		settle(2 * time.Minute)
		if _, ok := problem(b.now(), "no ports of 1 of 1 nodes yet"); !ok {
			b.Errorf("problems %+v", b.now().Problems)
		}
	})
}

func TestSkew(t *testing.T) {
	for skew, words := range map[time.Duration]string{
		10 * time.Minute: "10 minutes behind Azure's", -10 * time.Minute: "10 minutes ahead of Azure's", time.Minute: "",
	} {
		watch(t, fleet(2), Options{}, nil, func(b *bed) {
			b.server.SetFaults(Faults{Skew: skew})
			settle(2 * time.Minute)
			r := b.now()
			if len(r.Nodes) != 2 || r.Profile == nil {
				b.Errorf("%s: %+v", skew, r)
			}
			p, ok := problem(r, "clock of this machine")
			if ok != (words != "") || ok && (!strings.Contains(p.Sentence, words) || p.What != "clock") {
				b.Errorf("%s: problems %+v", skew, r.Problems)
			}
		})
	}
}

func TestPages(t *testing.T) {
	watch(t, fleet(1), Options{PageSize: 1}, nil, func(b *bed) {
		settle(time.Minute)
		if r := b.now(); r.Profile == nil || r.Profile.Name != ClusterName || len(r.Problems) != 0 {
			b.Errorf("%+v", r)
		}
	})
}

func TestShared(t *testing.T) {
	watch(t, fleet(2), Options{Shared: true}, nil, func(b *bed) {
		settle(time.Minute)
		if p := b.now().Profile; p == nil || !p.Shared || p.Nodes != 3 {
			b.Errorf("profile %+v", p)
		}
	})
}

// A smaller grain is asked for at its own pace, and values come with delay.
func TestSmallGrain(t *testing.T) {
	// 20 minutes are more grains than are remembered.
	watch(t, fleet(1), Options{Grain: 2 * time.Second, Every: time.Second, Delay: 3 * time.Second}, nil, func(b *bed) {
		settle(20 * time.Second)
		b.gateway.change(func(nodes []ground.NodeTruth) { nodes[0].TCP = 777 })
		settle(21 * time.Second)
		if n := b.now().Nodes[0]; number(n.TCP.Used) != 777 || time.Since(n.At) > 15*time.Second {
			b.Errorf("used %d, %s old", number(n.TCP.Used), time.Since(n.At))
		}
	})
}

// 600 nodes are more series than one answer holds.
func TestManyNodes(t *testing.T) {
	watch(t, fleet(600), Options{}, nil, func(b *bed) {
		settle(time.Minute)
		r := b.now()
		if len(r.Nodes) != 600 || len(r.Problems) != 0 {
			b.Errorf("%d nodes, problems %+v", len(r.Nodes), r.Problems)
		}
		for i, n := range r.Nodes {
			if n.TCP.Used == nil || n.UDP.Allocated == nil || n.Both.Failed == nil {
				b.Errorf("node %d: %+v", i, n)
			}
		}
		for _, asked := range b.server.Asked() {
			if len(asked) > 8000 {
				b.Errorf("an address of %d bytes", len(asked))
			}
		}
	})
}

// Whoever may read the cluster and not the subscription is led to it by the
// node resource group.
func TestListForbidden(t *testing.T) {
	forbid := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(strings.ToLower(r.URL.Path), "managedclusters") {
				w.WriteHeader(http.StatusForbidden)
				fmt.Fprint(w, `{"error":{"code":"AuthorizationFailed"}}`)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	watch(t, fleet(1), Options{}, forbid, func(b *bed) {
		settle(time.Minute)
		if r := b.now(); r.Profile == nil || r.Profile.Name != ClusterName || len(r.Problems) != 0 || len(r.Nodes) != 1 {
			b.Errorf("%+v", r)
		}
	})
	// And who may read neither still gets what the balancer shows.
	none := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if path := strings.ToLower(r.URL.Path); strings.Contains(path, "managedclusters") {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	watch(t, fleet(2), Options{}, none, func(b *bed) {
		settle(time.Minute)
		r := b.now()
		p, ok := problem(r, "not allowed (403)")
		if !ok || !p.Denied || r.Provider != snat.ProviderAzureLB || len(r.Nodes) != 2 || r.Profile == nil ||
			r.Profile.PortsPerNode != 1024 || r.Profile.IPs != 1 || r.Profile.Nodes != 2 || r.Profile.Outbound != "" {
			b.Errorf("%+v %+v", r, r.Profile)
		}
	})
}

func TestNodesChange(t *testing.T) {
	g := fleet(3)
	watch(t, g, Options{}, nil, func(b *bed) {
		settle(time.Minute)
		nodes := g.clusterNodes()
		nodes[2].ProviderID = strings.Replace(nodes[2].ProviderID, "mc_rg_ground_weu", "mc_other", 1)
		nodes = append(nodes, cloud.Node{Name: "odd", ProviderID: "azure:///subscriptions/../resourceGroups/x"})
		b.nodes <- nodes
		settle(3 * time.Minute)
		r := b.now()
		if len(r.Nodes) != 2 || len(r.Problems) != 2 || r.Problems[0].What != "nodes" || r.Problems[1].What != "nodes" {
			b.Errorf("%+v", r)
		}
		b.nodes <- g.clusterNodes()
		settle(3 * time.Minute)
		if r := b.now(); len(r.Nodes) != 3 || len(r.Problems) != 0 {
			b.Errorf("%+v", r)
		}
	})
}

// The endpoint is as strict as Azure where a client may slip.
func TestProtocol(t *testing.T) {
	g := fleet(8)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	server, err := New(Options{Source: g.truth, Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Sample(t.Context()); err != nil {
		t.Fatal(err)
	}
	at = at.Add(2 * time.Minute)
	metrics := id(NodeGroup, balancerPath) + "/providers/Microsoft.Insights/metrics?"
	for _, test := range []struct {
		query  string
		status int
		want   string
		count  int // of that text
	}{
		{"api-version=2024-02-01&metricnames=UsedSnatPorts&aggregation=average&$filter=BackendIPAddress+eq+'*'+and+ProtocolType+eq+'*'", 200, `"metadatavalues"`, 10},
		{"api-version=2024-02-01&metricnames=UsedSnatPorts&aggregation=average&$filter=BackendIPAddress+eq+'*'+and+ProtocolType+eq+'*'&top=1000", 200, `"metadatavalues"`, 16},
		{"api-version=2024-02-01&metricnames=UsedSnatPorts&$filter=BackendIPAddress+eq+'10.224.0.5'+or+BackendIPAddress+eq+'10.224.0.6'&top=1000", 200, `"metadatavalues"`, 2},
		{"api-version=2024-02-01&metricnames=UsedSnatPorts", 200, `"average":247.5`, 1}, // over 8 nodes and both protocols
		{"metricnames=UsedSnatPorts", 400, "MissingApiVersionParameter", 1},
		{"api-version=2024-02-01&metricnames=SNATConnectionCount", 400, "Failed to find metric", 1},
		{"api-version=2024-02-01&metricnames=SnatConnectionCount&$filter=ProtocolType+eq+'*'", 400, "does not support the dimension", 1},
		{"api-version=2024-02-01&metricnames=UsedSnatPorts&$filter=BackendIPAddress+eq+'a'+or+ProtocolType+eq+'*'", 400, "or cannot separate", 1},
		{"api-version=2024-02-01&metricnames=UsedSnatPorts&interval=PT7M", 400, "invalid time grain", 1},
	} {
		r := httptest.NewRequest(http.MethodGet, metrics+test.query, nil)
		r.Header.Set("Authorization", "Bearer x")
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		if w.Code != test.status || strings.Count(w.Body.String(), test.want) != test.count {
			t.Errorf("%s: %d with %d of %s:\n%.2000s", test.query, w.Code, strings.Count(w.Body.String(), test.want), test.want, w.Body)
		}
	}
	w := httptest.NewRecorder()
	server.ServeHTTP(w, httptest.NewRequest(http.MethodGet, metrics+"api-version=1", nil))
	if w.Code != http.StatusUnauthorized {
		t.Errorf("without a token: %d", w.Code)
	}
}

func TestParseFaults(t *testing.T) {
	f, err := ParseFaults([]string{"429=10s", "lowercase", "gaps=2", "slow=1s", "skew=-3m", "truncated", "only=metrics"})
	want := Faults{Status: 429, RetryAfter: 10 * time.Second, LowerCase: true, Gaps: 2, Slow: time.Second, Skew: -3 * time.Minute, Truncated: true, Only: "metrics"}
	if err != nil || f != want {
		t.Errorf("%+v, %v", f, err)
	}
	for _, bad := range []string{"402", "slow=x", "only=x", "gaps=x"} {
		if _, err := ParseFaults([]string{bad}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	server, err := New(Options{Source: fleet(1).truth})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	server.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/ground/faults", strings.NewReader("403 only=metrics")))
	if w.Code != http.StatusNoContent || server.faults.Status != 403 || server.faults.Only != "metrics" {
		t.Errorf("switching faults: %d, %+v", w.Code, server.faults)
	}
}

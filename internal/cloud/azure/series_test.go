package azure

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/monitor/armmonitor"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestParseInterval(t *testing.T) {
	// Source of the spelling: ISO 8601-1, durations.
	for text, want := range map[string]time.Duration{
		"PT1M": time.Minute, "pt5s": 5 * time.Second, "PT1H": time.Hour, "P1D": 24 * time.Hour, "PT1M30S": 90 * time.Second,
		"": 0, "FULL": 0, "P": 0, "PT": 0, "PTM": 0, "PT1": 0, "PT0S": 0, "P2D": 0, "P1M": 0, "PT99999999999999999999S": 0, "PT-1M": 0,
	} {
		got, ok := parseInterval(text)
		if ok != (want > 0) || ok && got != want {
			t.Errorf("%q: %s, %v", text, got, ok)
		}
	}
}

// respond makes an answer of one metric from series in the short form
// "ip protocol frontend" and its values, oldest first, the last one of the
// minute before noon; NaN is a point without a value.
func respond(t testing.TB, metric string, value string, series map[string][]float64) *armmonitor.Response {
	t.Helper()
	var all []any
	for dimensions, values := range series {
		var ip, protocol, frontend string
		if _, err := fmt.Sscan(dimensions, &ip, &protocol, &frontend); err != nil {
			t.Fatal(err)
		}
		var data []any
		for i, v := range values {
			p := map[string]any{"timeStamp": noon.Add(time.Duration(i-len(values)) * time.Minute).Format(time.RFC3339)}
			if !math.IsNaN(v) {
				p[value] = v
			}
			data = append(data, p)
		}
		named := func(name, v string) any {
			return map[string]any{"name": map[string]any{"value": name}, "value": v}
		}
		all = append(all, map[string]any{"data": data, "metadatavalues": []any{
			named("BackendIPAddress", ip), named("protocoltype", protocol), named("CONNECTIONSTATE", protocol), named("FrontendIPAddress", frontend)}})
	}
	return decode(t, map[string]any{"interval": "PT1M", "value": []any{
		map[string]any{"name": map[string]any{"value": metric}, "errorCode": "Success", "timeseries": all}}})
}

func decode(t testing.TB, v any) *armmonitor.Response {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var resp armmonitor.Response
	if err := json.Unmarshal(text, &resp); err != nil {
		t.Fatal(err)
	}
	return &resp
}

var none = math.NaN()

func TestFoldNodes(t *testing.T) {
	ports := read(respond(t, "UsedSnatPorts", "average", map[string][]float64{
		"10.0.0.5 TCP 20.0.0.1": {1, 100.4, none},                        // trailing points have no value
		"10.0.0.5 6 20.0.0.2":   {1, 2, 50.3},                            // frontends add up, and round once
		"10.0.0.5 tcp 20.0.0.3": {7, 7, 7, 7, 7, none, none, none, none}, // ended
		"10.0.0.5 17 20.0.0.1":  {3, 4, 0},                               // a zero that was told is one
		"10.0.0.5 Any 20.0.0.1": {9, 9, 9},                               // of no protocol
		"10.0.0.9 TCP 20.0.0.1": {9, 9, 9},                               // of no node of ours
		"host\x1b[31m TCP x":    {9, 9, 9},                               // of no address
		"::ffff:10.0.0.6 TCP x": {none, none, none},                      // no value at all
		"::ffff:10.0.0.7 TCP x": {5, 6, -1},                              // no count
		"10.0.0.7 UDP 20.0.0.1": {5, 6, 1e300},                           // none either
	}), noon, average)
	connections := read(respond(t, "SnatConnectionCount", "total", map[string][]float64{
		"10.0.0.5 Failed 20.0.0.1":     {1, 2, 3},
		"10.0.0.5 failed 20.0.0.2":     {1, 2, 4},
		"10.0.0.5 Successful 20.0.0.1": {100, 100, 100},
		"10.0.0.6 Pending x":           {1, 1, 1},
	}), noon, total)
	got := foldNodes(ports, connections, []string{"10.0.0.5", "10.0.0.6", "10.0.0.7"})
	if len(got) != 2 || got[0].IP != "10.0.0.5" || got[1].IP != "10.0.0.7" {
		t.Fatalf("%+v", got)
	}
	n := got[0]
	// 100.4 + 50.3 is 150.7; the third frontend ended five minutes ago.
	if number(n.TCP.Used) != 151 || number(n.UDP.Used) != 0 || n.TCP.Allocated != nil || number(n.Both.Failed) != 7 || n.Both.Lost != "connections" {
		t.Errorf("used %d/%d, failed %d", number(n.TCP.Used), number(n.UDP.Used), number(n.Both.Failed))
	}
	if !n.At.Equal(noon) {
		t.Errorf("as of %s", n.At)
	}
	if n := got[1]; number(n.TCP.Used) != 6 || number(n.UDP.Used) != 6 || !n.At.Equal(noon.Add(-time.Minute)) || n.Both.Failed != nil {
		t.Errorf("used %d/%d as of %s", number(n.TCP.Used), number(n.UDP.Used), n.At)
	}
}

func number(n *int) int {
	if n == nil {
		return -1
	}
	return *n
}

func TestFoldGateway(t *testing.T) {
	connections := read(respond(t, "SNATConnectionCount", "total", map[string][]float64{
		"x Attempted y": {10, 20, 30}, "x FAILED y": {1, 2, none},
	}), noon, total)
	totals := read(decode(t, map[string]any{"value": []any{
		map[string]any{"name": map[string]any{"value": "TotalConnectionCount"}, "timeseries": []any{map[string]any{"data": []any{
			map[string]any{"timeStamp": "2026-01-02T11:58:00Z", "total": 900}, map[string]any{"timeStamp": "2026-01-02T11:59:00Z"}}}}},
		map[string]any{"name": map[string]any{"value": "PacketDropCount"}, "timeseries": []any{}},
	}}), noon, total)
	g := foldGateway(connections, totals)
	if g == nil || number(g.Open) != 900 || number(g.Failed) != 2 || g.Dropped != nil || !g.At.Equal(noon.Add(-time.Minute)) {
		t.Errorf("%+v", g)
	}
	if g := foldGateway(answered{}, answered{}); g != nil {
		t.Errorf("a gateway out of nothing: %+v", g)
	}
}

// Holes of every kind in an answer are left out.
func TestReadHoles(t *testing.T) {
	var resp armmonitor.Response
	text := `{"value":[null,{},{"name":null},{"name":{}},{"name":{"value":"UsedSnatPorts"},"errorCode":"Throttled","timeseries":[null,{},
		{"data":[null,{},{"timeStamp":null,"average":1},{"timeStamp":"2026-01-02T11:59:00Z","average":null},{"timeStamp":"2020-01-02T11:59:00Z","average":5}],
		"metadatavalues":[null,{},{"name":null,"value":"x"},{"name":{"value":"BackendIPAddress"}}]}]}]}`
	if err := json.Unmarshal([]byte(text), &resp); err != nil {
		t.Fatal(err)
	}
	a := read(&resp, noon, average)
	if len(a.series) != 0 || a.counts["usedsnatports"] != 2 || len(a.failed) != 1 || a.interval != time.Minute {
		t.Errorf("%+v", a)
	}
	if a := read(nil, noon, average); len(a.series) != 0 {
		t.Errorf("%+v", a)
	}
}

func FuzzMetrics(f *testing.F) {
	seed, err := json.Marshal(respond(f, "UsedSnatPorts", "average", map[string][]float64{"10.0.0.5 TCP 20.0.0.1": {1, 2, none}}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"interval":"P1D","value":[null,{"name":{"value":"SnatConnectionCount"},"timeseries":[null,{"data":[null]}]}]}`))
	wanted := []string{"10.0.0.5", "fd00::1", "no address", "fe80::1%' or"}
	f.Fuzz(func(t *testing.T, text []byte) {
		var resp armmonitor.Response
		if json.Unmarshal(text, &resp) != nil {
			return
		}
		a, b := read(&resp, noon, average), read(&resp, noon, total)
		for _, n := range foldNodes(a, b, wanted) {
			if _, err := netip.ParseAddr(n.IP); err != nil || n.At.IsZero() {
				t.Errorf("%+v", n)
			}
			for _, figure := range []*int{n.TCP.Used, n.TCP.Allocated, n.UDP.Used, n.UDP.Allocated, n.Both.Failed} {
				if figure != nil && (*figure < 0 || *figure > maxFigure) {
					t.Errorf("figure %d", *figure)
				}
			}
		}
		foldGateway(a, b)
	})
}

func TestBackends(t *testing.T) {
	var all []string
	for i := range 600 {
		all = append(all, fmt.Sprintf("10.0.%d.%d", i/250, i%250))
	}
	for _, test := range []struct{ nodes, frontends, requests int }{
		{0, 1, 1}, {499, 1, 1}, {500, 1, 7}, {249, 2, 1}, {250, 2, 4}, {100, 16, 4},
	} {
		filters := backends(all[:test.nodes], test.frontends)
		if len(filters) != test.requests {
			t.Errorf("%d nodes, %d frontends: %d requests, want %d", test.nodes, test.frontends, len(filters), test.requests)
		}
	}
}

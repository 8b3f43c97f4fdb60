package inventory

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/snattop/snattop/internal/snat"
)

func TestBatch(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]bool{"Job": true, "CronJob": true, "Deployment": false, "": false, "unit": false} {
		if got := (Workload{Kind: kind, Name: "x"}).Batch(); got != want {
			t.Errorf("%q: %t", kind, got)
		}
	}
}

// Each word of a change counts, and comes back from a recording as it was.
func TestChange(t *testing.T) {
	t.Parallel()
	if !(&Change{}).Empty() {
		t.Error("nothing is something")
	}
	ip := netip.MustParseAddr("20.60.1.9")
	full := Change{
		Nodes: []Node{{Name: "n", Labels: map[string]string{LabelAzureMode: "gateway"}}}, GoneNodes: []string{"a"},
		Pods: []Pod{{UID: "u", OwnEgress: "static egress gateway g"}}, GonePods: []string{"b"},
		Services:      []Service{{UID: "s", Ports: []ServicePort{{Name: "web", Protocol: snat.TCP, Port: 80, Target: 8080}, {Protocol: snat.UDP, Port: 53, TargetName: "dns"}}}},
		GoneServices:  []string{"c"},
		Endpoints:     []Endpoints{{UID: "e", Namespace: "shop", Service: "api", Addresses: []netip.Addr{ip}, Ports: []EndpointPort{{Name: "web", Protocol: snat.TCP, Port: 8080}}}},
		GoneEndpoints: []string{"d"},
	}
	b, err := cbor.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	var back Change
	if err := cbor.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(back, full) {
		t.Errorf("got  %+v\nwant %+v (%v)", back, full, err)
	}
	v := reflect.ValueOf(full)
	for i := range v.NumField() {
		var one Change
		if v.Field(i).Len() == 0 {
			t.Fatalf("the test tells no %s", v.Type().Field(i).Name)
		}
		reflect.ValueOf(&one).Elem().Field(i).Set(v.Field(i))
		if one.Empty() {
			t.Errorf("%s counts for nothing", v.Type().Field(i).Name)
		}
	}
}

func TestBehind(t *testing.T) {
	t.Parallel()
	four, six := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")
	svc := Service{Namespace: "default", Name: "kubernetes", ClusterIPs: []netip.Addr{four, six}, Ports: []ServicePort{
		{Name: "https", Protocol: snat.TCP, Port: 443, Target: 6443}, {Name: "alt", Protocol: snat.TCP, Port: 8443, TargetName: "alt"},
		{Name: "dns", Protocol: snat.UDP, Port: 443}, {Name: "any", Protocol: snat.TCP, Port: 9}, {Name: "unserved", Protocol: snat.TCP, Port: 10},
	}}
	e := Endpoints{
		Namespace: "default", Service: "kubernetes", Addresses: []netip.Addr{netip.MustParseAddr("20.60.1.8"), netip.MustParseAddr("20.60.1.9")},
		Ports: []EndpointPort{
			{Name: "dns", Protocol: snat.UDP, Port: 5353}, {Name: "https", Protocol: snat.TCP, Port: 6443}, {Name: "alt", Protocol: snat.TCP, Port: 7443},
			{Name: "any", Protocol: snat.TCP}, {Name: "unserved", Protocol: snat.UDP, Port: 10},
		},
	}
	both := func(port uint16) []netip.AddrPort {
		return []netip.AddrPort{netip.AddrPortFrom(e.Addresses[0], port), netip.AddrPortFrom(e.Addresses[1], port)}
	}
	for _, tt := range []struct {
		name     string
		ip       netip.Addr
		protocol snat.Protocol
		port     uint16
		want     []netip.AddrPort
	}{
		{"by number", four, snat.TCP, 443, both(6443)},
		{"by name", four, snat.TCP, 8443, both(7443)},
		{"another protocol", four, snat.UDP, 443, both(5353)},
		{"every port", four, snat.TCP, 9, both(9)},
		{"a port of another protocol", four, snat.TCP, 10, nil},
		{"no port of the Service", four, snat.TCP, 6443, nil},
		{"another family", six, snat.TCP, 443, nil},
		{"no address of the Service", netip.MustParseAddr("10.0.0.2"), snat.TCP, 443, nil},
	} {
		if got := e.Behind(&svc, tt.ip, tt.protocol, tt.port); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	for name, other := range map[string]Service{
		"another namespace": {Namespace: "shop", Name: "kubernetes", ClusterIPs: svc.ClusterIPs, Ports: svc.Ports},
		"another name":      {Namespace: "default", Name: "api", ClusterIPs: svc.ClusterIPs, Ports: svc.Ports},
	} {
		if got := e.Behind(&other, four, snat.TCP, 443); got != nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

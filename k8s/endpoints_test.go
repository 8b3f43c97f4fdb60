package k8s

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/watch"
	k8stesting "k8s.io/client-go/testing"
	"pgregory.net/rapid"

	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
)

// slice makes a slice of the Service "api" with one endpoint for each address.
func slice(uid string, addresses ...string) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Name: uid, Namespace: "shop", UID: types.UID(uid), Labels: map[string]string{discoveryv1.LabelServiceName: "api"}},
		Ports:      []discoveryv1.EndpointPort{{Name: new("https"), Protocol: new(corev1.ProtocolTCP), Port: new(int32(6443))}},
	}
	for _, a := range addresses {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{a}})
	}
	return s
}

func addrs(list ...string) []netip.Addr {
	var out []netip.Addr
	for _, a := range list {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

func TestEndpointsOf(t *testing.T) {
	with := func(s *discoveryv1.EndpointSlice, change func(*discoveryv1.EndpointSlice)) *discoveryv1.EndpointSlice {
		change(s)
		return s
	}
	https := []inventory.EndpointPort{{Name: "https", Protocol: snat.TCP, Port: 6443}}
	tests := []struct {
		name  string
		slice *discoveryv1.EndpointSlice
		want  []netip.Addr // nil: left out
		ports []inventory.EndpointPort
	}{
		{"public", slice("s", "20.60.1.9", "20.60.1.8"), addrs("20.60.1.8", "20.60.1.9"), https},
		{"public, IPv6", slice("s", "2603:1030::9"), addrs("2603:1030::9"), https},
		{"mapped", slice("s", "::ffff:20.60.1.9"), addrs("20.60.1.9"), https},
		{"a zone is free text", slice("s", "2603:1030::9%\x1b[31m"), addrs("2603:1030::9"), https},
		{"twice", slice("s", "20.60.1.9", "20.60.1.9"), addrs("20.60.1.9"), https},
		{"some private", slice("s", "10.0.0.4", "20.60.1.9"), addrs("10.0.0.4", "20.60.1.9"), https},
		// RFC 1918, RFC 6598, RFC 1122, RFC 3927, RFC 4193, RFC 4291.
		{"private only", slice("s", "10.0.0.4", "172.16.0.1", "192.168.1.1", "100.64.0.1", "127.0.0.1", "169.254.1.1", "fd00::1", "fe80::1", "::1"), nil, nil},
		{"none", slice("s"), nil, nil},
		{"no addresses", slice("s", "", "not an address", "256.1.1.1", "20.60.1.9:443", strings.Repeat("1", 1<<16)), nil, nil},
		{"an endpoint without any", with(slice("s", "20.60.1.9"), func(s *discoveryv1.EndpointSlice) {
			s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{})
		}), addrs("20.60.1.9"), https},
		{"only the first address means something", with(slice("s", "10.0.0.4"), func(s *discoveryv1.EndpointSlice) {
			s.Endpoints[0].Addresses = append(s.Endpoints[0].Addresses, "20.60.1.9")
		}), nil, nil},
		{"not ready", with(slice("s", "10.0.0.4", "20.60.1.9"), func(s *discoveryv1.EndpointSlice) {
			s.Endpoints[1].Conditions.Ready = new(false)
		}), nil, nil},
		{"said to be ready", with(slice("s", "20.60.1.9"), func(s *discoveryv1.EndpointSlice) {
			s.Endpoints[0].Conditions.Ready = new(true)
		}), addrs("20.60.1.9"), https},
		{"names", with(slice("s", "20.60.1.9"), func(s *discoveryv1.EndpointSlice) { s.AddressType = discoveryv1.AddressTypeFQDN }), nil, nil},
		{"of no Service", with(slice("s", "20.60.1.9"), func(s *discoveryv1.EndpointSlice) { s.Labels = nil }), nil, nil},
		{"ports", with(slice("s", "20.60.1.9"), func(s *discoveryv1.EndpointSlice) {
			s.Ports = []discoveryv1.EndpointPort{
				{}, {Name: new("dns"), Protocol: new(corev1.ProtocolUDP), Port: new(int32(53))},
				{Name: new("none"), Port: new(int32(0))}, {Name: new("minus"), Port: new(int32(-1))}, {Name: new("big"), Port: new(int32(65536))},
				{Name: new("last"), Port: new(int32(65535))},
				{Name: new("sctp"), Protocol: new(corev1.ProtocolSCTP), Port: new(int32(1))}, {Name: new("odd"), Protocol: new(corev1.Protocol("tcp\n")), Port: new(int32(1))},
				{Name: new("a\x1b[2Jb\nc"), Port: new(int32(7))},
			}
		}), addrs("20.60.1.9"), []inventory.EndpointPort{
			{Protocol: snat.TCP}, {Name: "dns", Protocol: snat.UDP, Port: 53}, {Name: "last", Protocol: snat.TCP, Port: 65535}, {Name: "ab c", Protocol: snat.TCP, Port: 7},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := inventory.Endpoints{UID: "s", Namespace: "shop", Service: "api", Addresses: tt.want, Ports: tt.ports}
			for range 2 { // whole, then trimmed
				got, ok := endpointsOf(tt.slice)
				if ok != (tt.want != nil) || got.UID != "s" {
					t.Fatalf("kept %t, %+v", ok, got)
				}
				if ok && !reflect.DeepEqual(got, want) {
					t.Errorf("got  %+v\nwant %+v", got, want)
				}
				trim(tt.slice)
			}
			if tt.want == nil && (len(tt.slice.Endpoints) > 0 || len(tt.slice.Ports) > 0) {
				t.Errorf("what is left out is held: %+v", tt.slice)
			}
		})
	}
}

// An object of a hostile API server is cut, and its text is made harmless.
func TestHostileSlice(t *testing.T) {
	s := slice("s")
	for i := range 10_000 {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{fmt.Sprintf("20.60.%d.%d", i/250, i%250)}})
	}
	for i := range 10_000 {
		s.Ports = append(s.Ports, discoveryv1.EndpointPort{Name: new(strings.Repeat("é", 1000)), Port: new(int32(i + 1))})
	}
	s.Labels[discoveryv1.LabelServiceName] = "\x1b]0;owned\x07" + strings.Repeat("x\n", 1<<15)
	trim(s)
	got, ok := endpointsOf(s)
	if !ok || len(got.Addresses) != maxEndpoints || len(got.Ports) != maxPorts || len(s.Endpoints) != maxEndpoints {
		t.Errorf("%d addresses, %d ports, %d held", len(got.Addresses), len(got.Ports), len(s.Endpoints))
	}
	for _, text := range []string{got.Service, got.Ports[1].Name} {
		if text == "" || len(text) > maxName+utf8.UTFMax || !utf8.ValidString(text) || strings.ContainsAny(text, "\n\x1b\x07") {
			t.Errorf("%q", text)
		}
	}
}

func TestServicePorts(t *testing.T) {
	s := &corev1.Service{Spec: corev1.ServiceSpec{ClusterIP: "::ffff:10.0.0.1", ClusterIPs: []string{"10.0.0.1", "fd00::1%\x1b", "nonsense"}, Ports: []corev1.ServicePort{
		{Port: 443, TargetPort: intstr.FromInt32(6443)},
		{Name: "web", Protocol: corev1.ProtocolTCP, Port: 80, TargetPort: intstr.FromString("http\x1b[31m")},
		{Name: "dns", Protocol: corev1.ProtocolUDP, Port: 53},
		{Name: "sctp", Protocol: corev1.ProtocolSCTP, Port: 1}, {Name: "none"}, {Name: "minus", Port: -5}, {Name: "big", Port: 1 << 20},
		{Name: "odd target", Port: 5, TargetPort: intstr.FromInt32(-1)},
	}}}
	want := []inventory.ServicePort{
		{Protocol: snat.TCP, Port: 443, Target: 6443}, {Name: "web", Protocol: snat.TCP, Port: 80, TargetName: "http"},
		{Name: "dns", Protocol: snat.UDP, Port: 53, Target: 53}, {Name: "odd target", Protocol: snat.TCP, Port: 5, Target: 5},
	}
	for range 2 {
		got, ok := serviceOf(s)
		if !ok || !reflect.DeepEqual(got.Ports, want) {
			t.Errorf("got  %+v\nwant %+v", got.Ports, want)
		}
		if !slices.Equal(got.ClusterIPs, addrs("10.0.0.1", "fd00::1")) {
			t.Errorf("addresses %v", got.ClusterIPs)
		}
		trim(s)
	}
	s.Spec.Ports = make([]corev1.ServicePort, 10_000)
	for i := range s.Spec.Ports {
		s.Spec.Ports[i].Port = int32(i + 1)
	}
	if got, _ := serviceOf(s); len(got.Ports) != maxPorts {
		t.Errorf("%d ports", len(got.Ports))
	}
}

// A slice is told while it leads to a public address, and as gone when it no
// longer does.
func TestWatchEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, set := fakeClient(slice("public", "20.60.1.9"), slice("private", "10.0.0.4"))
		ctx, cancel := context.WithCancel(t.Context())
		var got told
		done := make(chan error, 1)
		opts := got.options("")
		go func() { done <- c.Watch(ctx, opts) }()
		settle(time.Second)
		if want := []string{"public"}; !slices.Equal(got.slices(), want) || len(got.problems) != 0 {
			t.Fatalf("first picture: %q, want %q; problems %q", got.slices(), want, got.problems)
		}
		api, changes := set.DiscoveryV1().EndpointSlices("shop"), got.changes
		for _, step := range []struct {
			name    string
			do      func() error
			want    []string
			changes int
		}{
			{"another order is no news", func() error {
				_, err := api.Update(ctx, slice("public", "20.60.1.9", "20.60.1.9"), metav1.UpdateOptions{})
				return err
			}, []string{"public"}, 0},
			{"from private to private is no news", func() error {
				_, err := api.Update(ctx, slice("private", "10.0.0.5"), metav1.UpdateOptions{})
				return err
			}, []string{"public"}, 0},
			{"from private to public", func() error {
				_, err := api.Update(ctx, slice("private", "10.0.0.5", "20.60.1.7"), metav1.UpdateOptions{})
				return err
			}, []string{"private", "public"}, 1},
			{"from public to private", func() error {
				_, err := api.Update(ctx, slice("public", "10.0.0.6"), metav1.UpdateOptions{})
				return err
			}, []string{"private"}, 1},
			{"deleted", func() error { return api.Delete(ctx, "private", metav1.DeleteOptions{}) }, nil, 1},
			{"deleted, and never told", func() error { return api.Delete(ctx, "public", metav1.DeleteOptions{}) }, nil, 0},
		} {
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
			settle(time.Second)
			if !slices.Equal(got.slices(), step.want) || got.changes != changes+step.changes {
				t.Errorf("%s: %q after %d changes, want %q after %d", step.name, got.slices(), got.changes-changes, step.want, step.changes)
			}
			changes = got.changes
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// Who may not see slices sees all the rest, and is told once.
func TestWatchEndpointsForbidden(t *testing.T) {
	for _, namespace := range []string{"", "shop"} {
		t.Run("namespace "+namespace, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, set := fakeClient(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}}, samplePod(), slice("public", "20.60.1.9"))
				no := func(a k8stesting.Action) (bool, error) {
					return a.GetNamespace() == "", apierrors.NewForbidden(schema.GroupResource{Group: discoveryv1.GroupName, Resource: "endpointslices"}, "",
						errors.New(`User "jane" cannot watch resource "endpointslices" in API group "discovery.k8s.io" at the cluster scope`))
				}
				set.PrependReactor("list", "endpointslices", func(a k8stesting.Action) (bool, runtime.Object, error) {
					handled, err := no(a)
					return handled, nil, err
				})
				set.PrependWatchReactor("endpointslices", func(a k8stesting.Action) (bool, watch.Interface, error) {
					handled, err := no(a)
					return handled, nil, err
				})
				ctx, cancel := context.WithCancel(t.Context())
				var got told
				done := make(chan error, 1)
				opts := got.options(namespace)
				go func() { done <- c.Watch(ctx, opts) }()
				settle(4 * time.Minute)
				cancel()
				<-done
				if len(got.nodes) != 1 || len(got.pods) != 1 {
					t.Error("the others stopped too")
				}
				if len(got.problems) != 1 || !strings.Contains(got.problems[0], "user jane cannot watch endpointslices") ||
					!strings.Contains(got.problems[0], "public endpoints") || strings.Contains(got.problems[0], "\n") {
					t.Errorf("problems %q, want one", got.problems)
				}
				if (len(got.slices()) == 1) != (namespace != "") {
					t.Errorf("slices %q", got.slices())
				}
			})
		})
	}
}

// Whatever an API server says of a slice, what is kept of it is clean and the
// same after trimming.
func TestAnySlice(t *testing.T) {
	hostile := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		rapid.SampledFrom([]string{"\x1b[31m", "a\nb", "\x9b2J", "20.60.1.9%eth0", "::ffff:20.60.1.9%\x1b", "2603:1030::1%\n", "fd00::1", "TCP", "SCTP"}))
	rapid.Check(t, func(t *rapid.T) {
		address := hostile.Draw(t, "address")
		s := slice("s", address, "20.60.1.9", address)
		s.Labels[discoveryv1.LabelServiceName] = hostile.Draw(t, "service")
		s.Endpoints[0].Conditions.Ready = new(rapid.Bool().Draw(t, "ready"))
		s.Ports = append(s.Ports, discoveryv1.EndpointPort{
			Name: new(hostile.Draw(t, "name")), Port: new(rapid.Int32().Draw(t, "port")), Protocol: new(corev1.Protocol(hostile.Draw(t, "protocol"))),
		})
		before, ok := endpointsOf(s)
		trim(s)
		after, still := endpointsOf(s)
		if ok != still || ok && !reflect.DeepEqual(before, after) {
			t.Fatalf("trimming made %+v of %+v", after, before)
		}
		texts := []string{before.Service}
		for _, p := range before.Ports {
			texts = append(texts, p.Name)
			if p.Protocol != snat.TCP && p.Protocol != snat.UDP {
				t.Fatalf("protocol %d", p.Protocol)
			}
		}
		for _, text := range texts {
			if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
				t.Fatalf("%q", text)
			}
		}
		for _, a := range before.Addresses {
			if !a.IsValid() || a.Is4In6() || a.Zone() != "" {
				t.Fatalf("address %s", a)
			}
		}
	})
}

package redact

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

var key = []byte("a key of these tests")

// kept are the texts of events that name nobody: what is left out here and in
// the redactor fails TestEveryField.
var kept = []string{
	"Hello.Probe", "Hello.Kernel", "Hello.Arch", "Hello.Collector", "Hello.Scope", "Hello.Features.Name", "Tick.Collector",
	"State.State", "State.Rung", "Cluster.ServerVersion", "Cluster.Source", "Cluster.Provider", "Objects.Nodes.OS", "Objects.Nodes.Arch",
	"Objects.Pods.Phase", "Cloud.Provider", "Cloud.Source", "Cloud.Profile.Outbound", "Cloud.Problems.What",
	"Cloud.Nodes.TCP.Lost", "Cloud.Nodes.UDP.Lost", "Cloud.Nodes.Both.Lost", "Settings.Provider",
}

// fill puts a marked text into every field that can hold one, and tells which
// got it. Fields of `cbor:"-"` are in no recording and on no page.
func fill(v reflect.Value, path string, marks map[string]string) {
	switch v.Kind() {
	case reflect.String:
		mark := fmt.Sprintf("zsecret%d", len(marks))
		if slices.Contains(kept, path) {
			mark = "kept"
		}
		marks[path] = mark
		v.SetString(mark)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), path, marks)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), path, marks)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		one := reflect.New(v.Type().Elem()).Elem()
		fill(one, path, marks)
		v.SetMapIndex(reflect.ValueOf(inventory.LabelAzureMode), one)
	case reflect.Struct:
		switch v.Addr().Interface().(type) {
		case *netip.Addr:
			v.Set(reflect.ValueOf(netip.MustParseAddr("20.60.77.9")))
			return
		case *netip.Prefix:
			v.Set(reflect.ValueOf(netip.MustParsePrefix("20.60.77.0/24")))
			return
		case *time.Time:
			return
		}
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.IsExported() && !strings.HasPrefix(f.Tag.Get("cbor"), "-") {
				fill(v.Field(i), strings.TrimPrefix(path+"."+f.Name, "."), marks)
			}
		}
	default:
	}
}

// Every text and address that an event can hold is replaced, or named above: a
// field that is added to an event later has to be thought of here.
func TestEveryField(t *testing.T) {
	t.Parallel()
	event := reflect.TypeFor[session.Event]()
	for i := range event.NumField() {
		name := event.Field(i).Name
		if name == "Time" {
			continue
		}
		var e session.Event
		marks := map[string]string{}
		fill(reflect.ValueOf(&e).Elem().Field(i), name, marks)
		before, err := cbor.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, out := range New(key, session.Options{}).Event(e) {
			text := string(encode(t, out))
			for path, mark := range marks {
				if mark != "kept" && strings.Contains(text, mark) {
					t.Errorf("%s is told", path)
				}
			}
			if out.Settings == nil && (strings.Contains(text, string([]byte{20, 60, 77})) || strings.Contains(text, "20.60.77")) {
				t.Errorf("an address of %s is told", name)
			}
		}
		after, err := cbor.Marshal(e)
		if err != nil || string(before) != string(after) {
			t.Errorf("%s: the event that was told has changed", name)
		}
	}
}

func encode(t *testing.T, e session.Event) []byte {
	t.Helper()
	b, err := cbor.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNames(t *testing.T) {
	t.Parallel()
	r, again, other := New(key, session.Options{}), New(key, session.Options{}), New([]byte("another"), session.Options{})
	if a, b, c := r.node("n1"), again.node("n1"), other.node("n1"); a != b || a == c || !strings.HasPrefix(a, "node-") || len(a) != len("node-")+tagLength {
		t.Errorf("%q, %q, %q", a, b, c)
	}
	if r.node("n1") == r.node("n2") || r.name(kindPod, "n1")[4:] == r.node("n1")[5:] {
		t.Error("two names have one pseudonym")
	}
	seen := map[string]bool{}
	for i := range 20_000 {
		p := r.name(kindPod, fmt.Sprint(i))
		if seen[p] {
			t.Fatalf("%s stands for two", p)
		}
		seen[p] = true
	}
	for command, want := range map[string]string{
		"node /srv/shop.js --key s3cret": "node process-", "/usr/bin/python3.11 x.py": "python3.11 process-", "/opt/acme --token x": "process-",
		"go run ./shop": "go run process-", "/app/Shop.dll": "dotnet process-", "": "", " ": "process-",
	} {
		if got := r.command(command); !strings.HasPrefix(got, want) || len(got) > len(want)+12 || strings.Contains(got, "srv") {
			t.Errorf("%q: %q", command, got)
		}
	}
	for unit, want := range map[string]string{"kubelet.service": "kubelet.service", "shop-api.service": "unit-", "acme": "process-", "": ""} {
		if got := r.unit(unit); !strings.HasPrefix(got, want) || strings.HasSuffix(unit, ".service") != strings.HasSuffix(got, ".service") {
			t.Errorf("%q: %q", unit, got)
		}
	}
	uid := "6f0c3d2e-1111-4222-8333-444455556666"
	if got := r.id(uid); got == uid || len(got) != len(uid) || r.id(uid) != got {
		t.Errorf("%q: %q", uid, got)
	}
	if got := r.id(strings.Repeat("ab", 32)); len(got) != 64 {
		t.Errorf("%q", got)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	r := New(key, session.Options{Private: []snat.Range{{Prefix: netip.MustParsePrefix("20.1.0.0/16"), Why: "--private-cidr"}}})
	r.Event(session.Event{Objects: &inventory.Change{Nodes: []inventory.Node{{Name: "n1", InternalIP: "10.224.0.7", PodCIDRs: []string{"100.1.0.0/16"}}}}})
	var ranges []snat.Range
	classify := func(ip string) (netip.Addr, snat.Class) {
		t.Helper()
		whole := netip.MustParseAddr(ip)
		rows := r.Event(session.Event{Node: "n1", Tick: &wire.Tick{Rows: []wire.Row{{ID: 1, IP: whole}}}})
		for _, e := range rows[:len(rows)-1] {
			for _, p := range e.Settings.Private {
				ranges = append(ranges, snat.Range(p))
			}
		}
		p := rows[len(rows)-1].Tick.Rows[0].IP
		return p, snat.NewClassifier(ranges...).Classify(p)
	}
	truth := snat.NewClassifier(append(r.ofNode["n1"], r.operator...)...)
	// The node's address has been told with the node.
	for _, e := range r.Event(session.Event{Node: "n1", Tick: &wire.Tick{}}) {
		if e.Settings != nil {
			t.Error("news without an address")
		}
	}
	given := map[netip.Addr]string{}
	for _, ip := range []string{
		"20.60.1.9", "20.60.1.10", "8.8.8.8", "20.1.2.3", "10.0.0.1", "192.168.1.1", "172.16.5.5", "100.64.1.1", "100.1.2.3", "169.254.1.1",
		"2603:1020::1", "fd00::7", "fe80::1", "::ffff:20.60.1.11", "127.0.0.1", "169.254.169.254", "168.63.129.16", "::1", "224.0.0.1",
	} {
		p, class := classify(ip)
		if want := truth.Classify(netip.MustParseAddr(ip)); class != want {
			t.Errorf("%s is %+v as %s, want %+v", ip, class, p, want)
		}
		if again, _ := classify(ip); again != p {
			t.Errorf("%s is %s and %s", ip, p, again)
		}
		if was, ok := given[p]; ok {
			t.Errorf("%s and %s are both %s", was, ip, p)
		}
		given[p] = ip
		doc := doc6.Contains(p) || private4.Contains(p) || public4[0].Contains(p) || public4[1].Contains(p)
		if !doc && !everywhere(netip.MustParseAddr(ip)) {
			t.Errorf("%s is %s, which is no address of the documentation's", ip, p)
		}
		if doc && p.Is4() != netip.MustParseAddr(ip).Unmap().Is4() {
			t.Errorf("%s is %s, of the other family", ip, p)
		}
	}
}

// Where IPv4 has no room left IPv6 has, and the reasons stay.
func TestManyAddresses(t *testing.T) {
	t.Parallel()
	r := New(key, session.Options{})
	var ranges []snat.Range
	seen := map[netip.Addr]bool{}
	for i := range 3000 {
		for _, ip := range []netip.Addr{netip.AddrFrom4([4]byte{20, 60, byte(i >> 8), byte(i)}), netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})} {
			events := r.Event(session.Event{Tick: &wire.Tick{Rows: []wire.Row{{IP: ip}}}})
			for _, e := range events[:len(events)-1] {
				for _, p := range e.Settings.Private {
					ranges = append(ranges, snat.Range(p))
				}
			}
			p := events[len(events)-1].Tick.Rows[0].IP
			if seen[p] {
				t.Fatalf("%s stands for two", p)
			}
			seen[p] = true
			if c := snat.NewClassifier(ranges...).Classify(p); c.Eligible != (ip.As4()[0] == 20) || c.Public != c.Eligible || !c.Eligible && c.WhyNot != "private" {
				t.Fatalf("%s is %+v as %s", ip, c, p)
			}
		}
	}
	if len(ranges) > blocks+1 {
		t.Errorf("%d ranges were told", len(ranges))
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	r := New(key, session.Options{})
	r.Learn("prod", "ana")
	n, ns := r.node("aks-np1-vmss000003"), r.namespace("shop")
	for in, want := range map[string]string{
		"pods \"exec\" is forbidden in kube-system for user \"ana\": ask for create on pods/exec": "pods \"exec\" is forbidden in kube-system for user \"NAME\": ask for create on pods/exec",
		"aks-np1-vmss000003 does not answer":                                                      n + " does not answer",
		"in shop/checkout: gone":                                                                  "in " + ns + "/NAME: gone",
		"dial tcp 10.0.0.1:443: connect: connection refused":                                      "dial tcp IP:443: connect: connection refused",
		"Get \"https://api.corp.example.com:6443/version\": EOF":                                  "Get \"https://NAME:6443/NAME\": EOF",
		"User \"system:serviceaccount:ci:bot\" cannot list resource":                              "User \"NAME:NAME:NAME:NAME\" cannot list resource",
		"user jane cannot create pods in namespace team-a":                                        "user NAME cannot create pods in namespace NAME",
		"2 sockets had no cgroup: they count for their network namespace":                         "2 sockets had no cgroup: they count for their network namespace",
		"waiting for the node pod to start: ContainerCreating, 4 s":                               "waiting for the node pod to start: ContainerCreating, 4 s",
		"the budget is 1,024 ports (table); 3.5s, 30m, v1.33.1, 97% at 12:04:31":                  "the budget is 1,024 ports (table); 3.5s, 30m, v1.33.1, 97% at 12:04:31",
		"/subscriptions/6f0c3d2e-1111-4222-8333-444455556666/resourceGroups/mc":                   "/NAME/NAME/NAME/NAME",
		"mail ana@corp.example, key AKIA1234567890":                                               "mail NAME, key NAME",
		"read 2001:4860::8888%eth0 or 10.0.0.0/8":                                                 "read IP or IP/8",
		"NETLINK_SOCK_DIAG answers":                                                               "NETLINK_SOCK_DIAG answers",
		"":                                                                                        "",
	} {
		got := r.Text(in)
		if pattern(got) != pattern(want) {
			t.Errorf("%q:\n got %q\nwant %q", in, got, want)
		}
	}
}

// pattern puts NAME and IP where pseudonyms are.
func pattern(s string) string {
	out := []string{}
	for _, w := range strings.FieldsFunc(s, func(c rune) bool { return strings.ContainsRune(" \"'/()[],;", c) }) {
		core := strings.TrimRight(w, ":.")
		host, port, _ := strings.Cut(core, ":")
		switch ip, err := netip.ParseAddr(core); {
		case err == nil && (doc6.Contains(ip) || private4.Contains(ip) || public4[0].Contains(ip) || public4[1].Contains(ip)):
			w = "IP"
		case strings.HasPrefix(host, "name-"):
			w = strings.TrimSuffix("NAME:"+port, ":")
			if strings.HasPrefix(port, "name-") {
				w = "NAME" + strings.Repeat(":NAME", strings.Count(core, ":"))
			}
		default:
			if h, err := netip.ParseAddr(host); err == nil && (private4.Contains(h) || public4[0].Contains(h)) {
				w = "IP:" + port
			}
		}
		out = append(out, strings.TrimRight(w, ":."))
	}
	return strings.Join(out, " ")
}

var errGone = errors.New("gone")

// fake is a source that fails, and remembers whom it was asked about.
type fake struct {
	err   error
	focus []string
}

func (f *fake) Run(context.Context, session.Sink) error { return f.err }

func (f *fake) Focus(w session.Focus) { f.focus = append(f.focus, w.Node) }

type sinkList struct{ events []session.Event }

func (s *sinkList) Put(e session.Event) { s.events = append(s.events, e) }

func TestFocusAndErrors(t *testing.T) {
	t.Parallel()
	r := New(key, session.Options{})
	inner := &fake{err: fmt.Errorf("reaching n1-secret.corp: %w", errGone)}
	src := r.Source(inner)
	err := src.Run(t.Context(), &sinkList{})
	if !errors.Is(err, errGone) || strings.Contains(err.Error(), "corp") || !strings.HasPrefix(err.Error(), "reaching name-") {
		t.Errorf("%v", err)
	}
	src.Focus(session.Focus{Node: r.Node("n1"), Owners: []uint32{7}})
	src.Focus(session.Focus{Node: ""})
	if want := []string{r.Node("n1"), ""}; !slices.Equal(inner.focus, want) {
		t.Errorf("%q: a name that no event told is nobody's", inner.focus)
	}
	r.Event(session.Event{Node: "n1", State: &session.NodeState{}})
	src.Focus(session.Focus{Node: r.Node("n1"), Owners: []uint32{7}})
	if inner.focus[2] != "n1" {
		t.Errorf("the source is asked about %q", inner.focus[2])
	}
}

// FuzzText: whatever stands around them, a known name and an address are gone.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "at %s:443", "'%s", "(%s)", "a/%s/b", "=%s,", "x\x1b[%s", "%s%%"} {
		f.Add(s, "")
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		r := New(key, session.Options{})
		r.node("zsecretnode1")
		got := r.Text(before + " zsecretnode1 10.66.0.7 " + after)
		if strings.Contains(before+after, "zsecretnode1") || strings.Contains(before+after, "10.66.0.7") {
			return // glued to something else it is another word
		}
		if strings.Contains(got, "zsecretnode1") || strings.Contains(got, "10.66.0.7") {
			t.Fatalf("%q tells it", got)
		}
	})
}

package wire

import (
	"bytes"
	"errors"
	"io"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/snattop/snattop/probe/facts"
)

func messages() map[string]Message {
	v4, v6 := netip.MustParseAddr("20.60.1.4"), netip.MustParseAddr("2603:1020::7")
	return map[string]Message{
		"hello": {Hello: &Hello{
			Probe: "1.2.3", Hostname: "aks-1", Kernel: "6.8.0", Arch: "arm64", Collector: "diag",
			Features:       []Feature{{Name: "setns", Answer: Yes}, {Name: "bpf", Answer: No, Detail: "no BTF"}, {Name: "x"}},
			IntervalMillis: 1000, Scope: "node",
		}},
		"hello of nothing": {Hello: &Hello{}},
		"tick of nothing":  {Tick: &Tick{}},
		"tick": {Tick: &Tick{
			Seq: math.MaxUint64, UnixNanos: math.MaxInt64, ElapsedNanos: 1, Full: true,
			Owners: []Owner{
				{ID: 1, NetNS: 4026531840, HostNetwork: true, Unit: "kubelet.service", LocalPorts: 28_232},
				{ID: 2, PodUID: "p", ContainerIDs: []string{"a", ""}, IPs: []netip.Addr{v4, v6}},
			},
			GoneOwners: []uint32{3, math.MaxUint32},
			Rows: []Row{
				{ID: 1, Owner: 2, Protocol: 6, IP: v4, Port: 443, Established: 1, Closing: 2, SynSent: 3, TimeWait: 4, Opens: 5, Closes: 6, Fails: 7},
				{ID: 2, Owner: 2, Protocol: 17, IP: v6, Port: 53, Detailed: true, Processes: []Process{{PID: 7, Command: "curl -v", ContainerID: "a", Established: 1, SynSent: 2}, {}}},
				{ID: 3, Detailed: true},
				{ID: 4, Established: 9, Silent: []uint32{0, 2, 0, 0, 0, 0, math.MaxUint32}},
			},
			GoneRows:  []uint32{9},
			Conntrack: []Conntrack{{NetNS: 1, HostNetwork: true, Count: 2, Max: 3, InsertFailed: 4, Drop: 5, EarlyDrop: 6}, {}},
			Loss:      Loss{Events: 1, Destinations: 2, Namespaces: 3},
			Cost:      Cost{WallNanos: 1, Sockets: 2, Namespaces: 3},
			Problems:  []string{"no access", "日本語"},
		}},
		"a mapped address stays one": {Tick: &Tick{Rows: []Row{{ID: 1, IP: netip.MustParseAddr("::ffff:10.0.0.1")}}}},
		"the zero address":           {Tick: &Tick{Rows: []Row{{ID: 1}}, Owners: []Owner{{ID: 1, IPs: []netip.Addr{{}}}}}},
		"bye":                        {Bye: &Bye{Reason: "leash"}},
		"bye, failed":                {Bye: &Bye{Reason: "no collector", Failed: true}},
		"section of nothing":         {Section: &facts.Section{}},
		"section": {Section: &facts.Section{
			Part: "host", Error: "no access", Evidence: []facts.Evidence{{Command: "uname -r", Output: "6.8.0\n"}, {}},
		}},
		"command of nothing": {Command: &Command{}},
		"focus on nothing":   {Command: &Command{Focus: &Focus{}}},
		"focus":              {Command: &Command{Focus: &Focus{All: true, Owners: []uint32{1, 2}}, IntervalMillis: -1}},
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for name, want := range messages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dec := NewDecoder(bytes.NewReader(stream(t, want)))
			got, err := dec.Next()
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
			for range 2 {
				if _, err := dec.Next(); !errors.Is(err, io.EOF) {
					t.Fatalf("after the last frame: %v", err)
				}
			}
		})
	}
}

// An empty list is sent as none: nothing tells them apart.
func TestEmptySlicesAreNone(t *testing.T) {
	t.Parallel()
	empty := Message{Tick: &Tick{
		Owners: []Owner{}, GoneOwners: []uint32{}, Rows: []Row{}, GoneRows: []uint32{}, Conntrack: []Conntrack{}, Problems: []string{},
	}}
	if got, want := stream(t, empty), stream(t, Message{Tick: &Tick{}}); !bytes.Equal(got, want) {
		t.Errorf("empty lists take %d bytes, none %d", len(got), len(want))
	}
}

// A message keeps its own copy of what it says: the buffer behind it is used
// again for the next frame.
func TestMessageOutlivesTheNext(t *testing.T) {
	t.Parallel()
	first, second := strings.Repeat("first ", 20), strings.Repeat("second", 20)
	dec := NewDecoder(bytes.NewReader(stream(t, Message{Bye: &Bye{Reason: first}}, Message{Bye: &Bye{Reason: second}})))
	a, err := dec.Next()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dec.Next(); err != nil {
		t.Fatal(err)
	}
	if a.Bye.Reason != first {
		t.Errorf("the first message now says %q", a.Bye.Reason)
	}
}

// The numbers of fields are the format: a stream of an older probe, written
// here by hand, says nothing of what came later, and one of this probe names it
// by the numbers that are promised.
func TestFieldNumbers(t *testing.T) {
	t.Parallel()
	type fields map[int]any
	for name, tc := range map[string]struct {
		tick fields
		want Tick
	}{
		"before silence and local ports": {
			fields{5: []fields{{1: 1, 2: 4026531840}}, 7: []fields{{1: 1, 2: 1, 3: 6, 5: 443, 6: 3}}},
			Tick{Owners: []Owner{{ID: 1, NetNS: 4026531840}}, Rows: []Row{{ID: 1, Owner: 1, Protocol: 6, Port: 443, Established: 3}}},
		},
		"with them": {
			fields{5: []fields{{1: 1, 2: 4026531840, 8: 28232}}, 7: []fields{{1: 1, 6: 3, 24: []uint32{0, 2}}}},
			Tick{Owners: []Owner{{ID: 1, NetNS: 4026531840, LocalPorts: 28232}}, Rows: []Row{{ID: 1, Established: 3, Silent: []uint32{0, 2}}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.tick[1], tc.tick[2] = uint64(0), int64(0)
			m, err := NewDecoder(bytes.NewReader(rawFrame(t, KindTick, marshal(t, tc.tick)))).Next()
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*m.Tick, tc.want) {
				t.Errorf("got %+v, want %+v", *m.Tick, tc.want)
			}
			_, dec, err := Modes()
			if err != nil {
				t.Fatal(err)
			}
			var by struct {
				Owners []fields `cbor:"5,keyasint"`
				Rows   []fields `cbor:"7,keyasint"`
			}
			if err := dec.Unmarshal(marshal(t, tc.want), &by); err != nil {
				t.Fatal(err)
			}
			for list, written := range map[int][]fields{5: by.Owners, 7: by.Rows} {
				for key := range tc.tick[list].([]fields)[0] {
					if _, ok := written[0][key]; !ok {
						t.Errorf("field %d of list %d is not written: %v", key, list, written)
					}
				}
			}
		})
	}
}

func TestUnknownFieldsAreSkipped(t *testing.T) {
	t.Parallel()
	payload := marshal(t, map[any]any{
		1: uint64(7), 2: int64(8), 10: map[int]uint64{2: 5, 77: 1}, 99: []any{"of", "a", map[int]int{1: 2}}, -4: true, "name": "x",
		7: []any{map[int]any{1: 3, 6: 9, 500: "new"}},
	})
	m, err := NewDecoder(bytes.NewReader(rawFrame(t, KindTick, payload))).Next()
	if err != nil {
		t.Fatal(err)
	}
	want := &Tick{Seq: 7, UnixNanos: 8, Loss: Loss{Destinations: 5}, Rows: []Row{{ID: 3, Established: 9}}}
	if !reflect.DeepEqual(m.Tick, want) {
		t.Errorf("got %+v, want %+v", m.Tick, want)
	}
}

func TestAnswerString(t *testing.T) {
	t.Parallel()
	for a, want := range map[Answer]string{Yes: "yes", No: "no", CouldNotTell: "could not tell", 9: "could not tell"} {
		if got := a.String(); got != want {
			t.Errorf("Answer(%d) is %q, want %q", a, got, want)
		}
	}
}

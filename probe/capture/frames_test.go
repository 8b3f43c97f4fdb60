package capture

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/snattop/snattop/probe/wire"
)

func frames(t interface{ Fatal(...any) }, messages ...Message) []byte {
	var b bytes.Buffer
	enc := NewEncoder(&b)
	for _, m := range messages {
		if err := enc.Encode(m); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []Packet
		var records []byte
		for range rapid.IntRange(0, 20).Draw(t, "packets") {
			p := Packet{
				UnixNanos: rapid.Int64Min(0).Draw(t, "time"), Direction: rapid.SampledFrom([]Direction{Unknown, Inbound, Outbound}).Draw(t, "direction"),
				Data: rapid.SliceOfN(rapid.Byte(), 0, 96).Draw(t, "data"),
			}
			p.Length = uint32(len(p.Data)) + rapid.Uint32Max(1<<20).Draw(t, "more")
			want = append(want, p)
			records = AppendRecord(records, p)
		}
		counts := Counts{Seen: rapid.Uint64().Draw(t, "seen"), Kernel: 3, Queue: 4}
		in := []Message{
			{Start: &Start{Probe: "v1", Interface: "eth0", Within: "the pod", Link: RawIP, Snaplen: 96, Filter: "tcp", Notes: []string{"a", "b"}, UnixNanos: 5}},
			{Packets: &Packets{Records: records, Counts: counts}}, {End: &End{Reason: EndSize, Counts: counts, UnixNanos: 9}},
		}
		dec := NewDecoder(bytes.NewReader(frames(t, in...)))
		var got []Packet
		for i, w := range in {
			m, err := dec.Next()
			if err != nil {
				t.Fatal(err)
			}
			if i != 1 {
				if !reflect.DeepEqual(m, w) {
					t.Fatalf("%+v came back as %+v", w, m)
				}
				continue
			}
			if err := m.Packets.Each(96, func(p Packet) error {
				p.Data = slices.Clone(p.Data)
				got = append(got, p)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := dec.Next(); !errors.Is(err, io.EOF) {
			t.Fatalf("behind the end: %v", err)
		}
		if len(got) != len(want) {
			t.Fatalf("%d packets of %d", len(got), len(want))
		}
		for i := range got {
			if got[i].UnixNanos != want[i].UnixNanos || got[i].Length != want[i].Length || got[i].Direction != want[i].Direction || !bytes.Equal(got[i].Data, want[i].Data) {
				t.Fatalf("%+v came back as %+v", want[i], got[i])
			}
		}
	})
}

func TestHostileStreams(t *testing.T) {
	ok := Start{Link: Ethernet, Snaplen: 64}
	record := AppendRecord(nil, Packet{Length: 4, Data: []byte{1, 2, 3, 4}})
	with := func(change func(*Start)) Message {
		s := ok
		change(&s)
		return Message{Start: &s}
	}
	records := func(b []byte) Message { return Message{Packets: &Packets{Records: b}} }
	changed := func(at int, to byte) []byte {
		b := slices.Clone(record)
		b[at] = to
		return b
	}
	tests := []struct {
		name     string
		messages []Message
		want     string
	}{
		{"packets first", []Message{records(record)}, "kind 33 here"},
		{"two starts", []Message{{Start: &ok}, {Start: &ok}}, "kind 32 here"},
		{"unknown link", []Message{with(func(s *Start) { s.Link = 147 })}, "link type 147"},
		{"no snaplen", []Message{with(func(s *Start) { s.Snaplen = 0 })}, "0 bytes"},
		{"large snaplen", []Message{with(func(s *Start) { s.Snaplen = 65536 })}, "65536 bytes"},
		{"many notes", []Message{with(func(s *Start) { s.Notes = make([]string, 9) })}, "9 notes"},
		{"half a header", []Message{{Start: &ok}, records(record[:9])}, "record at byte 0: unexpected EOF"},
		{"half a packet", []Message{{Start: &ok}, records(append(slices.Clone(record), record[:19]...))}, "record at byte 21: unexpected EOF"},
		{"more than there was", []Message{{Start: &ok}, records(changed(15, 5))}, "5 bytes of a packet of 4"},
		{"more than snaplen", []Message{{Start: &ok}, records(AppendRecord(nil, Packet{Length: 90, Data: make([]byte, 69)}))}, "69 bytes of a packet of 90"},
		{"no such direction", []Message{{Start: &ok}, records(changed(16, 3))}, "direction 3"},
		{"a time long ago", []Message{{Start: &ok}, records(changed(0, 0x80))}, "before 1970"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dec := NewDecoder(bytes.NewReader(frames(t, tt.messages...)))
			var err error
			for err == nil {
				_, err = dec.Next()
			}
			var e *wire.Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if _, again := dec.Next(); !errors.Is(again, err) {
				t.Errorf("went on with %v", again)
			}
		})
	}
}

func TestTextIsMadeSafe(t *testing.T) {
	long := strings.Repeat("x", 2*maxText)
	dec := NewDecoder(bytes.NewReader(frames(t,
		Message{Start: &Start{Link: Ethernet, Snaplen: 64, Interface: "e\x1b[31mth0", Filter: long, Notes: []string{"a\nb"}}},
		Message{End: &End{Reason: "x\u202ey"}})))
	m, err := dec.Next()
	if err != nil || m.Start.Interface != "eth0" || len(m.Start.Filter) != maxText || m.Start.Notes[0] != "a b" {
		t.Errorf("%v: %+v", err, m.Start)
	}
	if m, err = dec.Next(); err != nil || m.End.Reason != "xy" {
		t.Errorf("%v: %+v", err, m.End)
	}
}

func FuzzDecoder(f *testing.F) {
	f.Add(frames(f, Message{Start: startOf()}, Message{Packets: &Packets{Records: AppendRecord(nil, packet(1, 40)), Counts: Counts{Seen: 1}}}, Message{End: &End{Reason: EndLeash}}))
	f.Add(frames(f, Message{Start: startOf()}, Message{Packets: &Packets{Records: []byte{1}}}))
	f.Fuzz(func(t *testing.T, stream []byte) {
		dec := NewDecoder(bytes.NewReader(stream))
		snaplen := uint32(0)
		for {
			m, err := dec.Next()
			if err != nil {
				return
			}
			switch {
			case m.Start != nil:
				snaplen = m.Start.Snaplen
			case m.Packets != nil:
				size := 0
				if err := m.Packets.Each(snaplen, func(p Packet) error {
					if uint32(len(p.Data)) > p.Length || len(p.Data) > MaxSnaplen+tagSize {
						t.Fatalf("%d bytes of %d", len(p.Data), p.Length)
					}
					size += recordHeader + len(p.Data)
					return nil
				}); err != nil || size != len(m.Packets.Records) {
					t.Fatalf("accepted, and then %v: %d of %d bytes", err, size, len(m.Packets.Records))
				}
			}
		}
	})
}

package pcapng

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// blocks reads a file strictly: every length twice, nothing left over.
func blocks(t interface{ Fatalf(string, ...any) }, file []byte) (kinds []uint32, bodies [][]byte) {
	for len(file) > 0 {
		if len(file) < 12 {
			t.Fatalf("%d bytes are left", len(file))
		}
		size := binary.LittleEndian.Uint32(file[4:])
		if size%4 != 0 || int(size) > len(file) || binary.LittleEndian.Uint32(file[size-4:]) != size {
			t.Fatalf("a block of %d bytes, of %d that are left", size, len(file))
		}
		kinds = append(kinds, binary.LittleEndian.Uint32(file))
		bodies = append(bodies, file[8:size-4])
		file = file[size:]
	}
	return kinds, bodies
}

// options reads the options of a block, which have to end as they should.
func options(t interface{ Fatalf(string, ...any) }, b []byte) map[uint16][]byte {
	out := map[uint16][]byte{}
	for {
		if len(b) < 4 {
			t.Fatalf("options without an end")
		}
		kind, size := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		if kind == optEnd {
			if size != 0 || len(b) != 4 {
				t.Fatalf("%d bytes behind the last option", len(b))
			}
			return out
		}
		out[kind] = b[4 : 4+size]
		b = b[4+padded(size):]
	}
}

func TestFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var file bytes.Buffer
		s := Section{Comment: rapid.String().Draw(t, "comment"), Application: "snattop"}
		w := NewWriter(&file, s)
		i := Interface{Link: 1, Snaplen: 128, Name: rapid.StringMatching(`[a-z]{0,9}`).Draw(t, "name"), Filter: rapid.SampledFrom([]string{"", "tcp"}).Draw(t, "filter")}
		if err := w.Interface(i); err != nil {
			t.Fatal(err)
		}
		var want []Packet
		for range rapid.IntRange(0, 30).Draw(t, "packets") {
			p := Packet{
				UnixNanos: rapid.Uint64().Draw(t, "time"), Direction: rapid.Uint8Max(2).Draw(t, "direction"),
				Length: rapid.Uint32().Draw(t, "length"), Data: rapid.SliceOfN(rapid.Byte(), 0, 128).Draw(t, "data"),
			}
			want = append(want, p)
			before := w.Size()
			if err := w.Packet(0, p); err != nil {
				t.Fatal(err)
			}
			if got := w.Size() - before; got != PacketSize(p) {
				t.Fatalf("a packet of %d bytes took %d, not %d", len(p.Data), got, PacketSize(p))
			}
		}
		st := Statistics{At: time.Unix(9, 0), Start: time.Unix(1, 5), End: time.Unix(9, 0), Accepted: 9, Delivered: 4, Dropped: 5, OSDropped: 2, Comment: "x"}
		if err := errors.Join(w.Statistics(0, st), w.Flush()); err != nil {
			t.Fatal(err)
		}
		if w.Whole() != int64(file.Len()) || w.Size() != w.Whole() {
			t.Fatalf("%d bytes, and %d are whole of %d", file.Len(), w.Whole(), w.Size())
		}
		kinds, bodies := blocks(t, file.Bytes())
		if len(kinds) != 3+len(want) || kinds[0] != blockSection || kinds[1] != blockInterface || kinds[len(kinds)-1] != blockStatistics {
			t.Fatalf("blocks %x", kinds)
		}
		if got := options(t, bodies[0][16:]); string(got[optComment]) != s.Comment || string(got[optApplication]) != "snattop" {
			t.Fatalf("section %v", got)
		}
		got := options(t, bodies[1][8:])
		if string(got[optName]) != i.Name || got[optResolution][0] != 9 || strings.TrimPrefix(string(got[optFilter]), "\x00") != i.Filter ||
			binary.LittleEndian.Uint32(bodies[1][4:]) != 128 || bodies[1][0] != 1 {
			t.Fatalf("interface %q", bodies[1])
		}
		for n, p := range want {
			b := bodies[2+n]
			at := uint64(binary.LittleEndian.Uint32(b[4:]))<<32 | uint64(binary.LittleEndian.Uint32(b[8:]))
			kept := int(binary.LittleEndian.Uint32(b[12:]))
			flags := options(t, b[20+padded(kept):])[optFlags]
			if at != p.UnixNanos || binary.LittleEndian.Uint32(b[16:]) != p.Length || !bytes.Equal(b[20:20+kept], p.Data) || flags[0] != p.Direction {
				t.Fatalf("%+v became %x", p, b)
			}
		}
		got = options(t, bodies[len(bodies)-1][12:])
		for kind, n := range map[uint16]uint64{optReceived: 9, optAccepted: 9, optDropped: 5, optOSDropped: 2, optDelivered: 4} {
			if binary.LittleEndian.Uint64(got[kind]) != n {
				t.Fatalf("statistics: option %d is %x, want %d", kind, got[kind], n)
			}
		}
	})
}

// full takes some bytes, as a disk does that fills up.
type full struct {
	room int
	got  []byte
}

var errFull = errors.New("no space left on device")

func (f *full) Write(p []byte) (int, error) {
	n := min(len(p), f.room-len(f.got))
	f.got = append(f.got, p[:n]...)
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

// Wherever a disk fills up, what is whole can be told from what is not.
func TestFullDisk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		disk := &full{room: rapid.IntRange(0, 3000).Draw(t, "room")}
		w := NewWriter(disk, Section{Application: "snattop"})
		err := w.Interface(Interface{Link: 1, Snaplen: 64, Name: "eth0"})
		for err == nil {
			err = errors.Join(w.Packet(0, Packet{Length: 70, Data: make([]byte, rapid.IntRange(0, 64).Draw(t, "size"))}),
				w.Packet(0, Packet{Length: 1, Data: []byte{1}}), w.Flush())
		}
		if !errors.Is(err, errFull) {
			t.Fatal(err)
		}
		blocks(t, disk.got[:w.Whole()])
		if rest := disk.got[w.Whole():]; len(rest) >= 8 && int(binary.LittleEndian.Uint32(rest[4:])) <= len(rest) {
			t.Fatalf("a whole block is among the %d bytes to cut", len(rest))
		}
		if again := w.Flush(); !errors.Is(again, errFull) || len(disk.got) != disk.room {
			t.Fatalf("went on after an error: %v", again)
		}
	})
}

func TestUnknownInterface(t *testing.T) {
	w := NewWriter(&bytes.Buffer{}, Section{})
	if w.Packet(0, Packet{}) == nil || w.Statistics(0, Statistics{}) == nil {
		t.Error("an interface that was not described has packets")
	}
}

// Wireshark's own tools read it, where they are installed.
func TestOthersReadIt(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed")
	}
	path := t.TempDir() + "/x.pcapng"
	var file bytes.Buffer
	w := NewWriter(&file, Section{Comment: "two lines\nof words", Application: "snattop test"})
	udp := append(make([]byte, 12), 8, 0, 0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x13, 0x89, 0, 53, 0, 9, 0, 0, 7)
	err = errors.Join(
		w.Interface(Interface{Link: 1, Snaplen: 128, Name: "veth0", Description: "the node's end", Filter: "udp"}),
		w.Packet(0, Packet{UnixNanos: 1_700_000_000_123_456_789, Length: 43, Direction: 1, Data: udp}),
		w.Statistics(0, Statistics{At: time.Unix(1_700_000_001, 0), Accepted: 3, Delivered: 1, Dropped: 2}), w.Flush())
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, file.Bytes())
	out, err := exec.CommandContext(t.Context(), tshark, "-n", "-r", path, "-T", "fields", "-e", "frame.interface_name", "-e", "frame.time_epoch",
		"-e", "ip.dst", "-e", "udp.srcport", "-e", "frame.packet_flags_direction").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "veth0\t1700000000.123456789\t10.0.0.2\t5001\t") {
		t.Errorf("%v: %s", err, out)
	}
}

func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

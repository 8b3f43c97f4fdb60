package tcptracer

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// What the tool prints, by its format strings (tools/tcptracer.py, the same
// from 2017 to 2026).
const (
	greeting  = "Tracing TCP established connections. Ctrl-C to end."
	headPlain = "T  PID    COMM             IP SADDR            DADDR            SPORT  DPORT "
	headTime  = "TIME(s)  " + headPlain
	headLoud  = "TYPE         PID    COMM             IP SADDR            DADDR            SPORT  DPORT  NETNS   "
	headBoth  = "TIME(ns)      " + headLoud
	headOneNS = "TIME(ns)      TYPE         PID    COMM             IP SADDR            DADDR            SPORT  DPORT  "

	lineConnect = "0             connect      18627  curl             4  10.244.1.7       20.60.1.4        53746  443    4026532785"
	lineClose   = "3120449       close        18627  curl             4  10.244.1.7       20.60.1.4        53746  443    4026532785"
	lineAccept  = "-51           accept       411    nginx: worker 0  4  10.244.1.7       10.244.2.9       8080   40112  4026532785"
	lineSix     = "98123         connect      4194304 .NET TP Worker   6  [fd00::7]        [2603:1020::4]   50414  443    4026532184"
	lineMapped  = "98124         connect      77     java             6  [::ffff:10.244.1.7] [::ffff:20.60.1.4] 50415  443    4026532184"
	lineNight   = "123456789012345connect      1      a b  c           4  10.0.0.1         20.0.0.1         1024   53     4026531992"
	lineNoName  = "1             close        99                      4  10.0.0.1         20.0.0.1         1024   53     4026531992"
)

func at(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func TestParse(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		line string
		want Event
	}{
		"connect": {lineConnect, Event{0, Connect, 4, 18627, "curl", at("10.244.1.7:53746"), at("20.60.1.4:443"), 4026532785}},
		"close":   {lineClose, Event{3120449, Close, 4, 18627, "curl", at("10.244.1.7:53746"), at("20.60.1.4:443"), 4026532785}},
		"accept":  {lineAccept, Event{-51, Accept, 4, 411, "nginx: worker 0", at("10.244.1.7:8080"), at("10.244.2.9:40112"), 4026532785}},
		"IPv6":    {lineSix, Event{98123, Connect, 6, 4194304, ".NET TP Worker", at("[fd00::7]:50414"), at("[2603:1020::4]:443"), 4026532184}},
		"mapped":  {lineMapped, Event{98124, Connect, 6, 77, "java", at("10.244.1.7:50415"), at("20.60.1.4:443"), 4026532184}},
		"a time that fills its column": {lineNight, Event{
			123456789012345, Connect, 4, 1, "a b  c", at("10.0.0.1:1024"), at("20.0.0.1:53"), 4026531992,
		}},
		"no name": {lineNoName, Event{1, Close, 4, 99, "", at("10.0.0.1:1024"), at("20.0.0.1:53"), 4026531992}},
		"a name with an escape sequence": {
			strings.Replace(lineConnect, "curl    ", "\x1b[31mrl ", 1),
			Event{0, Connect, 4, 18627, "rl", at("10.244.1.7:53746"), at("20.60.1.4:443"), 4026532785},
		},
		"a name that was no UTF-8": {
			strings.Replace(lineConnect, "curl", "\ufffd\ufffdrl", 1),
			Event{0, Connect, 4, 18627, "\ufffd\ufffdrl", at("10.244.1.7:53746"), at("20.60.1.4:443"), 4026532785},
		},
		"a name that looks like columns": {
			strings.Replace(lineConnect, "curl            ", "a 4 1.2.3.4 5.6 ", 1),
			Event{0, Connect, 4, 18627, "a 4 1.2.3.4 5.6", at("10.244.1.7:53746"), at("20.60.1.4:443"), 4026532785},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Event{NetNS: 7, Command: "left over"}
			if err := Parse([]byte(tc.line), &got); err != nil {
				t.Fatal(err)
			}
			if got != tc.want {
				t.Errorf("got  %+v\nwant %+v", got, tc.want)
			}
		})
	}
}

func TestParseMalformed(t *testing.T) {
	t.Parallel()
	with := func(old, next string) string {
		if !strings.Contains(lineConnect, old) {
			t.Fatalf("%q is not in the line", old)
		}
		return strings.Replace(lineConnect, old, next, 1)
	}
	for name, line := range map[string]string{
		"empty":                      "",
		"blanks":                     strings.Repeat(" ", 120),
		"greeting":                   greeting,
		"headings":                   headBoth,
		"no time":                    lineConnect[14:],
		"a time of letters":          "x" + lineConnect[1:],
		"a sign alone":               "-" + lineConnect[1:],
		"a time too big":             "9223372036854775808" + lineConnect[14:],
		"time without padding":       "0 " + lineConnect[14:],
		"seconds":                    strings.Replace(lineConnect, "0             ", "0.000         ", 1),
		"kind without padding":       with("connect      ", "connect "),
		"unknown kind":               with("connect", "unknown"),
		"a letter":                   with("connect", "C      "),
		"no kind":                    with("connect", "       "),
		"kind too long":              with("connect      ", "connectconnect "),
		"no PID":                     with("18627", "     "),
		"a PID too big":              with("18627", "2147483648"),
		"a PID with a sign":          with("18627 ", "-18627"),
		"PID without padding":        with("18627  curl", "18 curl"),
		"PID without a blank":        with("18627  ", "1862777"),
		"name without padding":       with("curl            ", "curl "),
		"name too long":              with("curl            ", "curl and its arguments"),
		"family":                     with(" 4 ", " 5 "),
		"family that is another's":   with(" 4 ", " 6 "),
		"IPv6 told as IPv4":          with("10.244.1.7 ", "[::1]      "),
		"brackets around IPv4":       strings.Replace(lineSix, "[fd00::7]", "[10.0.0.1]", 1),
		"no brackets":                strings.Replace(lineSix, "[fd00::7]", "fd00::7  ", 1),
		"half a bracket":             strings.Replace(lineSix, "[fd00::7]", "[        ", 1),
		"zone":                       strings.Replace(lineSix, "[fd00::7]", "[fe80::7%eth0]", 1),
		"address zero":               with("20.60.1.4", "0.0.0.0  "),
		"address":                    with("20.60.1.4", "20.60.1  "),
		"port zero":                  with(" 443 ", " 0   "),
		"port too big":               with(" 443 ", " 65536 "),
		"port with a sign":           with(" 443 ", " +443 "),
		"namespace zero":             with("4026532785", "0"),
		"namespace too big":          with("4026532785", "4294967296"),
		"a column less":              with("4026532785", ""),
		"too long":                   with("curl", "curl"+strings.Repeat(" ", maxLine)),
		"a forged line, by its name": "0 connect 1 evil 4  10.244.1.7       20.60.1.4        53746  443    4026532785",
	} {
		e := Event{PID: 5}
		if err := Parse([]byte(line), &e); !errors.Is(err, ErrLine) {
			t.Errorf("%s: %v, %+v", name, err, e)
		}
		if e != (Event{PID: 5}) {
			t.Errorf("%s: the event was touched: %+v", name, e)
		}
	}
}

func TestParseFormats(t *testing.T) {
	t.Parallel()
	const ends = "18627  curl             4  10.244.1.7       20.60.1.4        53746  443   "
	base := Event{Kind: Close, Family: 4, PID: 18627, Command: "curl", Local: at("10.244.1.7:53746"), Remote: at("20.60.1.4:443")}
	with := func(d time.Duration, netns uint64) Event {
		e := base
		e.Time, e.NetNS = d, netns
		return e
	}
	for _, tc := range []struct {
		head, line string
		format     Format
		want       Event
	}{
		{headPlain, "X  " + ends, Format{}, base},
		{headTime, "3.546    X  " + ends, Format{Time: true}, with(3546*time.Millisecond, 0)},
		{headTime, "-0.001   X  " + ends, Format{Time: true}, with(-time.Millisecond, 0)},
		{headTime, "100000.250X  " + ends, Format{Time: true}, with(100000*time.Second+250*time.Millisecond, 0)},
		{headLoud, "close        " + ends + "  4026532785", Format{Verbose: true, NetNS: true}, with(0, 4026532785)},
		{headBoth, "12            close        " + ends + "  4026532785", Format{true, true, true}, with(12, 4026532785)},
		{headOneNS, "12            close        " + ends, Format{Time: true, Verbose: true}, with(12, 0)},
	} {
		f, ok := ParseHeader([]byte(tc.head))
		if !ok || f != tc.format {
			t.Errorf("%q: %+v, %t", tc.head, f, ok)
		}
		var got Event
		if err := f.Parse([]byte(tc.line), &got); err != nil || got != tc.want {
			t.Errorf("%q: %+v, %v", tc.line, got, err)
		}
		for other := range 8 {
			o := Format{other&1 != 0, other&2 != 0, other&4 != 0}
			if err := o.Parse([]byte(tc.line), &got); err == nil && o != f {
				t.Errorf("%q parses as %+v too", tc.line, o)
			}
		}
	}
	for _, line := range []string{
		"1.5      X  " + ends, "1,500    X  " + ends, "9223372037.000X  " + ends, ".500     X  " + ends, "1.5x0    X  " + ends,
		"1.500    U  " + ends, "1.500    XX " + ends + strings.Repeat(" ", 9),
	} {
		if err := (Format{Time: true}).Parse([]byte(line), &Event{}); !errors.Is(err, ErrLine) {
			t.Errorf("%q: %v", line, err)
		}
	}
	for kind, letter := range map[Kind]string{Connect: "C", Accept: "A"} {
		var e Event
		if err := (Format{}).Parse([]byte(letter+"  "+ends), &e); err != nil || e.Kind != kind {
			t.Errorf("%s: %+v, %v", letter, e, err)
		}
	}
}

func TestParseHeaderRefuses(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"", greeting, lineConnect, "TIME(ns)", "TIME(ns) " + headPlain, "TIME(s) " + headLoud, headPlain + " NETNS", headLoud + " MORE",
		strings.Replace(headBoth, "COMM", "NAME", 1), strings.Replace(headBoth, "TYPE", "KIND", 1), headOneNS + "CGROUP", "TYPE PID COMM",
	} {
		if f, ok := ParseHeader([]byte(line)); ok || f != (Format{}) {
			t.Errorf("%q is taken for headings: %+v", line, f)
		}
	}
}

// What holds for every line: an error leaves the event alone, and an event is
// one that the tool can print.
func FuzzParse(f *testing.F) {
	for _, line := range []string{lineConnect, lineClose, lineAccept, lineSix, lineMapped, lineNight, lineNoName, headBoth, greeting} {
		f.Add([]byte(line), uint8(7))
	}
	f.Fuzz(func(t *testing.T, line []byte, options uint8) {
		format := Format{options&1 != 0, options&2 != 0, options&4 != 0}
		_, _ = ParseHeader(line)
		before := Event{PID: 42, Command: "before"}
		e := before
		if err := format.Parse(line, &e); err != nil {
			if !errors.Is(err, ErrLine) || e != before {
				t.Fatalf("%v, %+v", err, e)
			}
			return
		}
		switch {
		case e.Kind < Connect || e.Kind > Close, e.Family != 4 && e.Family != 6:
			t.Fatalf("%+v", e)
		case format.NetNS != (e.NetNS != 0), !format.Time && e.Time != 0:
			t.Fatalf("%+v in the format %+v", e, format)
		case len(e.Command) > 3*widthComm, strings.ContainsAny(e.Command, "\n\r\x1b\x00"):
			t.Fatalf("command %q", e.Command)
		}
		for _, a := range []netip.AddrPort{e.Local, e.Remote} {
			if !a.IsValid() || a.Port() == 0 || a.Addr().IsUnspecified() || a.Addr().Is4In6() || a.Addr().Zone() != "" {
				t.Fatalf("%+v", e)
			}
		}
	})
}

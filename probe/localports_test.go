package probe

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestCountLocalPorts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ports, reserved string
		want            uint32
		err             error
	}{
		// Documentation/networking/ip-sysctl.rst: the default, and its example
		// "32000 60999" with "8080,9148".
		"as it is by default":           {"32768\t60999\n", "\n", 28232, nil},
		"what is reserved is not in it": {"32000\t60999\n", "8080,9148\n", 29000, nil},
		"reserved at both ends":         {"1000\t1999\n", "900-1000,1999-2100\n", 998, nil},
		"reserved in the middle":        {"1000\t1999\n", "1100-1199,1500,1502\n", 898, nil},
		"all is reserved":               {"1000\t1999\n", "1-65535\n", 0, nil},
		"a single port":                 {"1000\t1000\n", "", 1, nil},
		"every port":                    {"0\t65535", "", 65536, nil},
		"more than there is":            {"5\t6", "5-6,5-6", 0, nil},
		"nothing":                       {"", "", 0, errPortRange},
		"one number":                    {"32768\n", "", 0, errPortRange},
		"upside down":                   {"60999\t32768\n", "", 0, errPortRange},
		"too large":                     {"32768\t65536\n", "", 0, errPortRange},
		"no numbers":                    {"a\tb", "", 0, errPortRange},
		"reserved is no number":         {"1\t2", "x", 0, errPortRange},
		"reserved is upside down":       {"1\t2", "9-8", 0, errPortRange},
		"reserved is cut":               {"1\t2", "5-", 0, errPortRange},
	} {
		got, err := countLocalPorts(tc.ports, tc.reserved)
		if got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%s: %d, %v", name, got, err)
		}
		if err != nil && (strings.Contains(err.Error(), "\n") || len(err.Error()) > 200) {
			t.Errorf("%s: the error is %q", name, err)
		}
	}
}

func FuzzCountLocalPorts(f *testing.F) {
	f.Add("32768\t60999\n", "8080,9148-9150\n")
	f.Add("0 65535", ",,-,1-2")
	f.Add("60999 32768", "\x00")
	f.Fuzz(func(t *testing.T, ports, reserved string) {
		n, err := countLocalPorts(ports, reserved)
		if n > 1<<16 || err != nil && (n != 0 || len(err.Error()) > 500) {
			t.Errorf("%d, %v", n, err)
		}
	})
}

// The settings of a namespace are read when it is met, and not again before a
// minute is over. A read that fails leaves what was known.
func TestPortBook(t *testing.T) {
	t.Parallel()
	b, now := newPortBook(nil), time.Unix(1000, 0)
	const ns = 4026531856 // its turn is right at the end of the minute
	if b.of(ns) != 0 || !b.due(ns, now) {
		t.Error("it is known before it was read")
	}
	b.note(ns, now, 28232, nil)
	if now = now.Add(portsEvery - 1); b.due(ns, now) || !b.due(ns+1, now) {
		t.Error("due within a minute, or another is not")
	}
	if now = now.Add(1); !b.due(ns, now) {
		t.Error("not due after a minute")
	}
	b.note(ns, now, 0, errPortRange)
	if b.of(ns) != 28232 || b.due(ns, now.Add(portsEvery-1)) {
		t.Errorf("after a failure: %d, due %t", b.of(ns), b.due(ns, now))
	}
	b.note(ns, now, 5, nil)
	b.note(ns+1, now, 6, nil)
	b.retain(func(inode uint64) bool { return inode == ns })
	if b.of(ns) != 5 || b.of(ns+1) != 0 {
		t.Errorf("%+v is left", b.byNS)
	}
}

package snat_test

import (
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/snattop/snattop/internal/snat"
)

func ranges(t *testing.T, why string, cidrs ...string) []snat.Range {
	t.Helper()
	r, err := snat.ParseRanges(cidrs, why)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestClassifyBuiltin(t *testing.T) {
	t.Parallel()
	c := snat.NewClassifier()
	for why, addrs := range map[string][]string{
		"private": {
			"10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255",
			"fc00::1", "fdff:ffff::1", "::ffff:10.1.2.3",
		},
		"shared address space": {"100.64.0.0", "100.127.255.255"},
		"link-local":           {"169.254.0.0", "169.254.169.254", "169.254.255.255", "fe80::1", "febf::1", "fe80::1%eth0", "::ffff:169.254.169.254"},
		"azure platform":       {"168.63.129.16", "::ffff:168.63.129.16"},
		"loopback":             {"127.0.0.0", "127.255.255.255", "::1"},
		"this host":            {"0.0.0.0", "0.255.255.255", "::"},
		"multicast":            {"224.0.0.1", "239.255.255.255", "ff02::1"},
		"reserved":             {"240.0.0.0", "255.255.255.255"},
	} {
		for _, a := range addrs {
			if got := c.Classify(netip.MustParseAddr(a)); got != (snat.Class{WhyNot: why}) {
				t.Errorf("%s: %+v, want %q", a, got, why)
			}
		}
	}
	// The neighbours of every range, and the open Internet.
	for _, a := range []string{
		"1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
		"168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
		"192.167.255.255", "192.169.0.0", "223.255.255.255", "20.60.1.9", "::ffff:20.60.1.9",
		"2600::1", "::2", "fbff::1", "fe00::1", "fec0::1", "2600::1%eth0",
	} {
		if got := c.Classify(netip.MustParseAddr(a)); got != (snat.Class{Eligible: true, Public: true}) {
			t.Errorf("%s: %+v, want eligible and public", a, got)
		}
	}
	if got := c.Classify(netip.Addr{}); got != (snat.Class{WhyNot: "no address"}) {
		t.Errorf("no address: %+v", got)
	}
}

func TestClassifyAdded(t *testing.T) {
	t.Parallel()
	added := ranges(t, "--private-cidr", "20.60.0.0/16", "8.8.8.8")
	added = append(added, ranges(t, "pod network", "20.60.7.0/24", "10.244.0.0/16", "2600:1::/32")...)
	c := snat.NewClassifier(added...)
	for a, want := range map[string]snat.Class{
		// Declared private over public space: no port is used, and the seeds
		// would still count it.
		"20.60.1.9":        {WhyNot: "--private-cidr", Public: true},
		"::ffff:20.60.1.9": {WhyNot: "--private-cidr", Public: true},
		"8.8.8.8":          {WhyNot: "--private-cidr", Public: true},
		// The longer prefix speaks.
		"20.60.7.7":  {WhyNot: "pod network", Public: true},
		"10.244.1.1": {WhyNot: "pod network"},
		"2600:1::5":  {WhyNot: "pod network", Public: true},
		// The rest stays as it was.
		"8.8.4.4":   {Eligible: true, Public: true},
		"20.61.0.0": {Eligible: true, Public: true},
		"10.1.1.1":  {WhyNot: "private"},
	} {
		if got := c.Classify(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: %+v, want %+v", a, got, want)
		}
	}
}

// A range need not be written with its host bits cleared.
func TestClassifyUnmaskedRange(t *testing.T) {
	t.Parallel()
	c := snat.NewClassifier(snat.Range{Prefix: netip.MustParsePrefix("20.60.1.9/16"), Why: "vnet"})
	if got := c.Classify(netip.MustParseAddr("20.60.200.1")); got.WhyNot != "vnet" {
		t.Errorf("%+v", got)
	}
}

func TestClassifyProperties(t *testing.T) {
	t.Parallel()
	c := snat.NewClassifier(ranges(t, "declared", "20.0.0.0/8")...)
	rapid.Check(t, func(t *rapid.T) {
		v4 := netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "v4")))
		got, mapped := c.Classify(v4), c.Classify(netip.AddrFrom16(v4.As16()))
		if got != mapped {
			t.Fatalf("%s: %+v, but %+v when it is mapped", v4, got, mapped)
		}
		if got.Eligible == (got.WhyNot != "") || got.Eligible && !got.Public {
			t.Fatalf("%s: %+v contradicts itself", v4, got)
		}
		if got.Public && (v4.IsPrivate() || v4.IsLoopback() || v4.IsLinkLocalUnicast() || v4.IsMulticast()) {
			t.Fatalf("%s is not public", v4)
		}
	})
}

func TestParseRanges(t *testing.T) {
	t.Parallel()
	got, err := snat.ParseRanges([]string{" 20.60.1.9/16 ", "8.8.8.8", "2600::1"}, "why")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"20.60.0.0/16", "8.8.8.8/32", "2600::1/128"} {
		if got[i].Prefix.String() != want || got[i].Why != "why" {
			t.Errorf("%d: %+v, want %s", i, got[i], want)
		}
	}
	if got, err := snat.ParseRanges(nil, "why"); err != nil || len(got) != 0 {
		t.Errorf("no ranges: %v, %v", got, err)
	}
	for _, bad := range []string{"", "10.0.0.0/33", "10.0.0/8", "example.com", "10.0.0.0/-1", "10.0.0.0/8,20.0.0.0/8"} {
		_, err := snat.ParseRanges([]string{"10.0.0.0/8", bad}, "why")
		if err == nil || !strings.Contains(err.Error(), `"`+bad+`"`) {
			t.Errorf("%q: error %v, want one that quotes it", bad, err)
		}
	}
}

// A mapped range would match nothing, because addresses are unwrapped.
func TestParseRangesMapped(t *testing.T) {
	t.Parallel()
	c := snat.NewClassifier(ranges(t, "mapped", "::ffff:20.60.0.0/112", "::ffff:8.8.8.8", "fe80::1%eth0")...)
	for a, want := range map[string]string{"20.60.3.4": "mapped", "8.8.8.8": "mapped", "20.61.0.1": "", "fe80::1": "mapped"} {
		if got := c.Classify(netip.MustParseAddr(a)); got.WhyNot != want {
			t.Errorf("%s: %+v, want %q", a, got, want)
		}
	}
}

package links

import "testing"

func TestDefaultRoute(t *testing.T) {
	const head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
	none := "00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n"
	six := "00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth6\n"
	for _, tt := range []struct{ v4, v6, want string }{
		{"", "", ""},
		{head, none, ""},
		{head + "eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\neth1\t00000000\t0100000A\t0003\t0\t0\t50\t00000000\t0\t0\t0\n", six, "eth1"},
		{head + "eth0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0\n", none + six, "eth6"},
		{head + "tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n", "", ""}, // half of all addresses is no default
		{"garbage\n", "garbage\n", ""},
	} {
		if got := DefaultRoute(tt.v4, tt.v6); got != tt.want {
			t.Errorf("%q, %q: %q, want %q", tt.v4, tt.v6, got, tt.want)
		}
	}
}

package capture

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/bpf"
	"pgregory.net/rapid"
)

func TestParseFilter(t *testing.T) {
	tests := []struct {
		hosts, ports []string
		proto        string
		text, err    string
	}{
		{nil, nil, "", "", ""},
		{[]string{"203.0.113.7"}, []string{"443"}, "TCP", "tcp and host 203.0.113.7 and port 443", ""},
		{[]string{"10.1.2.3/8", "2001:db8::/32"}, []string{"53", "853"}, "", "(net 10.0.0.0/8 or net 2001:db8::/32) and (port 53 or port 853)", ""},
		{[]string{"::ffff:10.0.0.1"}, nil, "icmp", "(icmp or icmp6) and host 10.0.0.1", ""},
		{[]string{"0.0.0.0/0"}, nil, "sctp", "sctp and net 0.0.0.0/0", ""},
		{[]string{"example.com"}, nil, "", "", `host "example.com": use an address or a range`},
		{[]string{"fe80::1%eth0"}, nil, "", "", "use an address"},
		{[]string{"10.0.0.0/33"}, nil, "", "", "use an address"},
		{[]string{"::ffff:10.0.0.0/104"}, nil, "", "", "use an address"},
		{nil, []string{"https"}, "", "", `port "https": use a number`},
		{nil, []string{"0"}, "", "", "1 to 65535"},
		{nil, []string{"65536"}, "", "", "1 to 65535"},
		{nil, []string{"1"}, "icmp", "", "icmp has no ports"},
		{nil, nil, "gre", "", `protocol "gre": use tcp, udp, sctp or icmp`},
		{nil, slices.Repeat([]string{"1"}, MaxPorts+1), "", "", "at most 16"},
		{slices.Repeat([]string{"::1"}, MaxHosts+1), nil, "", "", "at most 16"},
	}
	for _, tt := range tests {
		f, err := ParseFilter(tt.hosts, tt.ports, tt.proto)
		switch {
		case err == nil && tt.err != "", err != nil && (tt.err == "" || !strings.Contains(err.Error(), tt.err)):
			t.Errorf("%q %q %q: %v, want %q", tt.hosts, tt.ports, tt.proto, err, tt.err)
		case err == nil && f.String() != tt.text:
			t.Errorf("%q %q %q: %q, want %q", tt.hosts, tt.ports, tt.proto, f, tt.text)
		}
		if err != nil {
			continue
		}
		var hosts, ports []string
		proto := ""
		for flags := f.Flags(); len(flags) > 0; flags = flags[2:] {
			switch flags[0] {
			case "--host":
				hosts = append(hosts, flags[1])
			case "--port":
				ports = append(ports, flags[1])
			case "--proto":
				proto = flags[1]
			}
		}
		if again, err := ParseFilter(hosts, ports, proto); err != nil || again.String() != tt.text {
			t.Errorf("%q came back as %q, %v", tt.text, again, err)
		}
	}
}

// kept is what the kernel does with a packet: the bytes to keep, 0 for none.
func kept(t interface{ Fatal(...any) }, f Filter, link Link, packet []byte) int {
	code, err := f.Program(link, 64)
	if err != nil {
		t.Fatal(err)
	}
	vm, err := bpf.NewVM(code)
	if err != nil {
		t.Fatal(err)
	}
	n, err := vm.Run(packet)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestFilter(t *testing.T) {
	const a, b, a6, b6 = "10.1.0.5", "203.0.113.7", "2001:db8::5", "2001:db8:1::7"
	tcp := ipv4(a, b, ipTCP, 0, 0, ports(40000, 443))
	tests := []struct {
		name   string
		filter string // hosts, ports, protocol; "own=" for Own
		packet []byte
		want   bool
	}{
		{"all, of any kind", "", ether(0x88cc, 0, []byte{1}), true},
		{"all, empty", "", nil, true},
		{"host is the destination", b, ether(etherIPv4, 0, tcp), true},
		{"host is the source", a, ether(etherIPv4, 0, tcp), true},
		{"host is another", "10.1.0.6", ether(etherIPv4, 0, tcp), false},
		{"host in a range", "203.0.112.0/22", ether(etherIPv4, 0, tcp), true},
		{"host in all of IPv4", "0.0.0.0/0", ether(etherIPv4, 0, tcp), true},
		{"host in all of IPv6", "::/0", ether(etherIPv4, 0, tcp), false},
		{"one of two hosts", "192.0.2.1 " + b, ether(etherIPv4, 0, tcp), true},
		{"own and host", "own=" + a + " " + b, ether(etherIPv4, 0, tcp), true},
		{"own is another's", "own=10.1.0.6 " + b, ether(etherIPv4, 0, tcp), false},
		{"port is the destination's", ":443", ether(etherIPv4, 0, tcp), true},
		{"port is the source's", ":40000", ether(etherIPv4, 0, tcp), true},
		{"port is another", ":80", ether(etherIPv4, 0, tcp), false},
		{"protocol", "tcp", ether(etherIPv4, 0, tcp), true},
		{"another protocol", "udp", ether(etherIPv4, 0, tcp), false},
		{"everything together", b + " :443 tcp", ether(etherIPv4, 0, tcp), true},
		{"one tag", b + " :443", ether(etherIPv4, 1, tcp), true},
		{"two tags", b + " :443", ether(etherIPv4, 2, tcp), true},
		{"three tags are not looked through", b, ether(etherIPv4, 3, tcp), false},
		{"options before the ports", ":443", ether(etherIPv4, 0, ipv4(a, b, ipUDP, 3, 0, ports(1, 443))), true},
		{"options are no ports", ":443", ether(etherIPv4, 0, append(ipv4(a, b, ipTCP, 1, 0, nil)[:20], append(ports(443, 443), ports(1, 2)...)...)), false},
		{"first piece", ":443", ether(etherIPv4, 0, ipv4(a, b, ipUDP, 0, 0x2000, ports(1, 443))), true},
		{"first piece of another", ":443", ether(etherIPv4, 0, ipv4(a, b, ipUDP, 0, 0x2000, ports(1, 2))), false},
		{"later piece has no ports", b + " :443", ether(etherIPv4, 0, ipv4(a, b, ipUDP, 0, 0x2001, ports(1, 2))), true},
		{"later piece between others", "192.0.2.1 :443", ether(etherIPv4, 0, ipv4(a, b, ipUDP, 0, 185, ports(443, 443))), false},
		{"later piece of what has no ports", ":443", ether(etherIPv4, 0, ipv4(a, b, ipICMP, 0, 185, ports(443, 443))), false},
		{"ping has no ports", ":443", ether(etherIPv4, 0, ipv4(a, b, ipICMP, 0, 0, ports(443, 443))), false},
		{"ping", "icmp", ether(etherIPv4, 0, ipv4(a, b, ipICMP, 0, 0, ports(8, 0))), true},
		{"sctp", "sctp :443", ether(etherIPv4, 0, ipv4(a, b, ipSCTP, 0, 0, ports(1, 443))), true},
		{"cut before the ports", ":443", ether(etherIPv4, 0, tcp[:22]), false},
		{"cut in the addresses", b, ether(etherIPv4, 0, tcp[:19]), false},
		{"arp of the host", a, ether(etherARP, 0, arp(a, "10.1.0.1")), true},
		{"arp for the host", "10.1.0.1", ether(etherARP, 1, arp(a, "10.1.0.1")), true},
		{"arp of another", b, ether(etherARP, 0, arp(a, "10.1.0.1")), false},
		{"arp has no port", a + " :443", ether(etherARP, 0, arp(a, "10.1.0.1")), false},
		{"ipv6 host", b6, ether(etherIPv6, 0, ipv6(a6, b6, ipTCP, nil, ports(1, 443))), true},
		{"ipv6 range that ends within a word", "2001:db8:1::/45", ether(etherIPv6, 0, ipv6("fe80::1", b6, ipTCP, nil, ports(1, 443))), true},
		{"ipv6 range next to it", "2001:db8:8::/45", ether(etherIPv6, 0, ipv6("fe80::1", b6, ipTCP, nil, ports(1, 443))), false},
		{"ipv6 port", ":443", ether(etherIPv6, 2, ipv6(a6, b6, ipTCP, nil, ports(443, 1))), true},
		{"ipv6 behind extensions", ":443 tcp", ether(etherIPv6, 0, ipv6(a6, b6, ipTCP, []ext{options(2), authHeader(4), fragmentHeader(0)}, ports(1, 443))), true},
		{"ipv6 later piece", ":443 udp", ether(etherIPv6, 0, ipv6(a6, b6, ipUDP, []ext{options(0), fragmentHeader(7)}, ports(1, 2))), true},
		{"ipv6 later piece of another protocol", ":443 tcp", ether(etherIPv6, 0, ipv6(a6, b6, ipUDP, []ext{fragmentHeader(7)}, ports(1, 443))), false},
		{"ipv6 behind too many", ":443", ether(etherIPv6, 0, ipv6(a6, b6, ipTCP, slices.Repeat([]ext{options(0)}, 7), ports(1, 443))), false},
		{"ping of ipv6", "icmp", ether(etherIPv6, 0, ipv6(a6, b6, ipICMPv6, []ext{options(0)}, ports(1, 1))), true},
		{"ping of ipv4 in ipv6", "icmp", ether(etherIPv6, 0, ipv6(a6, b6, ipICMP, nil, ports(1, 1))), false},
		{"not ip", "tcp", ether(0x88cc, 0, tcp), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := filterOf(t, tt.filter)
			if got := f.Match(Ethernet, tt.packet); got != tt.want {
				t.Errorf("the model of %q says %v", f, got)
			}
			if got := kept(t, f, Ethernet, tt.packet); (got == 64) != tt.want {
				t.Errorf("the program of %q keeps %d bytes", f, got)
			}
			// Without tags, the same holds for a link without a header.
			if kind := tt.packet; len(kind) > 14 && (kind[12] == 0x08 && kind[13] == 0 || kind[12] == 0x86) {
				if got := kept(t, f, RawIP, kind[14:]); (got == 64) != tt.want || f.Match(RawIP, kind[14:]) != tt.want {
					t.Errorf("on a bare link the program of %q keeps %d bytes", f, got)
				}
			}
		})
	}
}

func filterOf(t *testing.T, text string) Filter {
	t.Helper()
	var hosts, ports, own []string
	proto := ""
	for _, word := range strings.Fields(text) {
		switch {
		case strings.HasPrefix(word, "own="):
			own = append(own, word[4:])
		case word[0] == ':' && !strings.Contains(word, "::"):
			ports = append(ports, word[1:])
		case strings.ContainsAny(word, ".:"):
			hosts = append(hosts, word)
		default:
			proto = word
		}
	}
	f, err := ParseFilter(hosts, ports, proto)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range own {
		f.Own = append(f.Own, netip.MustParseAddr(a))
	}
	return f
}

// The program and the model agree about every packet, whole, cut or damaged.
func TestProgramIsTheModel(t *testing.T) {
	var wanted, all int
	rapid.Check(t, func(t *rapid.T) {
		f := drawFilter(t)
		link := rapid.SampledFrom([]Link{Ethernet, Ethernet, RawIP}).Draw(t, "link")
		for range 20 {
			packet := drawPacket(t, link)
			want := f.Match(link, packet)
			if got := kept(t, f, link, packet); (got == 64) != want {
				t.Fatalf("filter %q, link %d, packet %x: the program keeps %d bytes, the model says %v", f, link, packet, got, want)
			}
			all++
			if want && !f.empty() {
				wanted++
			}
		}
	})
	if wanted < all/20 || wanted > all*19/20 {
		t.Errorf("%d of %d packets were wanted: the property says little", wanted, all)
	}
}

func drawFilter(t *rapid.T) Filter {
	host := rapid.SampledFrom([]string{"10.1.0.5/32", "10.0.0.0/8", "0.0.0.0/0", "203.0.113.0/25", "2001:db8::5/128", "2001:db8::/33", "::/0", "2001:db8:0:8000::/49", "192.0.2.1/32"})
	f := Filter{
		Ports: rapid.SliceOfN(rapid.SampledFrom([]uint16{443, 53, 40000}), 0, 3).Draw(t, "ports"),
		Proto: rapid.SampledFrom([]Proto{"", "", TCP, UDP, SCTP, ICMP}).Draw(t, "proto"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "hosts") {
		f.Hosts = append(f.Hosts, netip.MustParsePrefix(host.Draw(t, "host")))
	}
	if rapid.IntRange(0, 3).Draw(t, "own") == 0 {
		f.Own = append(f.Own, netip.MustParseAddr("10.1.0.5"), netip.MustParseAddr("2001:db8::5"))
	}
	if f.Proto == ICMP {
		f.Ports = nil
	}
	return f
}

func drawPacket(t *rapid.T, link Link) []byte {
	port := rapid.SampledFrom([]uint16{443, 53, 40000, 8080, 0})
	payload := ports(port.Draw(t, "src"), port.Draw(t, "dst"))
	proto := rapid.SampledFrom([]byte{ipTCP, ipUDP, ipSCTP, ipICMP, ipICMPv6, 47}).Draw(t, "number")
	v4 := rapid.SampledFrom([]string{"10.1.0.5", "10.200.0.1", "203.0.113.7", "203.0.113.200", "192.0.2.1"})
	v6 := rapid.SampledFrom([]string{"2001:db8::5", "2001:db8:8000::1", "2001:db8:0:8123::1", "fe80::1"})
	var p []byte
	kind := uint16(etherIPv4)
	switch rapid.IntRange(0, 6).Draw(t, "family") {
	case 0, 1, 2:
		fragment := rapid.SampledFrom([]uint16{0, 0, 0, 0x2000, 0x2001, 185, 0x4000}).Draw(t, "fragment")
		p = ipv4(v4.Draw(t, "src"), v4.Draw(t, "dst"), proto, rapid.IntRange(0, 3).Draw(t, "options"), fragment, payload)
	case 3, 4, 5:
		var exts []ext
		for range rapid.IntRange(0, 8).Draw(t, "extensions") {
			e := rapid.SampledFrom([]ext{options(0), options(2), authHeader(1), authHeader(4), fragmentHeader(0), fragmentHeader(9)}).Draw(t, "extension")
			if e.kind == ipDestOpts {
				e.kind = rapid.SampledFrom([]byte{ipDestOpts, ipHopByHop, ipRouting}).Draw(t, "kind")
			}
			exts = append(exts, e)
		}
		kind, p = etherIPv6, ipv6(v6.Draw(t, "src"), v6.Draw(t, "dst"), proto, exts, payload)
	default:
		kind, p = etherARP, arp(v4.Draw(t, "src"), v4.Draw(t, "dst"))
	}
	if link == Ethernet {
		p = ether(kind, rapid.IntRange(0, 3).Draw(t, "tags"), p)
	}
	if rapid.IntRange(0, 3).Draw(t, "cut") == 0 {
		p = p[:rapid.IntRange(0, len(p)).Draw(t, "length")]
	}
	if len(p) > 0 && rapid.IntRange(0, 3).Draw(t, "damage") == 0 {
		p[rapid.IntRange(0, len(p)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
	}
	return p
}

// The largest filter still is a program that the kernel takes.
func TestLargestProgram(t *testing.T) {
	f := Filter{Ports: slices.Repeat([]uint16{1}, MaxPorts)}
	for range MaxHosts {
		f.Hosts = append(f.Hosts, netip.MustParsePrefix("2001:db8::/127"))
		f.Own = append(f.Own, netip.MustParseAddr("2001:db8::1"))
	}
	code, err := f.Program(Ethernet, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bpf.Assemble(code); err != nil {
		t.Fatal(err)
	}
	f.Ports = append(f.Ports, 1)
	if _, err := f.Program(Ethernet, 1); err == nil {
		t.Error("too many ports became a program")
	}
}

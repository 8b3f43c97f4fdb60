package redact

import (
	"net/netip"
	"regexp"
	"strings"
)

// Words of texts that name nobody: what Kubernetes, the kernel, clouds and
// snattop itself call their things. Of words without a digit, dot or the like
// only those are looked at that stand where a name would.
var vocabulary = set(`
	pods exec pods/exec pods/attach pods/ephemeralcontainers pods/log pod node nodes namespace namespaces service services secret secrets event events
	create get list watch delete patch update deployments daemonsets endpointslices discovery.k8s.io apps batch jobs cronjobs
	kube-system default kube-public kube-node-lease kube-proxy kubelet containerd host-network read-only read-write
	inet_diag sock_diag netlink_sock_diag inet_diag_cgroup_id cap_net_admin cap_sys_admin cap_bpf cap_perfmon cap_sys_ptrace bpf(2)
	nf_conntrack nf_conntrack_max nf_conntrack_count ip_local_port_range tcp_tw_reuse tcp_close tcp_connect inet_sock_set_state cgroup_id
	ebpf diag procfs tcptracer btf bcc co-re ipv4 ipv6 tcp4 tcp6 udp4 udp6 cgroup2 cgroupv2 x86_64 amd64 arm64 linux/amd64 linux/arm64
	e.g. i.e. config.yaml metadata in not of is that and could were was to may cannot can has for on by from at with the a an or as it its this are
	time_wait syn_sent syn-sent syns http/1.1 http/2 https tls x509 websocket spdy azure-lb azure-natgw gcp-nat aws-natgw auto
	--node --pod --private-cidr --own-egress --snat-ports --provider --cloud --image --debug-namespace --azure-endpoint --probe-image
	any more most which when while other others only one two three they them there here no none all some same so if but then than until again itself
	inside outside uses used use have do does did had will would should must network networks name names table whose because after before under over
	between answers answer ended started failed refused denied forbidden runs run holds hold wants want needs need end start
	sign-in log-in re-use out-of-band time-out timed-out keep-alive non-linux user-space
`)

func set(words string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(words) {
		out[w] = true
	}
	return out
}

// number matches words that are a figure with its unit, or a version.
var number = regexp.MustCompile(`(?i)^[~≥≤<>+-]?(v?\d+([.,:]\d+)*|\d+([.,]\d+)?(%|ms|s|m|h|d|kb|mb|gb|b|kib|mib|gib|kb/s|/s)?|(\d+h)?(\d+m)?\d+(\.\d+)?s|\d+-?(bit|th|st|nd|rd))$`)

// moment matches a time of the day, or a date with one.
var moment = regexp.MustCompile(`^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?)?$`)

// before are words that a name follows.
var before = set(`user users namespace namespaces group subscription project account tenant principal identity role vault context cluster serviceaccount host hostname gateway container`)

const (
	quotes   = "\"'`“”‘’"
	brackets = "()[]{}<>,;!?"
)

// Text replaces what looks like a name or an address in a sentence. What is
// known to be a name is replaced for sure; of texts that others wrote, each word
// that is no plain word, each that is quoted, and each that stands where a name
// would.
func (r *Redactor) Text(text string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text(text)
}

func (r *Redactor) text(text string) string {
	var b strings.Builder
	last, quoted := "", rune(0)
	word := func(w string) {
		if w == "" {
			return
		}
		b.WriteString(r.word(w, quoted != 0 || before[strings.ToLower(last)]))
		last = w
	}
	from := 0
	for i, c := range text {
		switch {
		case strings.ContainsRune(quotes, c):
			word(text[from:i])
			b.WriteRune(c)
			from = i + len(string(c))
			if quoted == 0 {
				quoted = c
			} else {
				quoted = 0
			}
		case c == ' ', c == '\n', c == '\t', c == '=', strings.ContainsRune(brackets, c):
			word(text[from:i])
			b.WriteRune(c)
			from = i + len(string(c))
		}
	}
	word(text[from:])
	return b.String()
}

// word replaces a word of a sentence; named means that it stands where a name
// would.
func (r *Redactor) word(w string, named bool) string {
	core := strings.TrimRight(w, ".:")
	tail := w[len(core):]
	return r.core(core, named) + tail
}

func (r *Redactor) core(w string, named bool) string {
	if p, ok := r.words[w]; ok {
		return p
	}
	if p, ok := r.address(w); ok {
		return p
	}
	switch lower := strings.ToLower(w); {
	case w == "", vocabulary[lower], number.MatchString(w), moment.MatchString(w):
		return w
	case strings.Contains(w, "/"):
		return strings.Join(each(strings.Split(w, "/"), func(part string) string { return r.word(part, true) }), "/")
	case strings.Contains(strings.Trim(w, ":"), ":"):
		return strings.Join(each(strings.Split(w, ":"), func(part string) string { return r.core(part, named) }), ":")
	case named && strings.ContainsFunc(w, letter), suspicious(w):
		return r.name(kindName, w)
	default:
		return w
	}
}

func letter(c rune) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c > 0x7f }

// suspicious reports whether a word is no plain one: those of a language have
// letters, and at most one dash between them.
func suspicious(w string) bool {
	if !strings.ContainsFunc(w, letter) {
		return strings.ContainsAny(w, "0123456789") && len(w) > 6 // an account's number
	}
	digits := strings.ContainsAny(w, "0123456789")
	return digits || strings.ContainsAny(w, "@._~%$#\\") || strings.Count(w, "-") > 1
}

// address replaces an address, with a port or as a range too.
func (r *Redactor) address(w string) (string, bool) {
	if ip, err := netip.ParseAddr(w); err == nil {
		return r.ip(ip).String(), true
	}
	if ap, err := netip.ParseAddrPort(w); err == nil {
		return netip.AddrPortFrom(r.ip(ap.Addr()), ap.Port()).String(), true
	}
	if p, err := netip.ParsePrefix(w); err == nil {
		ip := r.ip(p.Addr())
		return netip.PrefixFrom(ip, min(p.Bits(), ip.BitLen())).String(), true
	}
	return "", false
}

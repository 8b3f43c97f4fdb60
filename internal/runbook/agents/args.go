package agents

import (
	"strconv"
	"strings"
)

// defaultPort is where each kind connects to when its arguments do not say.
//
// Source: AKS, "Outbound network and FQDN rules": 443 today, 9000/TCP and
// 1194/UDP for the agents before; apiserver-network-proxy, proxy-agent's
// --proxy-server-port: 8091, which AKS and GKE always set.
func defaultPort(k Kind) uint16 {
	switch k {
	case TunnelFront:
		return 9000
	case AKSLink:
		return 1194
	case Konnectivity:
		return 443
	default:
		return 0
	}
}

// parse reads a command line: "--flag=value" and "--flag value".
func (a *Agent) parse(args []string) {
	for i := 0; i < len(args); i++ {
		name, value, ok := strings.Cut(args[i], "=")
		if !strings.HasPrefix(name, "--") {
			continue
		}
		if !ok && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
			value = args[i+1]
			i++
		}
		switch name {
		case "--proxy-server-host":
			a.Host = strings.Trim(value, "[]")
		case "--proxy-server-port":
			if n, err := strconv.ParseUint(value, 10, 16); err == nil {
				a.Port = uint16(n)
			}
		case "--agent-identifiers":
			a.Identifiers = value
		case "--alpn-proto":
			for p := range strings.SplitSeq(value, ",") {
				if p = strings.TrimSpace(p); p != "" {
					a.ALPN = append(a.ALPN, p)
				}
			}
		}
	}
}

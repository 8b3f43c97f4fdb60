package reach

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/snattop/snattop/probe/facts"
)

// Evidence is what an operator would have typed to see the same, and what that
// would have printed.
func Evidence(r *facts.Reached) []facts.Evidence {
	host, port := shell(r.Target.Host), strconv.Itoa(int(r.Target.Port))
	address := net.JoinHostPort(r.Target.Host, port)
	var out []facts.Evidence
	switch {
	case r.Proxy != "":
	case r.DNSError != "":
		out = append(out, facts.Evidence{Command: "getent ahosts " + host, Output: r.DNSError})
		return out
	case len(r.Addresses) != 1 || r.Addresses[0] != r.Target.Host:
		out = append(out, facts.Evidence{Command: "getent ahosts " + host, Output: strings.Join(r.Addresses, " ")})
	}
	connected := fmt.Sprintf("%s: %s", r.Address, r.TCP)
	if r.TCPError != "" {
		connected += " (" + r.TCPError + ")"
	}
	command := "nc -vz -w 3 " + host + " " + port
	if r.Proxy != "" {
		command = "curl -vsk --proxy " + shell(r.Proxy) + " " + shell("https://"+address+"/")
	}
	out = append(out, facts.Evidence{Command: command, Output: connected})
	for i := range r.Handshakes {
		h := &r.Handshakes[i]
		command := "openssl s_client -connect " + shell(address) + " </dev/null"
		if name := r.Target.Name; name != "" {
			command = "openssl s_client -connect " + shell(address) + " -servername " + shell(name) + " </dev/null"
		}
		if len(h.Offered) > 0 {
			command = strings.Replace(command, " </dev/null", " -alpn "+shell(strings.Join(h.Offered, ","))+" </dev/null", 1)
		}
		out = append(out, facts.Evidence{Command: command, Output: Words(h)})
	}
	return out
}

// Words says in openssl's words what became of a handshake.
func Words(h *facts.Handshake) string {
	if !h.Done {
		return h.Error
	}
	text := h.Version
	switch {
	case h.Negotiated != "":
		text += ", ALPN protocol: " + h.Negotiated
	case len(h.Offered) > 0:
		text += ", No ALPN negotiated"
	}
	if h.Issuer != "" {
		text += ", issuer=" + h.Issuer
	}
	if h.Error != "" {
		text += ", verify error: " + h.Error
	}
	return text
}

// shell quotes a word that a shell would take apart.
func shell(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-:/@%+,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

package poll

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/snattop/snattop/internal/sanitize"
)

// Timeout is how long one question to a cloud may take.
const Timeout = 30 * time.Second

// maxWords is how much of another's text gets into a sentence, in bytes.
const maxWords = 200

// Short is text from elsewhere, made safe and short enough for a sentence.
func Short(s string) string {
	s = sanitize.Text(s[:min(len(s), 4*maxWords)])
	if len(s) <= maxWords {
		return s
	}
	cut := maxWords
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// Network says in our own words why no answer came. Go's text of such errors
// may quote the URL of a proxy with its password, so none of it is used but
// the name that did not resolve. ok is false for an error of another kind.
func Network(err error) (words string, ok bool) {
	var (
		dns       *net.DNSError
		unknownCA x509.UnknownAuthorityError
		wrongHost x509.HostnameError
		invalid   x509.CertificateInvalidError
		cert      *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		timeout   interface{ Timeout() bool }
		op        *net.OpError
	)
	proxy := errors.As(err, &op) && op.Op == "proxyconnect"
	switch {
	case errors.As(err, &unknownCA), errors.As(err, &wrongHost), errors.As(err, &invalid), errors.As(err, &cert):
		return "its certificate is not trusted here; is there a proxy that opens TLS?", true
	case errors.As(err, &record):
		return "what answers there does not speak TLS", true
	case errors.As(err, &dns) && !dns.IsTimeout:
		return "the name " + Short(dns.Name) + " does not resolve", true
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return "no answer within " + Timeout.String(), true
	case proxy:
		return "the proxy of HTTPS_PROXY cannot be reached", true
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection was refused", true
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "there is no way to it from here", true
	case errors.As(err, &op), errors.Is(err, syscall.ECONNRESET), errors.Is(err, net.ErrClosed),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection broke", true
	}
	return "", false
}

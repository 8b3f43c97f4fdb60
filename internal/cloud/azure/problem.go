package azure

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/sanitize"
)

// What problems are about.
const (
	aboutMetrics    = "metrics"
	aboutProfile    = "profile"
	aboutCredential = "credential"
	aboutClock      = "clock"
	aboutNodes      = "nodes"
)

// The pace of asking again.
const (
	denied     = 10 * time.Minute
	maxBackoff = 5 * time.Minute
	maxWait    = time.Hour
)

// trouble is a problem, and how long to wait before asking again; 0 leaves
// that to the back-off.
type trouble struct {
	cloud.Problem
	wait time.Duration
	// soft means that nothing failed: what there is was read.
	soft bool
	// stop means that every other request would fail alike.
	stop bool
	// narrow means that this very request was refused, and others need not be.
	narrow bool
}

// explain makes a sentence of an error: doing is what was being done and to
// what, remedy what to grant or to check when that was refused. Of what the
// other side said it repeats no more than the code of the error.
func explain(about, doing, remedy string, err error) trouble {
	t := trouble{Problem: cloud.Problem{What: about}}
	say := func(format string, args ...any) trouble {
		t.Sentence = sanitize.Text(doing + ": " + fmt.Sprintf(format, args...))
		return t
	}
	var noToken *credentialError
	var refused *azcore.ResponseError
	switch {
	case errors.As(err, &noToken):
		t.What, t.Denied, t.stop, t.wait = aboutCredential, true, true, denied
		t.Sentence = noToken.Error() + ": sign in with `az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, and start again;" +
			" without, figures stay estimates"
		return t
	case errors.As(err, &refused):
		code := strconv.Itoa(refused.StatusCode)
		if word := codeWord(refused.ErrorCode); word != "" {
			code += " " + word
		}
		switch {
		case refused.StatusCode == http.StatusUnauthorized:
			t.What, t.Denied, t.stop, t.wait = aboutCredential, true, true, denied
			return say("Azure does not take the credential (%s): sign in again with `az login`, in the tenant of the cluster's subscription", code)
		case refused.StatusCode == http.StatusForbidden:
			t.Denied, t.wait = true, denied
			return say("not allowed (%s): %s; asked again every 10 minutes", code, remedy)
		case refused.StatusCode == http.StatusNotFound:
			return say("not found (%s): it was removed, or belongs to a subscription that this credential does not see", code)
		case refused.StatusCode == http.StatusTooManyRequests:
			t.stop, t.wait = true, retryAfter(refused.RawResponse)
			if t.wait > 0 {
				return say("Azure throttles requests (%s): asked again in %s", code, t.wait.Round(time.Second))
			}
			return say("Azure throttles requests (%s): asked again later", code)
		case refused.StatusCode >= 500:
			return say("Azure failed (%s): asked again shortly", code)
		case refused.StatusCode >= 300 && refused.StatusCode < 400:
			return say("the answer leads elsewhere (%s), where no token is sent: check --azure-endpoint", code)
		default:
			t.narrow = true
			return say("Azure refused the request (%s): please report this with the version of snattop", code)
		}
	case errors.Is(err, context.DeadlineExceeded):
		return say("no answer within %s: check the way to Azure, a proxy for example; asked again shortly", requestTimeout)
	case errors.Is(err, errNotJSON), errors.Is(err, errTooLarge), errors.Is(err, errTooMany), errors.Is(err, errElsewhere):
		return say("%s; asked again later", innermost(err))
	default:
		return say("%s: check the way to Azure, a proxy for example; asked again shortly", network(err))
	}
}

// innermost takes the layers off an error that say what was being done, which
// the sentence says already.
func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// network says what was wrong with a connection. Errors of other kinds are not
// repeated: that of a proxy's address holds its password, and one of an answer
// may hold what was sent.
func network(err error) string {
	var (
		lookup    *net.DNSError
		number    syscall.Errno
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &lookup):
		return text(lookup.Error())
	case errors.As(err, &number):
		return text(number.Error())
	case errors.As(err, &authority):
		return "the certificate is of an authority that is not trusted here"
	case errors.As(err, &host):
		return "the certificate is for another host"
	case errors.As(err, &invalid):
		return "the certificate is not valid"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "the connection ended early"
	default:
		return "the request failed"
	}
}

// codeWord lets an error code through that looks like one: letters alone. A
// token or a piece of an address does not.
func codeWord(code string) string {
	if !errorWord.MatchString(code) {
		return ""
	}
	return code
}

var errorWord = regexp.MustCompile(`^[A-Za-z]{1,60}$`)

// text makes something of another side fit for a sentence.
func text(s string) string {
	const most = 120
	s = strings.TrimSpace(sanitize.Text(s))
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	return s
}

// retryAfter reads how long a throttled client is to wait, at most an hour; 0
// when the answer does not say.
//
// Sources: RFC 9110, section 10.2.3, Retry-After; Azure Resource Manager,
// "Understand how Azure Resource Manager throttles requests".
func retryAfter(resp *http.Response) time.Duration {
	if resp == nil {
		return 0
	}
	value := strings.TrimSpace(resp.Header.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return min(max(time.Duration(seconds)*time.Second, time.Second), maxWait)
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	from, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0
	}
	return min(max(until.Sub(from), time.Second), maxWait)
}

// backoff is how long to wait after so many failures in a row.
func backoff(fails int) time.Duration {
	d := 15 * time.Second
	for range min(fails, 10) - 1 {
		d *= 2
	}
	return min(d, maxBackoff)
}

package k8s

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"regexp"
	"strings"
	"syscall"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/clientcmd"
)

// Kind sorts failures by what an operator does about them.
type Kind string

// The kinds of failures.
const (
	KindOther        Kind = "other"
	KindNoConfig     Kind = "no-config"
	KindNoContext    Kind = "no-context"
	KindUnreachable  Kind = "unreachable"  // the API server does not answer
	KindTimeout      Kind = "timeout"      // it took too long
	KindTLS          Kind = "tls"          // certificate or protocol
	KindUnauthorized Kind = "unauthorized" // who are you
	KindForbidden    Kind = "forbidden"    // RBAC
	KindPodSecurity  Kind = "pod-security" // Pod Security admission
	KindAdmission    Kind = "admission"    // webhook or admission policy
	KindQuota        Kind = "quota"        // resource quota
	KindNotFound     Kind = "not-found"
	KindConflict     Kind = "conflict"
	KindBusy         Kind = "busy"    // 429, overloaded
	KindKubelet      Kind = "kubelet" // the API server cannot reach the node
	KindCanceled     Kind = "canceled"
)

// Error is one failure in one line.
type Error struct {
	Kind Kind
	// Doing is what was being done ("creating the node pod"); may be empty.
	Doing string
	// Object is what it was done to ("pod kube-system/x"); may be empty.
	Object string
	// What is the cause in words.
	What string
	// Hint says what to do; may be empty.
	Hint string
	// Err is the cause itself.
	Err error
}

// Error returns one line: what failed, on which object, what to do.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Doing != "" {
		b.WriteString(e.Doing)
		if e.Object != "" {
			b.WriteString(" (" + e.Object + ")")
		}
		b.WriteString(": ")
	} else if e.Object != "" {
		b.WriteString(e.Object + ": ")
	}
	b.WriteString(e.What)
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Denied reports whether somebody said no: another way in may still serve, a
// repetition will not.
func (e *Error) Denied() bool {
	switch e.Kind {
	case KindForbidden, KindPodSecurity, KindAdmission, KindQuota, KindUnauthorized:
		return true
	case KindOther, KindNoConfig, KindNoContext, KindUnreachable, KindTimeout, KindTLS,
		KindNotFound, KindConflict, KindBusy, KindKubelet, KindCanceled:
		return false
	default:
		return false
	}
}

// KindOf returns the kind of an explained error, explaining it if need be.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(Explain(err), &e) {
		return e.Kind
	}
	return KindOther
}

// offline reports whether a failure concerns the way to the API server, not
// what was asked of it.
func (e *Error) offline() bool {
	switch e.Kind {
	case KindUnreachable, KindTimeout, KindTLS, KindUnauthorized, KindBusy:
		return true
	case KindOther, KindNoConfig, KindNoContext, KindForbidden, KindPodSecurity, KindAdmission, KindQuota,
		KindNotFound, KindConflict, KindKubelet, KindCanceled:
		return false
	default:
		return false
	}
}

// IsDenied reports whether err means that somebody said no.
func IsDenied(err error) bool {
	var e *Error
	return errors.As(Explain(err), &e) && e.Denied()
}

// Explain turns err into an *Error; nil stays nil, and an error that already
// holds an *Error is returned as it is.
func Explain(err error) error {
	var done *Error
	if err == nil || errors.As(err, &done) {
		return err
	}
	e := classify(err)
	e.Err = err
	return &e
}

// Doing explains err and says what was being done to which object.
func Doing(err error, doing, object string) error {
	if err == nil {
		return nil
	}
	var done *Error
	if errors.As(err, &done) {
		if done.Doing != "" {
			return err
		}
		e := *done
		e.Doing, e.Object = doing, object
		return &e
	}
	e := classify(err)
	e.Err, e.Doing, e.Object = err, doing, object
	return &e
}

var errNoConfig = errors.New("no kubeconfig")

// Texts that servers and client-go send; the versions that do are many, so
// the patterns are loose.
var (
	reRBAC      = regexp.MustCompile(`User "([^"]*)" cannot (\w+) resource "([^"]+)" in API group "[^"]*"(?: in the namespace "([^"]+)")?`)
	rePath      = regexp.MustCompile(`User "([^"]*)" cannot (\w+) path "([^"]+)"`)
	rePodSec    = regexp.MustCompile(`violates PodSecurity "([^"]+)": (.*)`)
	reParens    = regexp.MustCompile(` \([^()]*\)`)
	reQuota     = regexp.MustCompile(`(exceeded quota: .*|failed quota: .*)`)
	reWebhook   = regexp.MustCompile(`admission webhook "([^"]+)" denied the request:? ?(.*)`)
	rePolicy    = regexp.MustCompile(`ValidatingAdmissionPolicy '([^']+)' with binding '[^']*' denied request: (.*)`)
	reNoContext = regexp.MustCompile(`context "?([^"]*?)"? does not exist|context was not found for specified context: (.*)`)
)

func classify(err error) Error {
	text := oneLine(core(err).Error())
	switch {
	case errors.Is(err, errNoConfig) || clientcmd.IsEmptyConfig(err):
		return Error{Kind: KindNoConfig, What: "no kubeconfig names a cluster",
			Hint: "set KUBECONFIG or --kubeconfig; without a cluster there are `snattop local` and `snattop demo`"}
	case errors.Is(err, fs.ErrNotExist) && strings.Contains(text, "stat "):
		return Error{Kind: KindNoConfig, What: text,
			Hint: "name an existing file with --kubeconfig or KUBECONFIG; without a cluster there are `snattop local` and `snattop demo`"}
	case clientcmd.IsContextNotFound(err) || reNoContext.MatchString(text):
		return Error{Kind: KindNoContext, What: text, Hint: "`kubectl config get-contexts` lists the contexts"}
	case errors.Is(err, context.Canceled):
		return Error{Kind: KindCanceled, What: "interrupted"}
	}
	if m := rePodSec.FindStringSubmatch(text); m != nil {
		return Error{Kind: KindPodSecurity, What: fmt.Sprintf("Pod Security level %q refuses it: %s", m[1], reParens.ReplaceAllString(m[2], "")),
			Hint: "use --debug-namespace with a namespace labelled pod-security.kubernetes.io/enforce=privileged"}
	}
	if m := reQuota.FindStringSubmatch(text); m != nil && apierrors.IsForbidden(err) {
		return Error{Kind: KindQuota, What: m[1], Hint: "use --debug-namespace with a namespace without that quota"}
	}
	if m := reWebhook.FindStringSubmatch(text); m != nil {
		return Error{Kind: KindAdmission, What: fmt.Sprintf("admission webhook %s refuses it: %s", m[1], m[2]),
			Hint: "use --debug-namespace with a namespace that the policy leaves out"}
	}
	if m := rePolicy.FindStringSubmatch(text); m != nil {
		return Error{Kind: KindAdmission, What: fmt.Sprintf("admission policy %s refuses it: %s", m[1], m[2]),
			Hint: "use --debug-namespace with a namespace that the policy leaves out"}
	}
	if m := reRBAC.FindStringSubmatch(text); m != nil {
		return forbiddenError(m[1], m[2], m[3], m[4])
	}
	if m := rePath.FindStringSubmatch(text); m != nil {
		return Error{Kind: KindForbidden, What: fmt.Sprintf("user %s cannot %s the path %s", m[1], m[2], m[3]),
			Hint: fmt.Sprintf("ask for the verb %q on the nonResourceURL %q", m[2], m[3])}
	}
	if strings.Contains(text, "error dialing backend") || strings.Contains(text, "No agent available") {
		return Error{Kind: KindKubelet, What: "the API server cannot reach the node's kubelet: " + text,
			Hint: "exec, logs and attach share this path: look at port 10250 of the node, and at the konnectivity agents"}
	}
	if e, ok := classifyStatus(err, text); ok {
		return e
	}
	if e, ok := classifyNetwork(err, text); ok {
		return e
	}
	return Error{Kind: KindOther, What: text}
}

// forbiddenError says who cannot do what where.
func forbiddenError(user, verb, resource, namespace string) Error {
	scope := "in the cluster"
	if namespace != "" {
		scope = "in namespace " + namespace
	}
	hint := fmt.Sprintf("ask for the verb %q on %q %s", verb, resource, scope)
	if resource == "pods/exec" {
		hint += "; without exec no probe can be started"
	}
	return Error{Kind: KindForbidden, What: fmt.Sprintf("user %s cannot %s %s %s", user, verb, resource, scope), Hint: hint}
}

// core leaves out what wraps a failed request: its URL is long, differs with
// every attempt and says nothing that Doing does not.
func core(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// classifyStatus knows the API server's answers.
func classifyStatus(err error, text string) (Error, bool) {
	switch {
	// SPDY's refusal of an upgrade carries the server's words and no status.
	case apierrors.IsUnauthorized(err), strings.HasSuffix(text, "unable to upgrade connection: Unauthorized"):
		return Error{Kind: KindUnauthorized, What: "the API server does not accept these credentials (401)",
			Hint: "log in again, or choose another --context"}, true
	case apierrors.IsForbidden(err):
		return Error{Kind: KindForbidden, What: text}, true
	case apierrors.IsNotFound(err), strings.Contains(text, "unable to upgrade connection") && strings.HasSuffix(text, "not found"):
		return Error{Kind: KindNotFound, What: text}, true
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		return Error{Kind: KindConflict, What: text}, true
	case apierrors.IsTooManyRequests(err):
		return Error{Kind: KindBusy, What: "the API server is overloaded and asks to come back later (429)"}, true
	case apierrors.IsTimeout(err), apierrors.IsServerTimeout(err):
		return Error{Kind: KindTimeout, What: "the API server took too long: " + text}, true
	case apierrors.IsServiceUnavailable(err):
		return Error{Kind: KindUnreachable, What: "the API server is not available (503): " + text}, true
	}
	return Error{}, false
}

// classifyNetwork knows what happens before a server answers.
func classifyNetwork(err error, text string) (Error, bool) {
	const reach = "is the address right, is the VPN up, does the API server allow this client's address?"
	var (
		unknownCA  x509.UnknownAuthorityError
		badHost    x509.HostnameError
		badCert    x509.CertificateInvalidError
		verify     *tls.CertificateVerificationError
		noTLS      tls.RecordHeaderError
		dns        *net.DNSError
		netTimeout net.Error
	)
	switch {
	case strings.Contains(err.Error(), "getting credentials:") || strings.Contains(text, "exec plugin"):
		return Error{Kind: KindUnauthorized, What: "the credential plugin of the kubeconfig failed: " + text,
			Hint: "run the plugin by hand, or log in again"}, true
	case errors.As(err, &unknownCA), errors.As(err, &badHost), errors.As(err, &badCert), errors.As(err, &verify),
		errors.As(err, &noTLS), strings.Contains(text, "x509: "), strings.Contains(text, "tls: "),
		strings.Contains(text, "server gave HTTP response to HTTPS client"):
		return Error{Kind: KindTLS, What: "no secure connection to the API server: " + text,
			Hint: "does the kubeconfig's certificate-authority belong to this server, or does a proxy stand between?"}, true
	case errors.As(err, &dns):
		return Error{Kind: KindUnreachable, What: "the API server's name does not resolve: " + dns.Name,
			Hint: "does the cluster still exist, is the VPN up?"}, true
	case errors.Is(err, syscall.ECONNREFUSED):
		return Error{Kind: KindUnreachable, What: "nothing listens at the API server's address: " + text, Hint: reach}, true
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netTimeout) && netTimeout.Timeout():
		return Error{Kind: KindTimeout, What: "no answer in time: " + text, Hint: reach}, true
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.ECONNRESET),
		strings.Contains(text, "connection refused"), strings.Contains(text, "actively refused"), strings.Contains(text, "no route to host"),
		strings.Contains(text, "connection lost"):
		return Error{Kind: KindUnreachable, What: "no connection to the API server: " + text, Hint: reach}, true
	}
	return Error{}, false
}

// oneLine folds white space and cuts what would not fit a terminal anyway.
func oneLine(s string) string {
	const longest = 600
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "…"
	}
	return s
}

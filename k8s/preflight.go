package k8s

import (
	"context"
	"fmt"
	"sync"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Answer is what a check found: three values, because an API server may
// decline to say.
type Answer string

// The answers.
const (
	Allowed Answer = "allowed"
	Refused Answer = "refused"
	Unknown Answer = "unknown"
)

// Check is one thing that snattop needs to be allowed.
type Check struct {
	// Verb, Group, Resource ("pods/exec") and Namespace; the group is empty
	// for the core's, the namespace for the whole cluster.
	Verb, Group, Resource, Namespace string
	// Need says what it serves: "node pod", "ephemeral container", "watch",
	// "admission".
	Need   string
	Answer Answer
	// Message is a sentence: "user X cannot create pods in namespace Y".
	Message string
}

// Preflight asks whether everything that a session does would be allowed, and
// creates nothing: it asks for a review of each right, and has the API server
// admit pod (a node pod's spec; nil skips it) as a dry run. The checks are in
// a fixed order; those that fail to be answered are Unknown.
func (c *Client) Preflight(ctx context.Context, debugNamespace string, pod *corev1.Pod) []Check {
	checks := []Check{
		{Verb: "watch", Resource: "nodes", Need: "watch"},
		{Verb: "watch", Resource: "pods", Need: "watch"},
		{Verb: "watch", Resource: "services", Need: "watch"},
		{Verb: "watch", Group: discoveryv1.GroupName, Resource: "endpointslices", Need: "watch"},
		{Verb: "create", Resource: "pods", Namespace: debugNamespace, Need: "node pod"},
		{Verb: "delete", Resource: "pods", Namespace: debugNamespace, Need: "node pod"},
		{Verb: "list", Resource: "pods", Namespace: debugNamespace, Need: "node pod"},
		{Verb: "watch", Resource: "pods", Namespace: debugNamespace, Need: "node pod"},
		{Verb: "create", Resource: "pods/exec", Namespace: debugNamespace, Need: "node pod"},
		{Verb: "get", Resource: "pods/exec", Namespace: debugNamespace, Need: "node pod"},
		{Verb: "patch", Resource: "pods/ephemeralcontainers", Need: "ephemeral container"},
		{Verb: "create", Resource: "pods/exec", Need: "ephemeral container"},
	}
	user := c.User(ctx)
	var wg sync.WaitGroup
	for i := range checks {
		wg.Go(func() { c.review(ctx, user, &checks[i]) })
	}
	wg.Wait()
	if pod != nil {
		checks = append(checks, c.dryRun(ctx, pod))
	}
	return checks
}

// User returns the name that the API server knows this client by; "this user"
// when it does not tell.
func (c *Client) User(ctx context.Context) string {
	r, err := c.Clientset.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil || r.Status.UserInfo.Username == "" {
		return "this user"
	}
	return "user " + r.Status.UserInfo.Username
}

func (c *Client) review(ctx context.Context, user string, check *Check) {
	resource, sub := split(check.Resource)
	scope := "in namespace " + check.Namespace
	if check.Namespace == "" {
		scope = "in the cluster"
	}
	r, err := c.Clientset.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: check.Verb, Group: check.Group, Resource: resource, Subresource: sub, Namespace: check.Namespace,
		}},
	}, metav1.CreateOptions{})
	switch {
	case err != nil:
		check.Answer = Unknown
		check.Message = fmt.Sprintf("could not tell whether %s may %s %s %s: %s", user, check.Verb, check.Resource, scope, sentence(err))
	case r.Status.Allowed:
		check.Answer = Allowed
		check.Message = fmt.Sprintf("%s may %s %s %s", user, check.Verb, check.Resource, scope)
	default:
		check.Answer = Refused
		check.Message = fmt.Sprintf("%s cannot %s %s %s", user, check.Verb, check.Resource, scope)
		if r.Status.EvaluationError != "" && !r.Status.Denied {
			check.Message += " (" + oneLine(r.Status.EvaluationError) + ")"
		}
	}
}

// dryRun has the API server run every admission step on the pod without
// storing it.
func (c *Client) dryRun(ctx context.Context, pod *corev1.Pod) Check {
	check := Check{Verb: "create", Resource: "pods", Namespace: pod.Namespace, Need: "admission"}
	_, err := c.Clientset.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldManager: "snattop"})
	switch {
	case err == nil:
		check.Answer, check.Message = Allowed, "a node pod would be admitted to namespace "+pod.Namespace
	case IsDenied(err):
		check.Answer, check.Message = Refused, "a node pod would be refused: "+sentence(err)
	default:
		check.Answer, check.Message = Unknown, "could not tell whether a node pod would be admitted: "+sentence(err)
	}
	return check
}

func split(resource string) (name, sub string) {
	for i := range len(resource) {
		if resource[i] == '/' {
			return resource[:i], resource[i+1:]
		}
	}
	return resource, ""
}

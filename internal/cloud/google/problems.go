package google

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/cloud/poll"
)

// trouble is what an error means for the rounds to come.
type trouble struct {
	problem cloud.Problem
	// stop means that the round's other questions would fare no better.
	stop bool
	// forget means that the credential is to be looked for anew.
	forget bool
	// throttled means that Google asked for fewer questions.
	throttled bool
	// wait is how long it asked for; 0 when it did not say.
	wait time.Duration
}

// understand makes words of an error that came of a question to project about
// subject.
func understand(err error, project, subject string) trouble {
	var (
		login *credentialError
		api   *apiError
	)
	problem := cloud.Problem{What: "metrics"}
	switch {
	case errors.As(err, &login):
		problem = cloud.Problem{What: "credential", Sentence: "Cloud Monitoring is not asked: " + login.words, Denied: true}
		return trouble{problem: problem, stop: true, forget: true}
	case errors.As(err, &api):
		return api.understand(project, subject)
	case errors.Is(err, errIncomplete):
		problem.Sentence = fmt.Sprintf("Cloud Monitoring's answer about %s of project %s is not complete: figures of some nodes may be missing until the next minute", subject, project)
		return trouble{problem: problem}
	case errors.Is(err, poll.ErrTooLong):
		problem.Sentence = fmt.Sprintf("Cloud Monitoring's answer about %s of project %s is too long to read: figures may be missing", subject, project)
		return trouble{problem: problem}
	}
	words, ok := poll.Network(err)
	if !ok && errors.Is(err, errUnsent) {
		words, ok = "the request could not be sent; is HTTPS_PROXY right?", true
	}
	if ok {
		problem.Sentence = fmt.Sprintf("Cloud Monitoring cannot be reached: %s; it is asked again in a minute", words)
		return trouble{problem: problem, stop: true}
	}
	problem.Sentence = fmt.Sprintf("Cloud Monitoring's answer about %s of project %s makes no sense; it is asked again in a minute", subject, project)
	return trouble{problem: problem}
}

// understand makes words of an answer. Reasons are those of
// google.api.ErrorReason.
func (e *apiError) understand(project, subject string) trouble {
	t := trouble{problem: cloud.Problem{What: "metrics"}, stop: true, wait: e.retry}
	say := func(format string, args ...any) { t.problem.Sentence = fmt.Sprintf(format, args...) }
	switch {
	case e.status == http.StatusTooManyRequests || strings.HasPrefix(e.reason, "RATE_LIMIT"):
		t.throttled = true
		say("Google throttles questions about project %s (%s): figures come more seldom for a while", project, e.Error())
	case e.status == http.StatusUnauthorized:
		t.problem = cloud.Problem{What: "credential", Denied: true}
		t.forget = true
		say("Google refused the credential (%s): %s", e.Error(), logIn)
	case e.status == http.StatusForbidden:
		t.problem.Denied = true
		switch e.reason {
		case "SERVICE_DISABLED":
			say("the Cloud Monitoring API is off (%s): ask for `gcloud services enable monitoring.googleapis.com --project %s`", e.Error(), project)
		case "USER_PROJECT_DENIED", "CONSUMER_INVALID":
			say("Google refused to count questions against the quota project (%s): set one that you may use with `gcloud auth application-default set-quota-project %s`", e.Error(), project)
		case "ACCESS_TOKEN_SCOPE_INSUFFICIENT":
			t.forget = true
			say("the credential's scopes leave out metrics (%s): %s", e.Error(), logIn)
		default:
			say("reading %s of project %s was denied (%s): ask for the role Monitoring Viewer (roles/monitoring.viewer) on that project", subject, project, e.Error())
		}
	case e.status == http.StatusNotFound:
		t.stop = false
		say("Google knows no %s in project %s (%s): check that the nodes' providerID names the right project", subject, project, e.Error())
	case e.status == http.StatusBadRequest:
		t.stop = false
		say("Google did not understand the question about %s of project %s (%s): this is a fault of snattop, report it", subject, project, e.Error())
	case e.status >= 300 && e.status < 400:
		say("Cloud Monitoring answered with a redirect (%s), which is not followed: is there a proxy that wants a login?", e.Error())
	case e.status >= http.StatusInternalServerError:
		say("Cloud Monitoring failed (%s): it is asked again soon", e.Error())
	default:
		t.stop = false
		say("Cloud Monitoring refused to tell %s of project %s (%s)", subject, project, e.Error())
	}
	return t
}

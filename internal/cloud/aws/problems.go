package aws

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/cloud/poll"
)

const logIn = "log in with `aws sso login` or `aws configure`, or set AWS_PROFILE"

// trouble is what an error means for the rounds to come.
type trouble struct {
	problem cloud.Problem
	// forget means that the client, and with it the credential, is to be made
	// anew.
	forget    bool
	throttled bool
	// wait is how long AWS asked for; 0 when it did not say.
	wait time.Duration
}

// noCredential makes words of why there is no credential. Nothing of the
// SDK's text is used: it may quote a file or a program's output. viaSSO means
// that a profile with a login of AWS SSO was asked.
func noCredential(err error, viaSSO bool) trouble {
	var (
		sso     *ssocreds.InvalidTokenError
		profile config.SharedConfigProfileNotExistError
		load    config.SharedConfigLoadError
		api     smithy.APIError
	)
	t := trouble{forget: true, problem: cloud.Problem{What: "credential", Denied: true}}
	words, network := poll.Network(err)
	why := "no AWS credentials were found: " + logIn
	switch {
	case errors.As(err, &sso), viaSSO && !network:
		why = "the login of AWS SSO has expired: renew it with `aws sso login`"
	case errors.As(err, &profile):
		why = "AWS_PROFILE names a profile that does not exist: correct or unset that variable"
	case errors.As(err, &load):
		why = "the AWS configuration files cannot be read: check them with `aws configure list`"
	case errors.As(err, &api):
		why = fmt.Sprintf("AWS gave no credential for this login (%s): %s", code(api), logIn)
	case network:
		t.problem.Denied = false
		why = "the credential cannot be fetched: " + words
	}
	t.problem.Sentence = "CloudWatch is not asked: " + why
	return t
}

// stale are codes that speak of the credential, not of a right ("Common error
// types" of the CloudWatch API and of AWS's signing guide).
var stale = map[string]bool{
	"ExpiredToken": true, "ExpiredTokenException": true, "InvalidClientTokenId": true,
	"UnrecognizedClientException": true, "InvalidAccessKeyId": true, "AuthFailure": true,
	"MissingAuthenticationToken": true, "MissingAuthenticationTokenException": true,
	"SignatureDoesNotMatch": true, "InvalidSignatureException": true, "IncompleteSignature": true,
}

// skewed are codes that speak of the clock.
var skewed = map[string]bool{"RequestTimeTooSkewed": true, "RequestExpired": true, "RequestInTheFuture": true}

// understand makes words of an error of an operation in a region.
func understand(err error, operation, region string, now time.Time) trouble {
	t := trouble{problem: cloud.Problem{What: "metrics"}}
	say := func(format string, args ...any) { t.problem.Sentence = fmt.Sprintf(format, args...) }

	var (
		api      smithy.APIError
		response *smithyhttp.ResponseError
	)
	status := 0
	if errors.As(err, &response) && response.Response != nil {
		status = response.HTTPStatusCode()
		t.wait = poll.RetryAfter(response.Response.Header, now)
	}
	answer := fmt.Sprintf("HTTP %d", status)
	name := ""
	if errors.As(err, &api) {
		if name = code(api); name != "" {
			answer += " " + name
		}
	}
	_, throttle := retry.DefaultThrottleErrorCodes[name]
	switch {
	case errors.Is(err, errNotEncrypted):
		say("CloudWatch is not asked: the endpoint of the AWS configuration is not encrypted; use https in AWS_ENDPOINT_URL")
	case errors.Is(err, poll.ErrTooLong):
		say("CloudWatch's answer in %s is too long to read", region)
	case throttle || status == http.StatusTooManyRequests:
		t.throttled = true
		say("AWS throttles questions to CloudWatch in %s (%s): figures come more seldom for a while", region, answer)
	case skewed[name]:
		t.forget = true
		say("AWS refused the question for its time (%s): set this machine's clock", answer)
	case stale[name] || status == http.StatusUnauthorized:
		t.forget = true
		t.problem = cloud.Problem{What: "credential", Denied: true}
		say("AWS refused the credential (%s): %s", answer, logIn)
	case status == http.StatusForbidden:
		t.problem.Denied = true
		say("AWS denied cloudwatch:%s in %s (%s): ask for the rights cloudwatch:ListMetrics and cloudwatch:GetMetricData", operation, region, answer)
	case status >= http.StatusInternalServerError:
		say("CloudWatch in %s failed (%s): it is asked again soon", region, answer)
	case status >= 300 && status < 400:
		say("CloudWatch in %s answered with a redirect (%s), which is not followed: is there a proxy that wants a login?", region, answer)
	case status >= 400:
		say("CloudWatch in %s did not take the question %s (%s)", region, operation, answer)
	default:
		if words, ok := poll.Network(err); ok {
			say("CloudWatch in %s cannot be reached: %s; it is asked again in a minute", region, words)
		} else {
			say("CloudWatch's answer to %s in %s makes no sense; it is asked again in a minute", operation, region)
		}
	}
	return t
}

var codeShape = regexp.MustCompile(`^[A-Za-z][A-Za-z.]{1,60}$`)

// code is the code of an error where it has the shape of one. Its message is
// never used: that of a wrong signature repeats what was signed, the session
// token included.
func code(err smithy.APIError) string {
	if c := err.ErrorCode(); codeShape.MatchString(c) {
		return c
	}
	return ""
}

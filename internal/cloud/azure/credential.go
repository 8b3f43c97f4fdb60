package azure

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azcloud "github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// placeholder is what a proving ground gets for a credential.
const placeholder = "no-credential-is-sent-to-plain-http"

// fixed is a credential that is none.
type fixed struct{ now func() time.Time }

// GetToken implements azcore.TokenCredential.
func (f fixed) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: placeholder, ExpiresOn: f.now().Add(time.Hour)}, nil
}

// credentialError means that there is no token. It holds nothing of what a
// source of tokens said but Entra's error code: such texts carry requests,
// answers and whatever a command printed.
type credentialError struct{ code string }

// Error implements error.
func (e *credentialError) Error() string {
	if e.code == "" {
		return "no credential for Azure"
	}
	return "no credential for Azure (" + e.code + ")"
}

// entraCode is an error code of Microsoft Entra.
//
// Source: "Microsoft Entra authentication and authorization error codes".
var entraCode = regexp.MustCompile(`AADSTS[0-9]{4,9}`)

// guard makes every failure of a credential a credentialError.
type guard struct{ of azcore.TokenCredential }

// GetToken implements azcore.TokenCredential.
func (g guard) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := g.of.GetToken(ctx, o)
	if err == nil {
		return token, nil
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return azcore.AccessToken{}, fmt.Errorf("getting a token: %w", ctx.Err())
	}
	return azcore.AccessToken{}, &credentialError{code: entraCode.FindString(err.Error())}
}

// perSource is how long one source of tokens may take: the command line tools
// are programs in Python, and start slowly.
const perSource = 12 * time.Second

// sources are tried in turn until one gives a token, which is then asked
// first. Unlike azidentity's chain, one that fails for whatever reason does
// not end the search: a command line tool that nobody signed in to is no
// reason not to ask the next.
type sources struct {
	all []azcore.TokenCredential

	mu    sync.Mutex // guards first
	first int
}

// signedIn is the chain of what an operator's machine and a pod may have. The
// instance metadata service is not among them: away from Azure, asking it means
// waiting for an address that does not answer.
func signedIn(cloud azcloud.Configuration) *sources {
	client := policy.ClientOptions{Cloud: cloud}
	s := &sources{}
	if c, err := azidentity.NewEnvironmentCredential(&azidentity.EnvironmentCredentialOptions{ClientOptions: client}); err == nil {
		s.all = append(s.all, c)
	}
	if c, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{ClientOptions: client}); err == nil {
		s.all = append(s.all, c)
	}
	if c, err := azidentity.NewAzureCLICredential(nil); err == nil {
		s.all = append(s.all, c)
	}
	if c, err := azidentity.NewAzureDeveloperCLICredential(nil); err == nil {
		s.all = append(s.all, c)
	}
	return s
}

// GetToken implements azcore.TokenCredential.
func (s *sources) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var said []string
	for i := range s.all {
		which := (s.first + i) % len(s.all)
		once, cancel := context.WithTimeout(ctx, perSource)
		token, err := s.all[which].GetToken(once, o)
		cancel()
		if err == nil {
			s.first = which
			return token, nil
		}
		if ctx.Err() != nil {
			return azcore.AccessToken{}, fmt.Errorf("getting a token: %w", ctx.Err())
		}
		said = append(said, err.Error())
	}
	return azcore.AccessToken{}, errors.New(strings.Join(said, "\n"))
}

package google

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

// scope is enough to read time series ("Authorization scopes" of
// projects.timeSeries.list).
const scope = "https://www.googleapis.com/auth/monitoring.read"

// maxCredential bounds a credential file, in bytes; real ones are a few
// thousand.
const maxCredential = 1 << 20

// credential is a way to get tokens.
type credential struct {
	source oauth2.TokenSource
	// quotaProject is whose quota questions count against: a person's
	// credential belongs to no project ("Set the quota project" of Google
	// Cloud's authentication pages).
	quotaProject string
}

// credentialError is why there is no credential, with what to do.
type credentialError struct{ words string }

func (e *credentialError) Error() string { return e.words }

const logIn = "log in with `gcloud auth application-default login`, or name a key file in GOOGLE_APPLICATION_CREDENTIALS"

// environment is what credentials are looked for in.
type environment struct {
	getenv func(string) string
	// home is the user's home directory, "" when there is none.
	home string
}

// find looks for Application Default Credentials in their documented order
// ("How Application Default Credentials works"): the file of
// GOOGLE_APPLICATION_CREDENTIALS, gcloud's own file, and the metadata server.
// The last is asked only where GCE_METADATA_HOST names it: elsewhere the
// question would go to 169.254.169.254, whoever answers there. ctx carries the
// HTTP client that tokens are fetched with, and has to live as long as the
// credential.
func find(ctx context.Context, env environment) (credential, error) {
	quota := env.getenv("GOOGLE_CLOUD_QUOTA_PROJECT")
	if file := env.getenv("GOOGLE_APPLICATION_CREDENTIALS"); file != "" {
		c, err := fromFile(ctx, file, "the file of GOOGLE_APPLICATION_CREDENTIALS", quota)
		if errors.Is(err, os.ErrNotExist) {
			return credential{}, &credentialError{"the file of GOOGLE_APPLICATION_CREDENTIALS does not exist: correct or unset that variable"}
		}
		return c, err
	}
	if file := wellKnown(env); file != "" {
		c, err := fromFile(ctx, file, "gcloud's credential file", quota)
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			return c, err
		}
	}
	if env.getenv("GCE_METADATA_HOST") != "" {
		return credential{source: google.ComputeTokenSource("", scope), quotaProject: quota}, nil
	}
	return credential{}, &credentialError{"no Google credentials were found: " + logIn}
}

// wellKnown is where gcloud keeps application default credentials.
func wellKnown(env environment) string {
	const file = "application_default_credentials.json"
	if dir := env.getenv("CLOUDSDK_CONFIG"); dir != "" {
		return filepath.Join(dir, file)
	}
	if runtime.GOOS == "windows" {
		if dir := env.getenv("APPDATA"); dir != "" {
			return filepath.Join(dir, "gcloud", file)
		}
		return ""
	}
	if env.home == "" {
		return ""
	}
	return filepath.Join(env.home, ".config", "gcloud", file)
}

// fromFile reads a credential file. No word of its contents gets into an
// error.
func fromFile(ctx context.Context, name, called, quota string) (credential, error) {
	f, err := os.Open(name) //nolint:gosec // G304: the operator's own environment names it
	if errors.Is(err, os.ErrNotExist) {
		return credential{}, os.ErrNotExist
	}
	if err != nil {
		return credential{}, &credentialError{called + " cannot be read: check its permissions"}
	}
	defer f.Close() //nolint:errcheck // read only
	data, err := io.ReadAll(io.LimitReader(f, maxCredential))
	if err != nil {
		return credential{}, &credentialError{called + " cannot be read: check its permissions"}
	}
	var head struct {
		Type  google.CredentialsType `json:"type"`
		Quota string                 `json:"quota_project_id"`
	}
	if json.Unmarshal(data, &head) != nil || !slices.Contains([]google.CredentialsType{
		google.AuthorizedUser, google.ServiceAccount, google.ImpersonatedServiceAccount,
		google.ExternalAccount, google.ExternalAccountAuthorizedUser,
	}, head.Type) {
		return credential{}, &credentialError{called + " is no credential file of Google's: " + logIn}
	}
	c, err := google.CredentialsFromJSONWithType(ctx, data, head.Type, scope)
	if err != nil {
		return credential{}, &credentialError{called + " is not complete: " + logIn}
	}
	if quota == "" {
		quota = head.Quota
	}
	return credential{source: c.TokenSource, quotaProject: quota}, nil
}

package aws

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/smithy-go/logging"

	"github.com/snattop/snattop/internal/cloud/poll"
)

// client asks CloudWatch in one region.
type client struct {
	api    *cloudwatch.Client
	creds  aws.CredentialsProvider
	region string
	// sso means that the credential is a login of AWS SSO.
	sso bool
	// ahead is how far this machine's clock is ahead of AWS's, by the last
	// answer.
	ahead *time.Duration
}

// errNotEncrypted is told where an endpoint of the AWS configuration is plain
// HTTP.
var errNotEncrypted = errors.New("the endpoint of CloudWatch is not encrypted")

// connect makes a client for a region. base is nil for AWS's own endpoint;
// plain means that it is a test's server without TLS, which gets a placeholder
// for a credential. Otherwise credentials are looked for as every AWS tool
// does (environment, shared files, SSO, processes), but not at the instance
// metadata service: the question would go to 169.254.169.254, whoever answers
// there.
func connect(ctx context.Context, region string, base *url.URL, plain bool, transport http.RoundTripper, now func() time.Time) (*client, error) {
	var cfg aws.Config
	if plain {
		cfg = aws.Config{
			Region:      region,
			Credentials: credentials.NewStaticCredentialsProvider("placeholder", "placeholder", ""),
		}
	} else {
		var err error
		options := []func(*config.LoadOptions) error{
			config.WithRegion(region),
			config.WithEC2IMDSClientEnableState(imds.ClientDisabled),
			// A terminal UI owns standard error.
			config.WithLogger(logging.Nop{}),
			config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(poll.Timeout)),
		}
		if transport != nil {
			options = append(options, config.WithHTTPClient(poll.Client(transport)))
		}
		if cfg, err = config.LoadDefaultConfig(ctx, options...); err != nil {
			return nil, err //nolint:wrapcheck // understood by its type
		}
		quiet(&cfg)
		// A bundle of AWS_CA_BUNDLE has become part of this one's transport.
		if b, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok && transport == nil {
			transport = b.GetTransport()
		}
	}
	c := &client{creds: cfg.Credentials, region: region, sso: is[*ssocreds.Provider](cfg.Credentials), ahead: new(time.Duration)}
	hc := poll.Client(watched{base: orDefault(transport), plain: plain, now: now, ahead: c.ahead})
	c.api = cloudwatch.NewFromConfig(cfg, func(o *cloudwatch.Options) {
		o.HTTPClient = hc
		// The pace is ours, see package poll.
		o.Retryer = aws.NopRetryer{}
		if base != nil {
			o.BaseEndpoint = aws.String(base.String())
		}
	})
	return c, nil
}

func orDefault(t http.RoundTripper) http.RoundTripper {
	if t == nil {
		return http.DefaultTransport
	}
	return t
}

// watched notes what the clock of a server says, and sends no credential
// without TLS.
type watched struct {
	base  http.RoundTripper
	plain bool
	now   func() time.Time
	ahead *time.Duration
}

func (w watched) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" && !w.plain {
		return nil, errNotEncrypted
	}
	req, err := settled(req)
	if err != nil {
		return nil, err
	}
	resp, err := w.base.RoundTrip(req)
	if err != nil {
		return nil, err //nolint:wrapcheck // http.Client wraps it
	}
	*w.ahead = poll.Ahead(resp.Header, w.now())
	return resp, nil
}

// settled is a request whose body is in memory. The SDK closes a body as soon
// as an answer begins, and its own reader then ends with an error instead of
// an end: net/http takes that for a failed write and closes the connection
// while a long answer is still being read (smithy-go v1.28,
// transport/http/internal/io/safe.go, WriteTo).
func settled(req *http.Request) (*http.Request, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return req, nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, fmt.Errorf("reading a question: %w", err)
	}
	if err := req.Body.Close(); err != nil {
		return nil, fmt.Errorf("reading a question: %w", err)
	}
	req = req.Clone(req.Context())
	req.Body = io.NopCloser(bytes.NewReader(body))
	return req, nil
}

// quiet replaces a credential_process by one that has neither the terminal's
// keys nor its screen: both are the UI's, and the SDK would hand them over. A
// profile that assumes a role by way of another's process keeps the SDK's.
func quiet(cfg *aws.Config) {
	if !is[*processcreds.Provider](cfg.Credentials) {
		return
	}
	for _, source := range cfg.ConfigSources {
		shared, ok := source.(config.SharedConfig)
		if !ok || shared.CredentialProcess == "" {
			continue
		}
		builder := processcreds.DefaultNewCommandBuilder{Args: []string{shared.CredentialProcess}}
		cfg.Credentials = aws.NewCredentialsCache(processcreds.NewProviderCommand(
			processcreds.NewCommandBuilderFunc(func(ctx context.Context) (*exec.Cmd, error) {
				cmd, err := builder.NewCommand(ctx)
				if cmd != nil {
					cmd.Stdin, cmd.Stderr = nil, nil
				}
				return cmd, err
			})))
		return
	}
}

// is tells whether credentials come from a provider of type T.
func is[T aws.CredentialsProvider](p aws.CredentialsProvider) bool {
	var target T
	return aws.IsCredentialsProvider(p, target)
}

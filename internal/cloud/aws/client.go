package aws

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
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
		// A bundle of AWS_CA_BUNDLE has become part of this one's transport.
		if b, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok && transport == nil {
			transport = b.GetTransport()
		}
	}
	c := &client{creds: cfg.Credentials, region: region, ahead: new(time.Duration)}
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
	resp, err := w.base.RoundTrip(req)
	if err != nil {
		return nil, err //nolint:wrapcheck // http.Client wraps it
	}
	*w.ahead = poll.Ahead(resp.Header, w.now())
	return resp, nil
}

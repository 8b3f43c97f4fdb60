package azure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/monitor/armmonitor"
)

// Bounds of what is asked.
const (
	// requestTimeout is for one request, the token included.
	requestTimeout = 40 * time.Second
	// maxPages and maxItems bound a list.
	maxPages = 20
	maxItems = 5000
)

// client asks Resource Manager and Azure Monitor.
type client struct {
	endpoint  endpoint
	transport *transport
	options   *arm.ClientOptions
	cred      azcore.TokenCredential
	pipeline  runtime.Pipeline
}

func newClient(e endpoint, cred azcore.TokenCredential, t *transport) (*client, error) {
	c := &client{endpoint: e, transport: t, cred: guard{cred}}
	c.options = &arm.ClientOptions{
		ClientOptions: policy.ClientOptions{
			Cloud:     e.cloud,
			Transport: t,
			// A failure is shown at once and tried again at our own pace; the
			// pipeline's own retries would hide it for minutes.
			Retry:     policy.RetryOptions{MaxRetries: -1},
			Telemetry: policy.TelemetryOptions{ApplicationID: "snattop"},
			// The token of a plain endpoint is a placeholder.
			InsecureAllowCredentialWithHTTP: e.plain,
		},
		// To register a resource provider is a change.
		DisableRPRegistration: true,
	}
	inner, err := arm.NewClient("snattop", "v1.0.0", c.cred, c.options)
	if err != nil {
		return nil, fmt.Errorf("making a client for Azure: %w", err)
	}
	c.pipeline = inner.Pipeline()
	return c, nil
}

// errNotJSON means that an answer could not be decoded. What it held is not
// part of the error.
var errNotJSON = errors.New("the answer is no valid JSON, or was cut off")

// get reads one resource, of which path is the escaped path.
func (c *client) get(ctx context.Context, path, version string, into any) error {
	u := *c.endpoint.url
	u.RawQuery = url.Values{"api-version": {version}}.Encode()
	return c.read(ctx, u.Scheme+"://"+u.Host+path+"?"+u.RawQuery, into)
}

func (c *client) read(ctx context.Context, address string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := runtime.NewRequest(ctx, http.MethodGet, address)
	if err != nil {
		return fmt.Errorf("making a request: %w", plainError(err))
	}
	req.Raw().Header.Set("Accept", "application/json")
	resp, err := c.pipeline.Do(req)
	if err != nil {
		return fmt.Errorf("asking: %w", plainError(err))
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("asking: %w", runtime.NewResponseError(resp))
	}
	body, err := runtime.Payload(resp)
	if err != nil {
		return fmt.Errorf("reading the answer: %w", plainError(err))
	}
	if json.Unmarshal(body, into) != nil {
		return errNotJSON
	}
	return nil
}

// plainError takes the address away from an error: its query may hold what
// is for no other eyes.
func plainError(err error) error {
	var withURL *url.Error
	if errors.As(err, &withURL) {
		return withURL.Err
	}
	return err
}

// list reads a collection to its end, or to the bounds.
func list[T any](ctx context.Context, c *client, path, version string) ([]T, error) {
	var all []T
	next := c.endpoint.url.Scheme + "://" + c.endpoint.url.Host + path + "?" + url.Values{"api-version": {version}}.Encode()
	for range maxPages {
		var page struct {
			Value    []T    `json:"value"`
			NextLink string `json:"nextLink"`
		}
		if err := c.read(ctx, next, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Value...)
		if len(all) > maxItems {
			return all[:maxItems], errTooMany
		}
		if page.NextLink == "" {
			return all, nil
		}
		u, err := url.Parse(page.NextLink)
		if err != nil || !strings.EqualFold(u.Scheme, c.endpoint.url.Scheme) || !strings.EqualFold(u.Host, c.endpoint.url.Host) || u.User != nil {
			return all, errElsewhere
		}
		next = page.NextLink
	}
	return all, errTooMany
}

var (
	errTooMany   = errors.New("the list is longer than 5000 entries or 20 pages; the rest was not read")
	errElsewhere = errors.New("the next page is said to be on another host, which gets no token")
)

// metrics asks Azure Monitor for the metrics of a resource.
func (c *client) metrics(ctx context.Context, subscription, resource string, o *armmonitor.MetricsClientListOptions) (*armmonitor.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	m, err := armmonitor.NewMetricsClient(subscription, c.cred, c.options)
	if err != nil {
		return nil, fmt.Errorf("making a client for Azure Monitor: %w", err)
	}
	resp, err := m.List(ctx, strings.TrimPrefix(resource, "/"), o)
	if err != nil {
		// The SDK's own decoding errors are texts.
		if strings.HasPrefix(err.Error(), "unmarshalling type") {
			return nil, errNotJSON
		}
		return nil, fmt.Errorf("asking: %w", plainError(err))
	}
	return &resp.Response, nil
}

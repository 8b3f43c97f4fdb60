package google

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/snattop/snattop/internal/cloud/poll"
)

const (
	// pageSize is how many points are asked for at once; the API's own limit
	// is 100,000.
	pageSize = 20000
	// maxPages bounds one question.
	maxPages = 20
)

// client asks projects.timeSeries.list.
type client struct {
	base *url.URL
	http *http.Client
	// plain means that base is a test's server without TLS, which gets a
	// placeholder for a credential.
	plain bool
	cred  credential
	now   func() time.Time
	// ahead is how far this machine's clock is ahead of Google's, by the last
	// answer.
	ahead time.Duration
}

// question is one call of projects.timeSeries.list, over all its pages.
type question struct {
	project    string
	filter     string
	start, end time.Time
	aligner    string   // "" asks for raw points
	reducer    string   // with aligner only
	groupBy    []string // with aligner only
}

// errIncomplete is told beside what was read of an answer that is not whole.
var errIncomplete = errors.New("Google's answer is not complete") //nolint:staticcheck // ST1005: a name begins it

// errUnsent is beside the reason why there is no answer at all.
var errUnsent = errors.New("no answer")

func (c *client) list(ctx context.Context, q question) ([]series, error) {
	values := url.Values{
		"filter":             {q.filter},
		"interval.startTime": {q.start.UTC().Format(time.RFC3339)},
		"interval.endTime":   {q.end.UTC().Format(time.RFC3339)},
		"view":               {"FULL"},
		"pageSize":           {strconv.Itoa(pageSize)},
	}
	if q.aligner != "" {
		values.Set("aggregation.alignmentPeriod", "60s")
		values.Set("aggregation.perSeriesAligner", q.aligner)
		values.Set("aggregation.crossSeriesReducer", q.reducer)
		values["aggregation.groupByFields"] = q.groupBy
	}
	var (
		all   []series
		whole = true
	)
	for range maxPages {
		p, err := c.page(ctx, q.project, values)
		if err != nil {
			return all, err
		}
		all = append(all, p.TimeSeries...)
		whole = whole && len(p.ExecutionErrors) == 0
		if p.NextPageToken == "" {
			if !whole {
				return all, errIncomplete
			}
			return all, nil
		}
		values.Set("pageToken", p.NextPageToken)
	}
	return all, errIncomplete
}

func (c *client) page(ctx context.Context, project string, values url.Values) (page, error) {
	u := *c.base
	u.Path += "/v3/projects/" + project + "/timeSeries"
	u.RawQuery = values.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return page{}, errors.New("the question to Cloud Monitoring cannot be put together")
	}
	token := &oauth2.Token{AccessToken: "placeholder", TokenType: "Bearer"}
	if !c.plain {
		if token, err = c.cred.source.Token(); err != nil {
			return page{}, tokenError(err)
		}
		if c.cred.quotaProject != "" {
			req.Header.Set("X-Goog-User-Project", c.cred.quotaProject)
		}
	}
	token.SetAuthHeader(req)
	resp, err := c.http.Do(req)
	if err != nil {
		return page{}, fmt.Errorf("asking %s: %w: %w", u.Host, errUnsent, err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	now := c.now()
	c.ahead = poll.Ahead(resp.Header, now)
	data, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return page{}, refused(resp, data, now)
	}
	if err != nil {
		return page{}, fmt.Errorf("reading the answer of %s: %w", u.Host, err)
	}
	return decodePage(data)
}

// apiError is an answer that is no 200. Of its text only codes are kept, where
// they have the shape of one: the rest may repeat what was sent.
type apiError struct {
	status int
	// code and reason are Google's words for it, such as PERMISSION_DENIED and
	// SERVICE_DISABLED; "" where it said none of that shape.
	code, reason string
	retry        time.Duration
}

func (e *apiError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("HTTP %d %s %s", e.status, e.code, e.reason))
}

var codeShape = regexp.MustCompile(`^[A-Z][A-Z_]{1,60}$`)

func refused(resp *http.Response, data []byte, now time.Time) *apiError {
	e := &apiError{status: resp.StatusCode, retry: poll.RetryAfter(resp.Header, now)}
	var body refusal
	if json.Unmarshal(data, &body) != nil {
		return e
	}
	if codeShape.MatchString(body.Error.Status) {
		e.code = body.Error.Status
	}
	for _, d := range body.Error.Details {
		if codeShape.MatchString(d.Reason) {
			e.reason = d.Reason
			break
		}
	}
	return e
}

// tokenErrors are the codes of OAuth 2.0 (RFC 6749, 5.2). Nothing else of what
// a token endpoint says is repeated: it was sent a secret.
var tokenErrors = map[string]string{
	"invalid_grant":       "the login has expired or was revoked",
	"invalid_client":      "the credential's client is not known",
	"unauthorized_client": "the credential may not be used like this",
	"invalid_scope":       "the credential may not read metrics",
	"invalid_request":     "the credential is not complete",
}

func tokenError(err error) error {
	var retrieve *oauth2.RetrieveError
	if errors.As(err, &retrieve) {
		if words, ok := tokenErrors[retrieve.ErrorCode]; ok {
			return &credentialError{words + ": " + logIn}
		}
		if retrieve.Response != nil && retrieve.Response.StatusCode >= http.StatusInternalServerError {
			return &apiError{status: retrieve.Response.StatusCode}
		}
		return &credentialError{"Google gave no token for this credential: " + logIn}
	}
	if _, ok := poll.Network(err); ok {
		return fmt.Errorf("fetching a token: %w", err)
	}
	return &credentialError{"no token could be had with this credential: " + logIn}
}

package google

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"time"

	"golang.org/x/oauth2"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/cloud/poll"
	"github.com/snattop/snattop/internal/snat"
)

// DefaultEndpoint is the Cloud Monitoring API ("Service endpoint" of its REST
// reference).
const DefaultEndpoint = "https://monitoring.googleapis.com"

// Options are what a Watcher needs. The zero value asks Google with
// Application Default Credentials.
type Options struct {
	// Endpoint replaces DefaultEndpoint. Plain HTTP is for tests: it is taken
	// on this machine alone, and no real credential goes there.
	Endpoint string
	// Transport is what requests go through; nil is Go's default.
	Transport http.RoundTripper
	// Clock is where time comes from; the zero value is this machine's.
	Clock poll.Clock
	// Getenv reads the environment; nil is os.Getenv.
	Getenv func(string) string
	// Home is the user's home directory; "" asks the system.
	Home string
}

// Watcher follows Cloud NAT's figures of a cluster's nodes.
type Watcher struct {
	options Options
	base    *url.URL
	plain   bool
}

var _ cloud.Watcher = (*Watcher)(nil)

// New makes a Watcher. It opens nothing and looks for no credential yet: that
// happens in Watch, again and again, so that a later login is found. The error
// is that of an endpoint that cannot be used.
func New(o Options) (*Watcher, error) {
	if o.Endpoint == "" {
		o.Endpoint = DefaultEndpoint
	}
	base, plain, err := poll.Endpoint(o.Endpoint)
	if err != nil {
		return nil, err //nolint:wrapcheck // says it all
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Home == "" {
		o.Home, _ = os.UserHomeDir() // without one there is no file of gcloud's
	}
	o.Clock = o.Clock.Filled()
	return &Watcher{options: o, base: base, plain: plain}, nil
}

// Source is what operators call the figures.
const Source = "Google Cloud Monitoring"

// reading is an empty one of ours.
func reading() cloud.Reading {
	return cloud.Reading{Provider: snat.ProviderGCPNAT, Source: Source}
}

// Watch implements cloud.Watcher.
func (w *Watcher) Watch(ctx context.Context, nodes <-chan []cloud.Node, tell func(cloud.Reading)) error {
	r := &reader{
		env:   environment{getenv: w.options.Getenv, home: w.options.Home},
		clock: w.options.Clock,
		client: client{
			base:  w.base,
			http:  poll.Client(w.options.Transport),
			plain: w.plain,
			now:   w.options.Clock.Now,
		},
		gateways: map[string]time.Time{},
	}
	// Tokens are fetched with the same client, which follows no redirect.
	r.tokens = context.WithValue(ctx, oauth2.HTTPClient, r.client.http)
	return poll.Watch(ctx, w.options.Clock, reading(), nodes, r.round, tell) //nolint:wrapcheck // ctx's own
}

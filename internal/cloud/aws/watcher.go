package aws

import (
	"context"
	"net/http"
	"net/url"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/cloud/poll"
	"github.com/snattop/snattop/internal/snat"
)

// Options are what a Watcher needs. The zero value asks AWS as every AWS tool
// on this machine would.
type Options struct {
	// Endpoint replaces CloudWatch's own of the nodes' region. Plain HTTP is
	// for tests: it is taken on this machine alone, and no real credential goes
	// there.
	Endpoint string
	// Transport is what requests go through; nil is the SDK's own.
	Transport http.RoundTripper
	// Clock is where time comes from; the zero value is this machine's.
	Clock poll.Clock
}

// Watcher follows the NAT gateways of a cluster's account and region.
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
	o.Clock = o.Clock.Filled()
	w := &Watcher{options: o}
	if o.Endpoint == "" {
		return w, nil
	}
	var err error
	w.base, w.plain, err = poll.Endpoint(o.Endpoint)
	return w, err //nolint:wrapcheck // says it all
}

// Source is what operators call the figures.
const Source = "Amazon CloudWatch"

// reading is an empty one of ours.
func reading() cloud.Reading {
	return cloud.Reading{Provider: snat.ProviderAWSNATGW, Source: Source}
}

// Watch implements cloud.Watcher.
func (w *Watcher) Watch(ctx context.Context, nodes <-chan []cloud.Node, tell func(cloud.Reading)) error {
	r := &reader{watcher: w}
	return poll.Watch(ctx, w.options.Clock, reading(), nodes, r.round, tell) //nolint:wrapcheck // ctx's own
}

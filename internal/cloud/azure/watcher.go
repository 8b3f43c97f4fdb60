package azure

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/snat"
)

// Options say which Azure is asked, and by whom.
type Options struct {
	// Endpoint is --azure-endpoint: empty for the public cloud, else the https
	// address of Resource Manager, or the http address of a proving ground on
	// this machine, which never gets a credential.
	Endpoint string
	// Credential gives tokens. By default it is the first of the environment,
	// workload identity, az and azd that gives one; the instance metadata
	// service is never asked.
	Credential azcore.TokenCredential
	// Transport sends the requests; by default one of its own that uses the
	// proxy of the environment.
	Transport http.RoundTripper
	// Now is the clock; time.Now by default.
	Now func() time.Time
	// Log gets what goes wrong; nowhere by default.
	Log *slog.Logger
}

// watcher implements cloud.Watcher.
type watcher struct {
	client *client
	now    func() time.Time
	log    *slog.Logger
}

// New makes a watcher of Azure. It asks nothing yet; its error is one of
// usage, and names the flag.
func New(o Options) (cloud.Watcher, error) {
	o, c, err := open(o)
	if err != nil {
		return nil, err
	}
	return &watcher{client: c, now: o.Now, log: o.Log}, nil
}

// open fills in what options leave open, and makes a client of them.
func open(o Options) (Options, *client, error) {
	e, err := parseEndpoint(o.Endpoint)
	if err != nil {
		return o, nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Transport == nil {
		o.Transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second,
			IdleConnTimeout: 90 * time.Second, MaxIdleConnsPerHost: 2, MaxResponseHeaderBytes: 64 << 10,
		}
	}
	switch {
	case e.plain:
		o.Credential = fixed{now: time.Now}
	case o.Credential == nil:
		o.Credential = signedIn(e.cloud)
	}
	c, err := newClient(e, o.Credential, newTransport(o.Transport, o.Now))
	return o, c, err
}

// The pace of asking.
const (
	// resourcesEvery is how often the cluster, its balancer and its gateway are
	// looked at; they change when somebody changes them.
	resourcesEvery = 5 * time.Minute
	// metricsEvery is Azure Monitor's own interval for these metrics.
	metricsEvery = time.Minute
	// forget is after how long a figure is not told any more.
	forget = 15 * time.Minute
	// maxSkew is how far clocks may be apart without a word.
	maxSkew = 2 * time.Minute
)

// job is one of the two things that are asked again and again.
type job struct {
	due      time.Time
	fails    int
	problems []cloud.Problem
}

// done notes how it went, and when to ask again.
func (j *job) done(now time.Time, every time.Duration, troubles []trouble) {
	j.problems = nil
	var wait time.Duration
	failed := false
	for _, t := range troubles {
		j.problems = append(j.problems, t.Problem)
		wait = max(wait, t.wait)
		failed = failed || !t.soft && t.wait == 0
	}
	if !failed {
		j.fails = 0
		j.due = now.Add(max(every, wait))
		return
	}
	j.fails++
	j.due = now.Add(max(backoff(j.fails), wait))
}

// watch is one Watch under way. Its fields belong to one goroutine; requests
// run in another, one round at a time, so that nodes are always taken.
type watch struct {
	w         *watcher
	fleet     fleet
	known     bool // whether nodes have come at all
	resources job
	metrics   job
	found     found
	last      measured
	told      *cloud.Reading
}

// outcome is what a round brought; apply enters it unless the nodes have moved
// to another scope meanwhile.
type outcome struct {
	home  scope
	apply func()
}

// Watch implements cloud.Watcher.
func (w *watcher) Watch(ctx context.Context, nodes <-chan []cloud.Node, tell func(cloud.Reading)) error {
	s := &watch{w: w}
	results := make(chan outcome, 1)
	busy := false
	rounds, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		if busy {
			<-results
		}
		w.client.transport.client.CloseIdleConnections()
	}()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if !busy {
			if work := s.next(); work != nil {
				busy = true
				go func() { results <- work(rounds) }()
			}
		}
		if busy {
			timer.Stop()
		} else {
			timer.Reset(s.wait())
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case list, ok := <-nodes:
			if !ok {
				nodes = nil
				continue
			}
			s.nodes(list)
			if s.fleet.foreign {
				return nil
			}
		case r := <-results:
			busy = false
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if r.home.is(s.fleet.scope) {
				r.apply()
			}
		case <-timer.C:
			continue
		}
		s.tell(ctx, tell)
	}
}

// nodes takes the set of nodes as it is now.
func (s *watch) nodes(list []cloud.Node) {
	before := s.fleet
	s.fleet, s.known = muster(list), true
	now := s.w.now()
	switch {
	case !s.fleet.scope.is(before.scope):
		s.found, s.last, s.told = found{}, measured{}, nil
		s.resources, s.metrics = job{due: now}, job{due: now}
	case !reflect.DeepEqual(s.fleet.addresses, before.addresses):
		// The pool has another size; nobody is asked more often than once a
		// minute, or while a back-off lasts, for it.
		if soon := now.Add(metricsEvery); s.resources.fails == 0 && s.resources.due.After(soon) && !denies(s.resources.problems) {
			s.resources.due = soon
		}
	}
}

func denies(problems []cloud.Problem) bool {
	for _, p := range problems {
		if p.Denied {
			return true
		}
	}
	return false
}

// following reports whether there is a place to ask about.
func (s *watch) following() bool { return s.fleet.scope.group != "" }

// next returns the round that is due; nil when none is.
func (s *watch) next() func(context.Context) outcome {
	now := s.w.now()
	if !s.following() {
		return nil
	}
	home, c := s.fleet.scope, s.w.client
	if !s.resources.due.After(now) {
		before := s.found
		return func(ctx context.Context) outcome {
			f, troubles := discover(ctx, c, home, before)
			return outcome{home, func() {
				s.found = f
				s.resources.done(s.w.now(), resourcesEvery, troubles)
				if provider, _ := f.provider(); provider == snat.ProviderUnknown {
					s.last, s.metrics.problems = measured{}, nil
				}
			}}
		}
	}
	if s.metrics.due.After(now) {
		return nil
	}
	provider, _ := s.found.provider()
	r := &round{c: c, subscription: home.subscription, group: text(home.group), now: now.Add(c.transport.clock()), grain: metricsEvery}
	if s.last.interval >= time.Second && s.last.interval < r.grain {
		r.grain = s.last.interval
	}
	var measure func(context.Context) measured
	switch {
	case provider == snat.ProviderAzureLB && s.found.balancer != nil:
		r.resource, r.name = s.found.balancer.ID, "load balancer "+text(s.found.balancer.Name)
		frontends, addresses := len(s.found.balancer.Properties.FrontendIPConfigurations), s.fleet.addresses
		measure = func(ctx context.Context) measured { return measureBalancer(ctx, r, addresses, frontends) }
	case provider == snat.ProviderAzureNATGW && s.found.gateway != nil:
		r.resource, r.name = s.found.gateway.ID, "NAT gateway "+text(s.found.gateway.Name)
		measure = func(ctx context.Context) measured { return measureGateway(ctx, r) }
	default:
		s.metrics.due = s.resources.due
		return nil
	}
	if _, ok := usable(r.resource); !ok {
		s.metrics.problems = []cloud.Problem{{What: aboutMetrics, Sentence: "the ID of " + r.name + " is none that metrics can be asked with: its figures stay estimates"}}
		s.metrics.due = s.resources.due
		return nil
	}
	return func(ctx context.Context) outcome {
		m := measure(ctx)
		return outcome{home, func() { s.measured(m) }}
	}
}

// measured takes what a round of metrics brought. Figures that could not be
// read this time stand until they are too old.
func (s *watch) measured(m measured) {
	every := metricsEvery
	if s.w.client.endpoint.plain && m.interval > 0 {
		every = min(every, max(m.interval, time.Second))
	}
	s.metrics.done(s.w.now(), every, m.troubles)
	if !m.failed {
		s.last = m
	}
}

// wait is how long until something is due.
func (s *watch) wait() time.Duration {
	if !s.following() {
		return time.Hour
	}
	now := s.w.now()
	return max(min(s.resources.due.Sub(now), s.metrics.due.Sub(now)), 10*time.Millisecond)
}

// tell tells the picture when it is another than the last one.
func (s *watch) tell(ctx context.Context, tell func(cloud.Reading)) {
	r := s.reading()
	if s.told != nil && reflect.DeepEqual(*s.told, r) {
		return
	}
	if s.told == nil && len(r.Problems) == 0 && r.Profile == nil && r.Nodes == nil && r.Gateway == nil {
		return // nothing is known yet
	}
	for _, p := range r.Problems {
		if s.told == nil || !contains(s.told.Problems, p) {
			s.w.log.LogAttrs(ctx, slog.LevelWarn, "reading Azure", slog.String("what", p.What), slog.String("problem", p.Sentence))
		}
	}
	s.told = &r
	tell(r)
}

func contains(all []cloud.Problem, p cloud.Problem) bool {
	for _, one := range all {
		if one == p {
			return true
		}
	}
	return false
}

// reading puts together everything that is known now.
func (s *watch) reading() cloud.Reading {
	provider, why := s.found.provider()
	r := cloud.Reading{Provider: provider, Source: "Azure Monitor", Profile: s.found.profile(s.fleet.scope)}
	skew := s.w.client.transport.clock()
	oldest := s.w.now().Add(skew - forget)
	for _, n := range s.last.nodes {
		if n.At.After(oldest) {
			r.Nodes = append(r.Nodes, n)
		}
	}
	if g := s.last.gateway; g != nil && g.At.After(oldest) {
		r.Gateway = g
	}
	add := func(p cloud.Problem) {
		if !contains(r.Problems, p) {
			r.Problems = append(r.Problems, p)
		}
	}
	for _, p := range s.fleet.problems {
		add(p)
	}
	if why != "" {
		add(cloud.Problem{What: aboutProfile, Sentence: why})
	}
	for _, p := range s.resources.problems {
		add(p)
	}
	for _, p := range s.metrics.problems {
		add(p)
	}
	if skew.Abs() > maxSkew {
		// Whole minutes: a sentence that changes each time is a new one.
		side := "behind"
		if skew < 0 {
			side = "ahead of"
		}
		add(cloud.Problem{What: aboutClock, Sentence: fmt.Sprintf(
			"the clock of this machine is %d minutes %s Azure's: set it, for tokens and the ages of figures depend on it",
			int(skew.Abs().Round(time.Minute)/time.Minute), side)})
	}
	return r
}

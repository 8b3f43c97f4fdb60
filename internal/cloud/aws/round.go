package aws

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/cloud/poll"
)

// reader asks, round after round.
type reader struct {
	watcher *Watcher
	client  *client
	// series is what was listed at listed, and more how much of it is not
	// asked about.
	series []seriesOf
	more   int
	listed time.Time
	// throttled counts the rounds in a row that AWS throttled.
	throttled int
}

func (r *reader) round(ctx context.Context, nodes []cloud.Node) poll.Round {
	regions, elsewhere := regionsOf(nodes)
	if len(regions) == 0 {
		return poll.Round{Idle: true}
	}
	region := regions[0]
	if r.client != nil && r.client.region != region {
		r.client, r.series, r.listed = nil, nil, time.Time{}
	}
	round := poll.Round{Reading: reading()}
	operation, f, err := r.ask(ctx, region)
	if err != nil {
		return r.fail(round, err, operation, region)
	}
	r.throttled = 0
	r.fill(&round.Reading, f, region, regions, elsewhere)
	if f == nil {
		round.Wait = poll.Slow
	}
	return round
}

// What a round may fail at.
const (
	login         = "" // no operation of CloudWatch's
	listMetrics   = "ListMetrics"
	getMetricData = "GetMetricData"
)

// ask does one round of questions; operation is the one that failed. The
// figures are nil when there is no gateway.
func (r *reader) ask(ctx context.Context, region string) (operation string, f *figures, err error) {
	o := r.watcher.options
	if r.client == nil {
		if r.client, err = connect(ctx, region, r.watcher.base, r.watcher.plain, o.Transport, o.Clock.Now); err != nil {
			return login, nil, err
		}
	}
	// Asked for by itself, so that its failure is told apart from CloudWatch's;
	// the SDK keeps what it found until it expires.
	if _, err = r.client.creds.Retrieve(ctx); err != nil {
		return login, nil, err //nolint:wrapcheck // understood by its type
	}
	now := o.Clock.Now().Add(-*r.client.ahead)
	if len(r.series) == 0 || now.Sub(r.listed).Abs() >= poll.Slow {
		if r.series, r.more, err = r.client.gateways(ctx); err != nil {
			return listMetrics, nil, err
		}
		r.listed = now
	}
	if len(r.series) == 0 {
		return "", nil, nil
	}
	end := now.Truncate(poll.Grain)
	f, err = r.client.measure(ctx, r.series, end.Add(-poll.Window), end)
	return getMetricData, f, err
}

// fail tells why a round brought nothing.
func (r *reader) fail(round poll.Round, err error, operation, region string) poll.Round {
	round.Failed = true
	var t trouble
	if operation == login {
		t = noCredential(err, r.client != nil && r.client.sso)
	} else {
		t = understand(err, operation, region, r.watcher.options.Clock.Now())
	}
	round.Reading.Problems = append(round.Reading.Problems, t.problem)
	round.Wait = t.wait
	if t.problem.Denied {
		round.Wait = poll.Slow
	}
	if t.throttled {
		// 2, 4, 8 … minutes, unless AWS named a longer wait.
		r.throttled = min(r.throttled+1, 4)
		round.Wait = max(round.Wait, poll.Every<<r.throttled)
	} else {
		r.throttled = 0
	}
	if t.forget {
		r.client = nil
	}
	return round
}

// fill puts figures into a reading.
func (r *reader) fill(reading *cloud.Reading, f *figures, region string, regions []string, elsewhere int) {
	say := func(what, format string, args ...any) {
		reading.Problems = append(reading.Problems, cloud.Problem{What: what, Sentence: fmt.Sprintf(format, args...)})
	}
	ids := r.ids()
	if len(ids) > 0 {
		reading.Profile = &cloud.Profile{Group: region}
	}
	switch len(ids) {
	case 0:
		say("metrics", "CloudWatch knows no NAT gateway of this account in %s that told anything in the last three hours: nodes in public subnets use none, and a gateway of another account is seen from there alone", region)
	case 1:
		reading.Profile.Gateway = ids[0]
	default:
		say("gateway", "these figures are the sum of %d NAT gateways, all that this account has in %s (%s): some may serve other clusters or networks", len(ids), region, list(ids))
	}
	if f != nil {
		reading.Gateway = f.reading()
		if reading.Gateway == nil && !f.forbidden {
			say("metrics", "CloudWatch has no figures of the last %d minutes of %d NAT gateways in %s", int(poll.Window/time.Minute), len(ids), region)
		}
		if f.forbidden {
			reading.Problems = append(reading.Problems, cloud.Problem{
				What: "metrics", Denied: true,
				Sentence: fmt.Sprintf("AWS denied the figures of some NAT gateways in %s: ask for the right cloudwatch:GetMetricData on all of them", region),
			})
		}
		if f.incomplete {
			say("metrics", "CloudWatch's answer about NAT gateways in %s is not complete: the sums may be too small until the next minute", region)
		}
	}
	if r.more > 0 {
		say("metrics", "there are more NAT gateways in %s than are asked about: %d series are left out of the sums", region, r.more)
	}
	if elsewhere > 0 {
		say("metrics", "%d nodes are in other regions than %s (%s), whose gateways are not read", elsewhere, region, list(regions[1:]))
	}
	if r.client != nil && *r.client.ahead != 0 {
		ahead := *r.client.ahead
		way := "ahead of"
		if ahead < 0 {
			way = "behind"
		}
		say("metrics", "this machine's clock is %s %s AWS's: figures are asked for by AWS's, but their age looks wrong here; set the clock", ahead.Abs(), way)
	}
}

// ids are the gateways of the series, which are in order.
func (r *reader) ids() []string {
	var ids []string
	for _, s := range r.series {
		if len(ids) == 0 || ids[len(ids)-1] != s.gateway {
			ids = append(ids, s.gateway)
		}
	}
	return ids
}

// list names the first few.
func list(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

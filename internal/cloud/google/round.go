package google

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/cloud/poll"
)

// reader asks, round after round.
type reader struct {
	env    environment
	clock  poll.Clock
	client client
	// tokens is the context that tokens are fetched in.
	tokens context.Context //nolint:containedctx // oauth2 wants it when a source is made, for as long as it lives
	// throttled counts the rounds in a row that Google throttled.
	throttled int
	// gateways holds, by project, until when its gateways are not asked about
	// because that was denied. A shared VPC's gateways are another project's.
	gateways map[string]time.Time
	denied   map[string]cloud.Problem
}

// maxZones and maxProjects bound the length and number of questions.
const (
	maxZones    = 40
	maxProjects = 3
)

func (r *reader) round(ctx context.Context, nodes []cloud.Node) poll.Round {
	fleet, ok := fleetOf(nodes)
	if !ok {
		return poll.Round{Idle: true}
	}
	round := poll.Round{Reading: reading()}
	tellOf := func(p cloud.Problem) { round.Reading.Problems = append(round.Reading.Problems, p) }
	if err := r.login(); err != nil {
		t := understand(err, fleet.project, "")
		tellOf(t.problem)
		round.Failed, round.Wait = true, poll.Slow
		return round
	}
	now := r.clock.Now().Add(-r.client.ahead)
	end := now.Truncate(poll.Grain)
	start := end.Add(-poll.Window)

	f := newFigures()
	answered, stopped, throttled := 0, false, false
	for _, m := range measures {
		answer, err := r.client.list(ctx, question{
			project: fleet.project, filter: machineFilter(m.metric, fleet.zones()), start: start, end: end,
			aligner: m.aligner, reducer: m.reducer, groupBy: m.groupBy,
		})
		f.add(m, answer, fleet.names)
		if err == nil {
			answered++
			continue
		}
		if ctx.Err() != nil {
			return round
		}
		t := understand(err, fleet.project, m.metric)
		tellOf(t.problem)
		if t.forget {
			r.client.cred = credential{}
		}
		if t.problem.Denied {
			round.Wait = poll.Slow
		}
		round.Wait = max(round.Wait, t.wait)
		throttled = throttled || t.throttled
		if stopped = t.stop; stopped {
			break
		}
	}
	if throttled {
		// 2, 4, 8 … minutes, unless Google named a longer wait.
		r.throttled = min(r.throttled+1, 4)
		round.Wait = max(round.Wait, poll.Every<<r.throttled)
	} else {
		r.throttled = 0
	}
	if answered == 0 && f.matched == 0 {
		round.Failed = true
		return round
	}
	fill(&round.Reading, f, fleet)
	if !stopped {
		for _, p := range r.allocationFailures(ctx, f.gatewayList(), fleet, start, end, now) {
			tellOf(p)
		}
	}
	if skew := r.client.ahead; skew != 0 {
		tellOf(clockProblem(skew))
	}
	return round
}

// login looks for a credential where there is none yet.
func (r *reader) login() error {
	if r.client.plain || r.client.cred.source != nil {
		return nil
	}
	cred, err := find(r.tokens, r.env)
	if err != nil {
		return err
	}
	r.client.cred = cred
	return nil
}

// machineFilter selects a metric of the machines in zones ("Monitoring
// filters"). With too many zones for one filter it selects all.
func machineFilter(metric string, zones []string) string {
	filter := fmt.Sprintf("metric.type = %q AND resource.type = \"gce_instance\"", metric)
	if len(zones) > maxZones {
		return filter
	}
	return filter + " AND resource.labels.zone = " + oneOf(zones)
}

// oneOf writes the filter function one_of. Values are names whose shape was
// checked, so that quoting them is enough.
func oneOf(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = fmt.Sprintf("%q", v)
	}
	return "one_of(" + strings.Join(quoted, ", ") + ")"
}

// fill puts figures into a reading.
func fill(reading *cloud.Reading, f *figures, fleet fleet) {
	say := func(what, format string, args ...any) {
		reading.Problems = append(reading.Problems, cloud.Problem{What: what, Sentence: fmt.Sprintf(format, args...)})
	}
	reading.Nodes = f.readings()
	if v, at, ok := f.open.Newest(); ok {
		// Told by machine, added up over those of the cluster: the gateway may
		// serve others, whose connections are no matter of ours.
		reading.Gateway = &cloud.GatewayReading{At: at, Open: &v}
	}
	gateways := f.gatewayList()
	if len(gateways) > 0 {
		reading.Profile = &cloud.Profile{Group: fleet.project}
		if len(gateways) == 1 {
			reading.Profile.Gateway = poll.Short(gateways[0].name)
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(f.other)) {
		if n, _, ok := f.other[reason].Newest(); ok && n > 0 {
			say("drops", "%s", dropSentence(n, reason))
		}
	}
	if len(f.unnamed) > 0 {
		say("metrics", "Cloud Monitoring names no instance for %d machines: if nodes are among them, their figures are missing", len(f.unnamed))
	}
	if len(reading.Nodes) == 0 && len(reading.Problems) == 0 {
		say("metrics", "Cloud Monitoring has no Cloud NAT figures of these nodes in project %s: machines with an external address, or behind a proxy, use no Cloud NAT; new ones appear after some minutes", fleet.project)
	}
	if fleet.elsewhere > 0 {
		say("metrics", "%d nodes are in other projects than %s, whose figures are not read", fleet.elsewhere, fleet.project)
	}
}

// dropSentence is about packets that were dropped for anything but a lack of
// ports.
func dropSentence(n int, reason string) string {
	if reason == "ENDPOINT_INDEPENDENCE_CONFLICT" {
		return fmt.Sprintf("Cloud NAT dropped %d packets in a minute for ENDPOINT_INDEPENDENCE_CONFLICT: that is endpoint-independent mapping, no lack of ports; switch it off with `gcloud compute routers nats update NAT --router ROUTER --region REGION --no-enable-endpoint-independent-mapping`", n)
	}
	if !codeShape.MatchString(reason) {
		reason = "one without a name"
	}
	return fmt.Sprintf("Cloud NAT dropped %d packets in a minute for a reason that is no lack of ports: %s", n, reason)
}

func clockProblem(ahead time.Duration) cloud.Problem {
	way := "ahead of"
	if ahead < 0 {
		way = "behind"
	}
	return cloud.Problem{
		What:     "metrics",
		Sentence: fmt.Sprintf("this machine's clock is %s %s Google's: figures are asked for by Google's, but their age looks wrong here; set the clock", ahead.Abs(), way),
	}
}

var numberShape = regexp.MustCompile(`^[0-9]{1,20}$`)

// allocationFailures asks whether gateways could not give a machine an
// address. Where the nodes' gateways are known, only those count.
func (r *reader) allocationFailures(ctx context.Context, known []gateway, fleet fleet, start, end, now time.Time) []cloud.Problem {
	projects := []string{}
	names := map[string]bool{}
	for _, g := range known {
		names[g.name] = true
		if numberShape.MatchString(g.project) && !slices.Contains(projects, g.project) {
			projects = append(projects, g.project)
		}
	}
	if len(projects) == 0 {
		projects = []string{fleet.project}
	}
	filter := fmt.Sprintf("metric.type = %q AND resource.type = \"nat_gateway\"", allocationFailed)
	if regions := fleet.regions(); len(regions) <= maxZones {
		filter += " AND resource.labels.region = " + oneOf(regions)
	}
	var problems []cloud.Problem
	for _, project := range projects[:min(len(projects), maxProjects)] {
		if now.Before(r.gateways[project]) {
			problems = append(problems, r.denied[project])
			continue
		}
		answer, err := r.client.list(ctx, question{project: project, filter: filter, start: start, end: end})
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			t := understand(err, project, allocationFailed)
			problems = append(problems, t.problem)
			if t.problem.Denied || t.throttled {
				r.gateways[project] = now.Add(poll.Slow)
				if r.denied == nil {
					r.denied = map[string]cloud.Problem{}
				}
				r.denied[project] = t.problem
			}
		}
		problems = append(problems, failures(answer, names)...)
	}
	return problems
}

// failures are the gateways whose newest value is true.
func failures(answer []series, names map[string]bool) []cloud.Problem {
	failing := map[string]bool{}
	for _, s := range answer {
		name := s.Resource.Labels["gateway_name"]
		if len(names) > 0 && !names[name] {
			continue
		}
		var newest point
		for _, p := range s.Points {
			if p.Value.Bool != nil && p.Interval.EndTime.After(newest.Interval.EndTime) {
				newest = p
			}
		}
		if newest.Value.Bool != nil && *newest.Value.Bool {
			failing[name] = true
		}
	}
	var problems []cloud.Problem
	for _, name := range slices.Sorted(maps.Keys(failing)) {
		problems = append(problems, cloud.Problem{
			What:     "gateway",
			Sentence: fmt.Sprintf("Cloud NAT gateway %s has no address left for some machine (nat_allocation_failed): give it more addresses, or fewer ports to each machine", poll.Short(name)),
		})
	}
	return problems
}

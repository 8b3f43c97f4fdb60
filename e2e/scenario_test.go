//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/snattop/snattop/e2e/ground"
	"github.com/snattop/snattop/internal/snat"
)

// scenario is a way for a node to be unwell, or well.
type scenario struct {
	name string
	// about says what happens, for the table.
	about string
	// ports is the size of the node's block, and what snattop is told of it by
	// --snat-ports, unless it hears from the cloud.
	ports int
	// cloud is set when snattop asks an endpoint that answers as Azure does.
	cloud bool
	loads []work
	// events happen at their time after the loads were applied; one at zero
	// happens before.
	events []event
	// steady is when the estimate must be right, as times after the loads were
	// applied; nothing when the load never is steady.
	steady span
	// torn are times at which sockets and ports may disagree, because the
	// gateway cut connections of which their sockets have not heard yet.
	torn span
	// cause is the finding to be named, without "cause."; "" for none at all,
	// and "any" where no single one is right.
	cause string
	// culprit begins the name of the pod that the cause is about, or is the
	// destination; "" where it is the node.
	culprit string
	// verdicts are those that are right at the end.
	verdicts []snat.Verdict
	// fills is set when the block becomes full: then that is to be told in
	// time. Otherwise it is never to be told.
	fills bool
	// linear is set when it fills at a constant rate: then it is to be foretold.
	linear bool
}

// work is a manifest with its parameters; the node is filled in.
type work struct {
	manifest string
	values   ground.Values
}

// event is something that is done to the ground while the loads run.
type event struct {
	after time.Duration
	what  string
	do    func(ctx context.Context, g *ground.Ground, node string) (ground.Lift, error)
}

// span is a range of time; nothing lies in the zero value.
type span struct{ from, to time.Duration }

func (s span) contains(d time.Duration) bool { return d >= s.from && d < s.to }

// scene is what runs at the same time: one scenario on each node.
type scene struct {
	name  string
	holds ground.Holds
	lasts time.Duration
	// nodes are node1, node2 and node3.
	nodes []scenario
}

// shortHolds are seconds in place of minutes: what waits for the end of a hold
// is seen soon. snattop is told the same times.
func shortHolds() ground.Holds {
	return ground.Holds{FIN: 20 * time.Second, Reset: 15 * time.Second, HalfOpen: 20 * time.Second, Idle: 10 * time.Minute, UDP: 30 * time.Second}
}

// gatewayHolds are those that Azure documents for its NAT gateway ("SNAT
// timers": FIN 65 s, RST 16 s, half-open 30 s, UDP 65 s, idle 4 min). A tick of
// snattop is little beside them, as it is beside any provider's.
func gatewayHolds() ground.Holds {
	return ground.Holds{FIN: 65 * time.Second, Reset: 16 * time.Second, HalfOpen: 30 * time.Second, Idle: 4 * time.Minute, UDP: 65 * time.Second}
}

// sceneTime is how long loads run.
const sceneTime = 75 * time.Second

func dropTowards(protocol, destination string) event {
	return event{what: "the gateway drops " + protocol + " to " + destination,
		do: func(ctx context.Context, g *ground.Ground, node string) (ground.Lift, error) {
			return g.DropTowards(ctx, node, protocol, netip.MustParseAddrPort(destination))
		}}
}

func setBlock(after time.Duration, ports int) event {
	return event{after: after, what: fmt.Sprintf("the block is cut to %d ports", ports),
		do: func(ctx context.Context, g *ground.Ground, node string) (ground.Lift, error) {
			return nil, g.SetBlock(ctx, node, ports)
		}}
}

func fillTable(after time.Duration) event {
	return event{after: after, what: "the node's conntrack table fills",
		do: func(ctx context.Context, g *ground.Ground, node string) (ground.Lift, error) {
			return g.FillConntrack(ctx, node)
		}}
}

// everywhere lists all the destinations of the internet, at one port.
func everywhere(port int) string {
	list := make([]string, 32)
	for i := range list {
		list[i] = fmt.Sprintf("%s:%d", ground.Destination(i+1), port)
	}
	return strings.Join(list, ",")
}

// scenes are all scenarios. No two nodes of a scene run out of ports, so that
// its table tells one story.
func scenes() []scene {
	healthy, pressured, exhausted := []snat.Verdict{snat.Healthy}, []snat.Verdict{snat.Pressured}, []snat.Verdict{snat.Exhausted}
	notSNAT := []snat.Verdict{snat.NotSNAT, snat.Healthy}
	idle := shortHolds()
	idle.FIN, idle.Idle = 40*time.Second, 90*time.Second
	pooled := work{"pooled", ground.Values{"NAME": "catalog"}}
	return []scene{
		{name: "leak and churn", holds: gatewayHolds(), lasts: 110 * time.Second, nodes: []scenario{
			// The kernel tries every port of a block of 128, and a part of a larger
			// one: this one drops nothing before it is full.
			{name: "leak", about: "2 connections a second, never closed", ports: 128,
				loads: []work{{"leaker", ground.Values{"RATE": "2"}}},
				cause: "leak", culprit: "leaker-", verdicts: exhausted, fills: true, linear: true},
			{name: "churn-fin", about: "6 requests a second, a connection each, closed with FIN", ports: 448,
				loads:  []work{{"churner", ground.Values{"RATE": "6"}}},
				steady: span{75 * time.Second, 110 * time.Second}, cause: "no-pooling", culprit: "churner-", verdicts: pressured},
			{name: "churn-rst", about: "25 a second, closed with RST", ports: 448,
				// Of several pods: one alone may leave from a local port again while
				// that flow's port is held, and gets the same one.
				loads:  []work{{"churner", ground.Values{"NAME": "resetter", "REPLICAS": "5", "RATE": "5", "RST": "true"}}},
				steady: span{25 * time.Second, 110 * time.Second}, cause: "no-pooling", culprit: "resetter-", verdicts: pressured},
		}},
		{name: "one and many destinations", holds: shortHolds(), lasts: sceneTime, nodes: []scenario{
			{name: "hot", about: "300 busy connections wanted, to one destination", ports: 256,
				loads:  []work{{"hot", ground.Values{"MAX": "300", "HEARTBEAT": "1s"}}},
				steady: span{20 * time.Second, sceneTime}, cause: "hot-destination", culprit: "hot-", verdicts: exhausted, fills: true},
			{name: "many", about: "640 busy connections, 20 to each of 32 destinations", ports: 1024,
				loads:  []work{{"hot", ground.Values{"NAME": "crawler", "DST": everywhere(443), "MAX": "640", "HEARTBEAT": "2s"}}},
				steady: span{15 * time.Second, sceneTime}, verdicts: healthy},
			{name: "pooled", about: "8 connections used over and over", ports: 1024,
				loads: []work{pooled}, steady: span{10 * time.Second, sceneTime}, verdicts: healthy},
		}},
		{name: "churn beyond the block, and mixtures", holds: shortHolds(), lasts: sceneTime, nodes: []scenario{
			{name: "churn-full", about: "40 requests a second, a connection each, closed with FIN", ports: 256,
				loads: []work{{"churner", ground.Values{"RATE": "40"}}},
				cause: "no-pooling", culprit: "churner-", verdicts: exhausted, fills: true},
			{name: "mixed", about: "a leak of 3 a second, a pool and some churn on one node", ports: 224,
				loads: []work{{"leaker", ground.Values{"NAME": "mixedleak", "RATE": "3"}}, {"pooled", ground.Values{"NAME": "mixedpool"}},
					{"churner", ground.Values{"NAME": "mixedchurn", "RATE": "2"}}},
				cause: "leak", culprit: "mixedleak-", verdicts: pressured},
			{name: "burst", about: "a job that opens 150 connections at once", ports: 176,
				loads:  []work{{"job", ground.Values{"MAX": "150", "HOLD": "90s"}}},
				steady: span{10 * time.Second, sceneTime}, cause: "any", verdicts: pressured},
		}},
		{name: "what is not SNAT", holds: shortHolds(), lasts: sceneTime, nodes: []scenario{
			{name: "firewall", about: "a firewall drops what goes to one destination", ports: 256,
				loads:  []work{pooled, {"leaker", ground.Values{"NAME": "walled", "DST": "20.60.1.15:443", "MAX": "300", "TIMEOUT": "20s"}}},
				events: []event{dropTowards("tcp", "20.60.1.15:443")},
				cause:  "dead-destination", culprit: "20.60.1.15:443", verdicts: notSNAT},
			{name: "dead", about: "a destination that does not answer", ports: 256,
				loads: []work{{"pooled", ground.Values{"NAME": "alive"}}, {"dead", ground.Values{"MAX": "100"}}},
				cause: "dead-destination", culprit: "20.60.1.11:81", verdicts: notSNAT},
			{name: "conntrack-full", about: "the node's conntrack table is full", ports: 256,
				loads:  []work{{"churner", ground.Values{"NAME": "starved", "RATE": "5"}}},
				events: []event{fillTable(25 * time.Second)},
				cause:  "conntrack-full", verdicts: notSNAT},
		}},
		{name: "scale-out, names and pods", holds: shortHolds(), lasts: 80 * time.Second, nodes: []scenario{
			{name: "scale-out", about: "600 busy connections, and the block is halved", ports: 1024, cloud: true,
				loads:  []work{{"hot", ground.Values{"NAME": "orders", "MAX": "600", "HEARTBEAT": "1s"}}},
				events: []event{setBlock(30*time.Second, 512)}, torn: span{29 * time.Second, 45 * time.Second},
				steady: span{55 * time.Second, sceneTime}, cause: "allocation-halved", verdicts: exhausted, fills: true},
			{name: "dns", about: "the name server does not answer", ports: 1024,
				loads:  []work{{"pooled", ground.Values{"NAME": "resolved"}}, {"dns", ground.Values{}}},
				events: []event{dropTowards("udp", "20.60.1.2:53")},
				cause:  "dns", verdicts: notSNAT},
			{name: "ephemeral", about: "150 connections wanted by a pod that has 100 ports", ports: 1024,
				loads:  []work{{"narrow", ground.Values{}}},
				steady: span{15 * time.Second, sceneTime}, cause: "ephemeral-ports", culprit: "narrow-", verdicts: notSNAT},
		}},
		{name: "honest and silent", holds: idle, lasts: 105 * time.Second, nodes: []scenario{
			{name: "too-small", about: "300 pooled connections of 6 pods to 2 destinations", ports: 128,
				loads: []work{{"pooled", ground.Values{"NAME": "honest", "REPLICAS": "6", "CONNS": "50", "INTERVAL": "2s",
					"DST": "20.60.1.16:8080,20.60.1.17:8080"}}},
				steady: span{20 * time.Second, sceneTime}, cause: "budget-too-small", verdicts: exhausted, fills: true},
			{name: "silent", about: "100 connections that say nothing, forgotten after 90 s", ports: 1024,
				loads:    []work{{"hot", ground.Values{"NAME": "silent", "MAX": "100", "HEARTBEAT": "0s"}}},
				verdicts: healthy},
			{name: "quiet", about: "two requests a second, and private chatter", ports: 1024,
				loads: []work{{"churner", ground.Values{"NAME": "quiet", "RATE": "2"}},
					{"private", ground.Values{"SERVERNODE": "node1"}}},
				// The hold after FIN has to pass before churn is steady.
				steady: span{50 * time.Second, sceneTime}, verdicts: healthy},
		}},
	}
}

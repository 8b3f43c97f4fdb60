package proof_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/snattop/snattop/internal/report"
)

// memory is the time constant of session.Level.
const memory = 30.0

// watch makes the level of a number that is read once a second, as a session
// does: older readings count ever less.
func watch(series []float64) *report.Level {
	var sum, squares, weight float64
	share := -math.Expm1(-1 / memory)
	for _, x := range series {
		sum = sum*(1-share) + x*share
		squares = squares*(1-share) + x*x*share
		weight = weight*(1-share) + share
	}
	mean := sum / weight
	return &report.Level{Mean: mean, SD: math.Sqrt(max(squares/weight-mean*mean, 0)), Seconds: float64(len(series))}
}

// load is one workload on one node, one pod.
type load struct {
	// mean and swing are of the gauge: swing is the standard deviation as a
	// share of the mean, memory the time constant by which it wanders.
	mean, swing, wander float64
	// opens is events a second, by chance (Poisson) unless steady.
	opens float64
	// fails is events a second.
	fails float64
	// window is for how long it is watched, in seconds.
	window int
}

// picture makes a report of a load at a time: one draw of its chance.
func (l load) picture(rng *rand.Rand, at time.Time) *report.Report {
	gauge := make([]float64, l.window)
	x := rng.NormFloat64()
	keep := 0.0
	if l.wander > 0 {
		keep = math.Exp(-1 / l.wander)
	}
	for i := range gauge {
		gauge[i] = math.Round(max(l.mean*(1+l.swing*x), 0))
		x = x*keep + math.Sqrt(1-keep*keep)*rng.NormFloat64()
	}
	return l.of(rng, gauge, at)
}

// churn makes a report of connections that come by chance and hold their ports
// for a time, so that the gauge is what chance makes of it.
func (l load) churn(rng *rand.Rand, hold int, at time.Time) *report.Report {
	began := make([]float64, hold+l.window)
	for i := range began {
		began[i] = poisson(rng, l.opens)
	}
	gauge := make([]float64, l.window)
	for i := range gauge {
		for _, n := range began[i+1 : i+1+hold] {
			gauge[i] += n
		}
	}
	return l.of(rng, gauge, at)
}

func (l load) of(rng *rand.Rand, gauge []float64, at time.Time) *report.Report {
	opens, fails := make([]float64, l.window), make([]float64, l.window)
	for i := range opens {
		opens[i], fails[i] = poisson(rng, l.opens), poisson(rng, l.fails)
	}
	return reportOf(at, float64(l.window), watch(gauge), watch(smooth(opens)), watch(smooth(fails)))
}

// smooth is how a session tells rates: an exponentially weighted mean of five
// seconds.
func smooth(events []float64) []float64 {
	share := -math.Expm1(-1 / 5.0)
	out, mean, weight := make([]float64, len(events)), 0.0, 0.0
	for i, x := range events {
		mean, weight = mean*(1-share)+x*share, weight*(1-share)+share
		out[i] = mean / weight
	}
	return out
}

func poisson(rng *rand.Rand, mean float64) float64 {
	if mean > 50 {
		return math.Round(max(mean+math.Sqrt(mean)*rng.NormFloat64(), 0))
	}
	limit, n := math.Exp(-mean), 0.0
	for p := rng.Float64(); p > limit; p *= rng.Float64() {
		n++
	}
	return n
}

// reportOf is a report of node1 with the pod shop/checkout-1, whose one
// destination holds everything.
func reportOf(at time.Time, window float64, ports, opens, fails *report.Level) *report.Report {
	estimate := int(math.Round(ports.Mean))
	levels := &report.Levels{Ports: ports, Open: ports, Opens: opens, Fails: fails}
	dest := &report.Levels{Open: ports, Opens: opens, Fails: fails}
	return &report.Report{
		Schema: report.Schema, GeneratedAt: at.UTC().Format(time.RFC3339), Window: window, Cluster: report.Cluster{Context: "prod", Provider: "azure-lb"},
		Nodes: []report.Node{{
			Name: "node1", Collector: "ebpf", State: "streaming", Verdict: "healthy", Levels: levels,
			Ports:          report.NodePorts{Bounds: report.Bounds{Min: &estimate, Estimate: &estimate, Max: &estimate}, BudgetSource: "unknown"},
			OpensPerSecond: &opens.Mean, FailedPerSecond: &fails.Mean,
		}},
		Pods: []report.Pod{{
			Node: "node1", Namespace: "shop", Name: "checkout-1", Owner: report.Workload{Kind: "Deployment", Name: "checkout"}, Levels: levels,
			Ports: report.Bounds{Min: &estimate, Estimate: &estimate, Max: &estimate}, OpensPerSecond: opens.Mean, ClosesPerSecond: opens.Mean, FailedPerSecond: &fails.Mean,
		}},
		Destinations: []report.Destination{{
			Node: "node1", Namespace: "shop", Pod: "checkout-1", Protocol: "tcp", IP: "20.60.1.9", Port: 443, Eligible: true, Established: estimate,
			OpensPerSecond: opens.Mean, FailedPerSecond: &fails.Mean, Levels: dest,
		}},
	}
}

func (l load) String() string {
	return fmt.Sprintf("%.0f ±%.0f %% wandering by %.0f s, %.1f opened and %.1f failed a second, watched for %d s", l.mean, 100*l.swing, l.wander, l.opens, l.fails, l.window)
}

// Package report turns pictures of a session into documents: JSON for scripts,
// a table for people. Nothing here waits or draws a screen.
package report

import (
	"cmp"
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
)

// Schema names the format of the JSON document.
const Schema = "snattop.report/v1"

// Report is the document snattop.report/v1. Numbers that are not known are
// null. Lists are never null, and worst first.
type Report struct {
	Schema       string        `json:"schema"`
	GeneratedAt  string        `json:"generated_at"`
	Window       float64       `json:"window_seconds"`
	Cluster      Cluster       `json:"cluster"`
	Loss         Loss          `json:"loss"`
	Nodes        []Node        `json:"nodes"`
	Pods         []Pod         `json:"pods"`
	Destinations []Destination `json:"destinations"`
	Findings     []Finding     `json:"findings"`
}

// Cluster names the whole.
type Cluster struct {
	Context       string `json:"context"`
	ServerVersion string `json:"server_version"`
	Provider      string `json:"provider"`
}

// Loss is what the report is known to lack.
type Loss struct {
	EventsLost          uint64   `json:"events_lost"`
	DestinationsDropped uint64   `json:"destinations_dropped"`
	NodesUnseen         []Unseen `json:"nodes_unseen"`
}

// Unseen is a node without numbers.
type Unseen struct {
	Node   string `json:"node"`
	Reason string `json:"reason"`
}

// Bounds are ports in use.
type Bounds struct {
	Min      *int `json:"min"`
	Estimate *int `json:"estimate"`
	Max      *int `json:"max"`
}

// NodePorts are a node's ports beside what it may use.
type NodePorts struct {
	Bounds
	Budget       *int   `json:"budget"`
	BudgetSource string `json:"budget_source"`
	MeasuredUsed *int   `json:"measured_used"`
}

// Conntrack is the node's connection tracking table.
type Conntrack struct {
	Count        *uint64 `json:"count"`
	Max          *uint64 `json:"max"`
	InsertFailed *uint64 `json:"insert_failed"`
	Drop         *uint64 `json:"drop"`
	EarlyDrop    *uint64 `json:"early_drop"`
	// Sources is who opened the tracked connections, most first; empty where
	// the probe does not tell.
	Sources []TrackedSource `json:"sources"`
}

// TrackedSource is who opened tracked connections. Local means that the
// address lives on the node, so its sockets are in the report as well.
type TrackedSource struct {
	IP    string `json:"ip"`
	Name  string `json:"name"`
	TCP   int    `json:"tcp"`
	UDP   int    `json:"udp"`
	Local bool   `json:"local"`
}

// Feature is what a probe found on its node: "yes", "no" or "could not tell".
type Feature struct {
	Name   string `json:"name"`
	Answer string `json:"answer"`
	Detail string `json:"detail"`
}

// Handover is a collector that failed while it ran, and who took over.
type Handover struct {
	At     string `json:"at"`
	From   string `json:"from"`
	To     string `json:"to"`
	Reason string `json:"reason"`
}

// Node is one node's row.
type Node struct {
	Name              string    `json:"name"`
	InternalIP        string    `json:"internal_ip"`
	Collector         string    `json:"collector"`
	State             string    `json:"state"`
	Error             string    `json:"error"`
	Ports             NodePorts `json:"ports"`
	EstablishedPublic *int      `json:"established_public"`
	SynSentPublic     *int      `json:"syn_sent_public"`
	Cooling           *int      `json:"cooling"`
	OpensPerSecond    *float64  `json:"opens_per_second"`
	FailedPerSecond   *float64  `json:"failed_per_second"`
	Conntrack         Conntrack `json:"conntrack"`
	SecondsToFull     *float64  `json:"seconds_to_full"`
	Verdict           string    `json:"verdict"`
	Why               []string  `json:"why"`

	Features  []Feature  `json:"features"`
	Handovers []Handover `json:"handovers"`
	// ProbeCPU is what the probe costs its node.
	ProbeCPU *float64 `json:"probe_cpu_ms_per_second"`
	// CrossCheck is what sockets, connection tracking and the cloud count.
	CrossCheck CrossCheck `json:"cross_check"`
	// Levels is nil in reports of versions that did not tell it.
	Levels *Levels `json:"levels"`
	// Scoped lists the pods that are seen when not the whole node is.
	Scoped []string `json:"scoped"`
}

// Workload is what made a pod, or the unit or command of a host process.
type Workload struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// Pod is one owner's row. Namespace and Name are empty for a process of the
// host that belongs to no pod.
type Pod struct {
	Node              string   `json:"node"`
	Namespace         string   `json:"namespace"`
	Name              string   `json:"name"`
	UID               string   `json:"uid"`
	Owner             Workload `json:"owner"`
	HostNetwork       bool     `json:"host_network"`
	Ports             Bounds   `json:"ports"`
	EstablishedPublic int      `json:"established_public"`
	SynSentPublic     *int     `json:"syn_sent_public"`
	Cooling           int      `json:"cooling"`
	OpensPerSecond    float64  `json:"opens_per_second"`
	ClosesPerSecond   float64  `json:"closes_per_second"`
	FailedPerSecond   *float64 `json:"failed_per_second"`
	Cause             string   `json:"cause"`
	Levels            *Levels  `json:"levels"`
}

// Destination is one destination of one owner.
type Destination struct {
	Node            string    `json:"node"`
	Namespace       string    `json:"namespace"`
	Pod             string    `json:"pod"`
	Protocol        string    `json:"protocol"`
	IP              string    `json:"ip"`
	Port            uint16    `json:"port"`
	Name            string    `json:"name"`
	Eligible        bool      `json:"eligible"`
	WhyNot          string    `json:"why_not"`
	Established     int       `json:"established"`
	SynSent         *int      `json:"syn_sent"`
	Cooling         int       `json:"cooling"`
	OpensPerSecond  float64   `json:"opens_per_second"`
	FailedPerSecond *float64  `json:"failed_per_second"`
	Processes       []Process `json:"processes"`

	// What only some collectors see: null with the others.
	Resets         *float64 `json:"resets_per_second"`
	Refused        *float64 `json:"refused_per_second"`
	TimedOut       *float64 `json:"timed_out_per_second"`
	NoPort         *float64 `json:"no_port_per_second"`
	SynRetransmits *float64 `json:"syn_retransmits_per_second"`
	Life           *Life    `json:"life_ms"`
	Levels         *Levels  `json:"levels"`
}

// Life is how long the connections had been established that have ended: half
// of them for less than P50, nine of ten for less than P90. A bound is null
// where they lived for longer than the histogram reaches.
type Life struct {
	P50 *int64 `json:"p50_below"`
	P90 *int64 `json:"p90_below"`
}

// Process holds connections to a destination. PID is the node's; 0 with an
// empty command means that the kernel names no process.
type Process struct {
	PID         int    `json:"pid"`
	Command     string `json:"command"`
	Container   string `json:"container"`
	Established int    `json:"established"`
}

// Finding is a conclusion with its evidence. Confidence is how sure a cause is:
// "low", "medium" or "high", and empty for findings of other kinds.
type Finding struct {
	ID         string     `json:"id"`
	Severity   string     `json:"severity"`
	Confidence string     `json:"confidence"`
	Subject    string     `json:"subject"`
	Summary    string     `json:"summary"`
	Evidence   []Evidence `json:"evidence"`
	Remedies   []Remedy   `json:"remedies"`
}

// Evidence is a command and what it printed.
type Evidence struct {
	Command string `json:"command"`
	Output  string `json:"output"`
	// Text says what it shows; Basis is whether its figures were counted on the
	// node, estimated from that, or measured by the cloud.
	Text  string `json:"text"`
	Basis string `json:"basis"`
}

// Remedy is a sentence and a command to copy, with what to mind before.
type Remedy struct {
	Text    string `json:"text"`
	Command string `json:"command"`
	Warning string `json:"warning"`
}

// Filter narrows a report. Empty fields let everything through.
type Filter struct {
	// Node is a node's name or internal address.
	Node string
	// Namespace and Pod match exactly.
	Namespace, Pod string
}

// Empty reports whether the filter lets everything through.
func (f Filter) Empty() bool { return f == Filter{} }

func (f Filter) node(n *session.Node) bool {
	return f.Node == "" || f.Node == n.Name || f.Node == n.InternalIP
}

func (f Filter) owner(o *session.Owner) bool {
	return (f.Namespace == "" || f.Namespace == o.Namespace) && (f.Pod == "" || f.Pod == o.Name)
}

// Build makes a report of a picture. window is how long was measured.
func Build(s *session.Snapshot, f Filter, generated time.Time, window time.Duration) *Report {
	return build(s, f, generated, window, true)
}

// Numbers is Build of everything without what is made of the numbers: no causes,
// no findings and no cross-checks. That is all that a comparison looks at, and
// takes half of the time.
func Numbers(s *session.Snapshot, generated time.Time, window time.Duration) *Report {
	return build(s, Filter{}, generated, window, false)
}

func build(s *session.Snapshot, f Filter, generated time.Time, window time.Duration, whole bool) *Report {
	r := &Report{
		Schema: Schema, GeneratedAt: generated.UTC().Format(time.RFC3339), Window: round(window.Seconds()),
		Cluster: Cluster{Context: s.Cluster.Context, ServerVersion: s.Cluster.ServerVersion, Provider: string(s.Cluster.Provider)},
		Loss:    Loss{EventsLost: s.Loss.EventsLost, DestinationsDropped: s.Loss.DestinationsDropped, NodesUnseen: []Unseen{}},
		Nodes:   []Node{}, Pods: []Pod{}, Destinations: []Destination{}, Findings: []Finding{},
	}
	type row struct {
		*session.Owner
		node *session.Node
	}
	var owners []row
	verdicts := make(map[string]int, len(s.Nodes))
	diagnoses := make(map[string]*runbook.Diagnosis, len(s.Nodes))
	for _, n := range s.Nodes {
		if !f.node(n) {
			continue
		}
		verdicts[n.Name] = n.Verdict.Rank()
		one, d := node(n), &runbook.Diagnosis{}
		if whole {
			d = runbook.Diagnose(s, n)
			one.CrossCheck = crossCheck(s, n)
			r.Findings = append(r.Findings, findings(n, d)...)
		}
		diagnoses[n.Name] = d
		r.Nodes = append(r.Nodes, one)
		for _, o := range n.Owners {
			if f.owner(o) {
				owners = append(owners, row{o, n})
			}
		}
	}
	if whole {
		r.Findings = append(worstFirst(r.Findings), cloudFindings(s)...)
	}
	for _, u := range s.Loss.NodesUnseen {
		if _, ok := verdicts[u.Node]; ok {
			r.Loss.NodesUnseen = append(r.Loss.NodesUnseen, Unseen{Node: u.Node, Reason: u.Reason})
		}
	}
	// Pods of every node stand in one list, the worst of the cluster first: a
	// few ports on a node that has none left are worse than many on another.
	slices.SortStableFunc(owners, func(a, b row) int {
		if c := cmp.Or(cmp.Compare(verdicts[a.Node], verdicts[b.Node]), cmp.Compare(b.Ports.Estimate, a.Ports.Estimate)); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(a.Title(), b.Title()), cmp.Compare(a.Node, b.Node))
	})
	dests := 0
	for _, o := range owners {
		r.Pods = append(r.Pods, pod(o.node, o.Owner, diagnoses[o.node.Name]))
		dests += o.NumDests()
	}
	flows := make([]flow, 0, dests)
	for i, o := range owners {
		verdict, attempts := verdicts[o.Node], o.node.Sight().Attempts
		for _, d := range o.Dests() {
			flows = append(flows, flowOf(d, i, verdict, attempts))
		}
	}
	slices.SortStableFunc(flows, flow.compare)
	r.Destinations = slices.Grow(r.Destinations, len(flows))
	for i := range flows {
		o := owners[flows[i].owner]
		r.Destinations = append(r.Destinations, destination(o.node, o.Owner, flows[i].dest))
	}
	clean(reflect.ValueOf(r))
	return r
}

// flow is a destination and what it is ordered by; a Destination is large, and
// is made where it belongs.
type flow struct {
	dest *session.Dest
	// owner is its place among the owners.
	owner                int
	eligible             bool
	verdict, connections int
}

func flowOf(d *session.Dest, owner, verdict int, attempts bool) flow {
	f := flow{dest: d, owner: owner, eligible: d.Eligible, verdict: verdict, connections: d.Established + d.Cooling}
	if attempts {
		f.connections += d.SynSent
	}
	return f
}

// compare puts first what takes ports, then what is of the worst nodes, then
// what is the most.
func (f flow) compare(o flow) int {
	if f.eligible != o.eligible {
		if f.eligible {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(f.verdict, o.verdict), cmp.Compare(o.connections, f.connections))
}

// clean keeps the promise that no text of a report holds control characters,
// wherever the picture came from.
func clean(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(sanitize.Text(v.String()))
	case reflect.Pointer:
		if !v.IsNil() {
			clean(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			clean(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			clean(v.Index(i))
		}
	default:
	}
}

// reportState folds the states that last only while a node is being reached:
// a report that did not wait for a node did not reach it.
func reportState(s session.State) string {
	switch s {
	case session.StateStreaming, session.StateDenied, session.StateNotLinux, session.StateUnreachable:
		return string(s)
	case session.StateWaiting, session.StateConnecting:
		return string(session.StateUnreachable)
	default:
		return string(session.StateUnreachable)
	}
}

func node(n *session.Node) Node {
	out := Node{
		Name: n.Name, InternalIP: n.InternalIP, Collector: n.Collector, State: reportState(n.State), Error: cmp.Or(n.Error, n.Progress),
		Ports:   NodePorts{BudgetSource: string(cmp.Or(n.Budget.Source, snat.BudgetUnknown))},
		Verdict: string(n.Verdict), Why: append([]string{}, n.Why...),
		Features: features(n), Handovers: handovers(n), Conntrack: Conntrack{Sources: tracked(n)},
		Levels: levels(n, n.Levels), Scoped: append([]string{}, n.Scoped...),
	}
	if n.State == session.StateStreaming {
		out.Error = n.Error
	}
	if n.Budget.Known() {
		out.Ports.Budget = ptr(n.Budget.Ports)
	}
	if n.Measured != nil {
		out.Ports.MeasuredUsed = n.Measured.TCP.Used
	}
	if n.LastTick.IsZero() {
		return out
	}
	out.SecondsToFull = secondsToFull(n)
	out.Ports.Bounds = bounds(n.Ports)
	out.EstablishedPublic, out.SynSentPublic, out.Cooling = ptr(n.EstablishedPublic), attempts(n, n.SynSentPublic), ptr(n.Cooling)
	out.OpensPerSecond, out.FailedPerSecond = ptr(round(n.OpensPerSecond)), attempts(n, round(n.FailedPerSecond))
	if n.ProbeCPU > 0 {
		out.ProbeCPU = ptr(round(n.ProbeCPU))
	}
	if c := n.Conntrack; c != nil {
		out.Conntrack.Count, out.Conntrack.Max = &c.Count, &c.Max
		out.Conntrack.InsertFailed, out.Conntrack.Drop, out.Conntrack.EarlyDrop = &c.InsertFailed, &c.Drop, &c.EarlyDrop
	}
	return out
}

func pod(n *session.Node, o *session.Owner, d *runbook.Diagnosis) Pod {
	return Pod{
		Node: o.Node, Namespace: o.Namespace, Name: o.Name, UID: o.UID,
		Owner: Workload{Kind: o.Workload.Kind, Name: o.Workload.Name}, HostNetwork: o.HostNetwork,
		Ports: bounds(o.Ports), EstablishedPublic: o.EstablishedPublic, SynSentPublic: attempts(n, o.SynSentPublic), Cooling: o.Cooling,
		OpensPerSecond: round(o.OpensPerSecond), ClosesPerSecond: round(o.ClosesPerSecond), FailedPerSecond: attempts(n, round(o.FailedPerSecond)),
		Cause: causeOf(d, o), Levels: levels(n, o.Levels),
	}
}

func destination(n *session.Node, o *session.Owner, d *session.Dest) Destination {
	out := Destination{
		Node: o.Node, Namespace: o.Namespace, Pod: o.Name, Protocol: d.Protocol.String(), IP: d.IP.String(), Port: d.Port, Name: d.Name,
		Eligible: d.Eligible, WhyNot: d.WhyNot, Established: d.Established, SynSent: attempts(n, d.SynSent), Cooling: d.Cooling,
		OpensPerSecond: round(d.OpensPerSecond), FailedPerSecond: attempts(n, round(d.FailedPerSecond)), Processes: []Process{},
		Life: life(d.Lives), Levels: destLevels(n, d),
	}
	if t := d.Trouble; t != nil && n.Counting() {
		out.Resets, out.Refused, out.TimedOut, out.NoPort = ptr(round(t.Resets)), ptr(round(t.Refused)), ptr(round(t.TimedOut)), ptr(round(t.NoPort))
		out.SynRetransmits = ptr(round(t.SynRetransmits))
	}
	for _, p := range d.Processes {
		out.Processes = append(out.Processes, Process{PID: p.PID, Command: p.Command, Container: p.Container, Established: p.Established})
	}
	return out
}

func bounds(p snat.Ports) Bounds {
	return Bounds{Min: ptr(p.Min), Estimate: ptr(p.Estimate), Max: ptr(p.Max)}
}

func ptr[T any](v T) *T { return &v }

// round keeps two decimals: more would be noise.
func round(f float64) float64 { return math.Round(f*100) / 100 }

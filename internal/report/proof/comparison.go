package proof

// Schema names the format of the JSON document.
const Schema = "snattop.compare/v1"

// Comparison is the document snattop.compare/v1. Numbers that are not known
// are null. Lists are never null, and worst first.
type Comparison struct {
	Schema string `json:"schema"`
	// Answer is of the whole: more when any node or workload is worse beyond
	// noise, cannot tell when a node that was seen cannot be compared,
	// else less when any is, else same.
	Answer   Answer `json:"answer"`
	Sentence string `json:"sentence"`
	Before   Taken  `json:"before"`
	After    Taken  `json:"after"`
	// SecondsBetween is how long after the one the other was taken; nil when
	// either does not tell.
	SecondsBetween *float64      `json:"seconds_between"`
	Cautions       []Caution     `json:"cautions"`
	Nodes          []Node        `json:"nodes"`
	Workloads      []Workload    `json:"workloads"`
	Pods           []Pod         `json:"pods"`
	Destinations   []Destination `json:"destinations"`
}

// Taken is one side.
type Taken struct {
	// File is where it was read from; "" for a picture on the screen.
	File        string  `json:"file"`
	GeneratedAt string  `json:"generated_at"`
	Window      float64 `json:"window_seconds"`
	Context     string  `json:"context"`
	Provider    string  `json:"provider"`
	// Hold is for how long the provider keeps a port after its connection has
	// closed.
	Hold float64 `json:"hold_seconds"`
}

// Caution is something that whoever reads the comparison should know before
// believing it.
type Caution struct {
	// Subject is "node/NAME", "workload/NAMESPACE/NAME" or "" for the whole.
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

// Row is what all subjects have.
type Row struct {
	// Answer and Why are those of Ports; of a destination, which has no ports
	// of its own, those of Open.
	Answer Answer `json:"answer"`
	Why    string `json:"why"`
	// Ports are estimated ports in use, nil for a destination; Open is
	// established and closing connections; the others are events a second.
	Ports *Figure `json:"ports"`
	Open  Figure  `json:"open"`
	Opens Figure  `json:"opens_per_second"`
	Fails Figure  `json:"failed_per_second"`
}

// Node is a node on both sides.
type Node struct {
	Name string `json:"name"`
	Row
	// Measured is the cloud's own figure. It is told once a minute without
	// any swing, so it is shown and not judged.
	Measured Pair `json:"measured_used"`
	Budget   Pair `json:"budget"`

	// decides is false when neither side saw the node.
	decides bool
}

// Pair is a whole number on both sides; nil where it is not known.
type Pair struct {
	Before *int     `json:"before"`
	After  *int     `json:"after"`
	Change *float64 `json:"change_percent"`
}

// Workload is what made some pods, or a unit of the hosts, with the sums over
// all of its pods.
type Workload struct {
	Namespace string `json:"namespace"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	// Pods is how many pods held flows.
	Pods Pair `json:"pods"`
	Row
}

// Pod is one pod; Namespace and Name are empty for a unit of the host, which
// Owner then names.
type Pod struct {
	Node      string `json:"node"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Owner     string `json:"owner"`
	Row
}

// Destination is one destination of one workload, summed over its pods.
type Destination struct {
	Namespace string `json:"namespace"`
	Kind      string `json:"kind"`
	Workload  string `json:"workload"`
	Protocol  string `json:"protocol"`
	IP        string `json:"ip"`
	Port      uint16 `json:"port"`
	Row
	address string
}

// Title is how a workload is called: "shop/checkout", or "host: sshd.service".
func (w *Workload) Title() string { return title(w.Namespace, w.Kind, w.Name) }

// Title is how a pod is called.
func (p *Pod) Title() string {
	if p.Name == "" {
		return "host: " + p.Owner + " (" + p.Node + ")"
	}
	return join(p.Namespace, p.Name)
}

// Title is how a destination is called: its address, protocol and workload.
func (d *Destination) Title() string { return d.Target() + " of " + d.Whose() }

// Target is the destination alone: "20.60.1.9:443 tcp".
func (d *Destination) Target() string { return d.address + " " + d.Protocol }

// Whose is the destination's workload.
func (d *Destination) Whose() string { return title(d.Namespace, d.Kind, d.Workload) }

func title(namespace, kind, name string) string {
	switch kind {
	case hostKind:
		return name
	case "unit", "process", "netns":
		return "host: " + name
	default:
		return join(namespace, name)
	}
}

func join(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "/" + name
}

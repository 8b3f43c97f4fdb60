package redact

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
)

// Kinds of names, as pseudonyms begin.
const (
	kindCluster   = "cluster"
	kindNode      = "node"
	kindNamespace = "ns"
	kindPod       = "pod"
	kindWorkload  = "workload"
	kindContainer = "container"
	kindService   = "service"
	kindProcess   = "process"
	kindUnit      = "unit"
	kindCloud     = "cloud"
	kindPort      = "port"
	kindName      = "name"
	kindID        = "id"
)

// Bounds of what is remembered: more than any session holds.
const maxNames = 2_000_000

// tagLength is how many characters of a hash a pseudonym has at first; one that
// is taken by another name gets more.
const tagLength = 6

// Redactor knows the pseudonyms of one run. It is safe for concurrent use.
type Redactor struct {
	key []byte

	mu sync.Mutex
	// pseudonyms are by kind and name, taken by themselves; words are the names
	// that texts are searched for.
	pseudonyms map[[2]string]string
	taken      map[string]bool
	words      map[string]string
	// realNode is a node's name by its pseudonym.
	realNode map[string]string

	addresses
	ownEgress []string
}

// New returns a redactor. Equal keys give equal pseudonyms for names; addresses
// also depend on the order in which they come. opts are what the operator
// decided: Options returns what is left of them.
func New(key []byte, opts session.Options) *Redactor {
	r := &Redactor{
		key: slices.Clone(key), pseudonyms: map[[2]string]string{}, taken: map[string]bool{}, words: map[string]string{},
		realNode: map[string]string{}, addresses: newAddresses(opts.Private), ownEgress: slices.Clone(opts.OwnEgress),
	}
	return r
}

// Options are the session's options without names and addresses: what they say
// of them is told with the events.
func (*Redactor) Options(opts session.Options) session.Options {
	opts.Private, opts.OwnEgress = nil, nil
	return opts
}

func (r *Redactor) hash(kind, name string) []byte {
	h := hmac.New(sha256.New, r.key)
	h.Write([]byte(kind))
	h.Write([]byte{0})
	h.Write([]byte(name))
	return h.Sum(nil)
}

var alphabet = base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding)

// name returns the pseudonym of a name: "pod-k3f9q2".
func (r *Redactor) name(kind, name string) string {
	if name == "" {
		return ""
	}
	at := [2]string{kind, name}
	if p, ok := r.pseudonyms[at]; ok {
		return p
	}
	tag := alphabet.EncodeToString(r.hash(kind, name))
	p := ""
	for n := tagLength; n <= len(tag); n++ {
		if p = kind + "-" + tag[:n]; !r.taken[p] {
			break
		}
	}
	if len(r.pseudonyms) < maxNames {
		r.pseudonyms[at], r.taken[p] = p, true
		if len(name) > 1 && !vocabulary[strings.ToLower(name)] && r.words[name] == "" {
			r.words[name] = p
		}
	}
	return p
}

// id returns the pseudonym of a UID or the like, of the same look.
func (r *Redactor) id(id string) string {
	if id == "" {
		return ""
	}
	h := hex.EncodeToString(r.hash(kindID, id))
	if len(id) == 36 && strings.Count(id, "-") == 4 {
		return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:32]
	}
	return h[:max(12, min(len(h), len(id)))]
}

func (r *Redactor) ids(list []string) []string { return each(list, r.id) }

func each[T any](list []T, f func(T) T) []T {
	if list == nil {
		return nil
	}
	out := make([]T, len(list))
	for i, v := range list {
		out[i] = f(v)
	}
	return out
}

func (r *Redactor) node(name string) string {
	p := r.name(kindNode, name)
	r.realNode[p] = name
	return p
}

// namespace keeps the namespaces that every cluster has.
func (r *Redactor) namespace(name string) string {
	switch name {
	case "default", "kube-system", "kube-public", "kube-node-lease":
		return name
	default:
		return r.name(kindNamespace, name)
	}
}

// pod is "namespace/name" as both are called now.
func (r *Redactor) pod(name string) string {
	ns, pod, ok := strings.Cut(name, "/")
	if !ok {
		return r.name(kindPod, name)
	}
	return r.namespace(ns) + "/" + r.name(kindPod, pod)
}

// Node is what a node is called now, by its name or address; what is no node's
// name stays nobody's.
func (r *Redactor) Node(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if name == "" {
		return ""
	}
	if ip, err := netip.ParseAddr(name); err == nil {
		return r.ip(ip).String()
	}
	return r.name(kindNode, name)
}

// Pod is what a pod and its namespace are called now; empty stays empty.
func (r *Redactor) Pod(namespace, name string) (string, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.namespace(namespace), r.name(kindPod, name)
}

// Learn makes names known that texts may speak of, though no event tells them:
// contexts, clusters and users of the operator.
func (r *Redactor) Learn(names ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range names {
		r.name(kindName, n)
	}
}

// runtimes are programs that say in what a process is written, or that run on
// every node: they name nobody, and a remedy depends on them.
var runtimes = []string{
	"node", "npm", "yarn", "java", "python", "gunicorn", "uvicorn", "celery", "dotnet", "ruby", "php", "perl", "go run",
	"kubelet", "kube-proxy", "containerd", "dockerd", "crio", "sshd", "systemd-resolved", "systemd-timesyncd", "chronyd", "coredns",
}

// command keeps what a process is run by, and nothing of its arguments.
func (r *Redactor) command(command string) string {
	if command == "" {
		return ""
	}
	p := r.name(kindProcess, command)
	words := strings.Fields(command)
	if len(words) == 0 {
		return p
	}
	base := words[0][strings.LastIndexByte(words[0], '/')+1:]
	if base == "go" && len(words) > 1 && words[1] == "run" {
		return "go run " + p
	}
	if strings.HasSuffix(base, ".dll") {
		base = "dotnet"
	}
	if slices.Contains(runtimes, strings.TrimRight(base, "0123456789.")) {
		return base + " " + p
	}
	return p
}

// unit names a systemd unit or a process of the host.
func (r *Redactor) unit(unit string) string {
	name, suffix := unit, ""
	for _, s := range []string{".service", ".scope", ".socket", ".slice"} {
		if n, ok := strings.CutSuffix(unit, s); ok {
			name, suffix = n, s
		}
	}
	switch {
	case unit == "", slices.Contains(runtimes, name):
		return unit
	case suffix != "":
		return r.name(kindUnit, name) + suffix
	default:
		return r.name(kindProcess, unit)
	}
}

// workload keeps kinds that Kubernetes itself has.
func (r *Redactor) workload(w session.Workload) session.Workload {
	switch w.Kind {
	case "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController", "Job", "CronJob", "Node", "":
	default:
		w.Kind = "Workload"
	}
	if w.Kind == "Node" {
		w.Name = r.node(w.Name)
		return w
	}
	w.Name = r.name(kindWorkload, w.Name)
	return w
}

// egress says why a pod takes no port of its node.
func (r *Redactor) egress(why string) string {
	const static = "static egress gateway "
	if gateway, ok := strings.CutPrefix(why, static); ok {
		return static + r.name(kindName, gateway)
	}
	return r.text(why)
}

// declared reports whether the operator named a pod as one with a way out of
// its own.
func (r *Redactor) declared(namespace, name string) bool {
	for _, of := range r.ownEgress {
		ns, begins, _ := strings.Cut(of, "/")
		if ns == namespace && strings.HasPrefix(name, begins) {
			return true
		}
	}
	return false
}

// settings takes in what a recording declares, and leaves of it what names
// nobody.
func (r *Redactor) settings(s *session.Settings) *session.Settings {
	for _, p := range s.Private {
		if p.Prefix.IsValid() && len(r.operator) < maxRanges {
			r.operator = append(r.operator, snat.Range(p))
		}
	}
	r.classify()
	if len(r.ownEgress) < maxRanges {
		r.ownEgress = append(r.ownEgress, s.OwnEgress...)
	}
	return &session.Settings{Provider: s.Provider, SNATPorts: s.SNATPorts, Timers: s.Timers}
}

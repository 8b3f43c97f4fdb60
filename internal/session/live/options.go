package live

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/user"
	"time"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/nodepod"
	"github.com/snattop/snattop/k8s/payload"
)

// Options say how a cluster is to be looked at. The zero value serves.
type Options struct {
	// Namespace is watched for pods and services when all of them are
	// forbidden.
	Namespace string
	// DebugNamespace holds the node pods; "" means kube-system.
	DebugNamespace string
	// Image, ProbeImage and PullSecret are --image, --probe-image and
	// --image-pull-secret.
	Image, ProbeImage, PullSecret string
	// Collector is the probe's; "" means "auto".
	Collector string
	// Interval is the time between ticks; 0 means a second.
	Interval time.Duration
	// Nodes restricts the session to nodes of these names or addresses.
	Nodes []string
	// MaxNodes bounds the nodes that are looked at, by name; 0: no bound.
	MaxNodes int
	// Pods ("namespace/name") are looked at one by one, with an ephemeral
	// container, on nodes where node pods are refused.
	Pods []string
	// Cloud tells what the cloud measures; nil asks no cloud.
	Cloud cloud.Watcher
	// Consent is asked once before ephemeral containers, which can never be
	// removed, are added to pods; nil means no.
	Consent func(ctx context.Context, pods []string) bool
	// Deadline is the whole life of a node pod and its probe; 0 means an hour.
	// A session that lasts longer makes new ones.
	Deadline time.Duration
	// Minimal asks for a set of capabilities in place of "privileged".
	Minimal bool
	// Suffix returns a short random name of lower-case letters and digits; nil
	// takes one from the system's randomness.
	Suffix func() string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Payload hands out probes; nil means those of this build.
	Payload *payload.Store
	// Parallel bounds the nodes that are being reached at the same time; 0
	// means 16.
	Parallel int
}

const (
	defaultParallel = 16
	defaultInterval = time.Second
	// cleanupTime bounds the removal of our pods when a session ends.
	cleanupTime = 12 * time.Second
)

func (o Options) withDefaults() Options {
	if o.DebugNamespace == "" {
		o.DebugNamespace = nodepod.DefaultNamespace
	}
	if o.Interval <= 0 {
		o.Interval = defaultInterval
	}
	if o.Deadline <= 0 {
		o.Deadline = nodepod.DefaultDeadline
	}
	if o.Suffix == nil {
		o.Suffix = randomSuffix
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Payload == nil {
		o.Payload = payload.New()
	}
	if o.Parallel <= 0 {
		o.Parallel = defaultParallel
	}
	return o
}

// New returns the source of a live cluster. Nothing is sent before Run.
func New(client *k8s.Client, opts Options) session.Source {
	opts = opts.withDefaults()
	return newSource(newReach(client, opts), opts)
}

// randomSuffix returns five letters that cannot spell a word.
func randomSuffix() string {
	const letters = "bcdfghjklmnpqrstvwxz2456789"
	b := make([]byte, 5)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return string(b)
}

// Whoami names the operator, as user@host, in what is made and written.
func Whoami() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s@%s", name, host)
}

package apiserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/k8s"
)

// tooMany is from how many revisions a release is a problem: three times what
// Helm keeps by default since version 3 (--history-max 10). Helm 2 keeps all.
//
// Source: Helm, "helm upgrade", --history-max; "helm init", --history-max.
const tooMany = 30

const (
	// maxReleases is how many releases are told one by one, the largest first.
	maxReleases = 5
	// maxSampled bounds what is counted of one revision, in bytes: no object
	// in etcd is larger than 1.5 MB.
	maxSampled = 4 << 20
	helmLimit  = 20 * time.Second
)

// kept is where Helm keeps its history: one object for each revision.
type kept struct {
	kind, path string
	query      url.Values
	// name and version are the labels that hold them.
	name, version string
	two           bool
}

// stores are the drivers of Helm's storage.
//
// Source: Helm, "Advanced Helm techniques", storage backends; pkg/storage/driver
// (secrets.go, cfgmaps.go); Helm 2, pkg/storage/driver/cfgmaps.go.
func stores() []kept {
	return []kept{
		{kind: "secret", path: "/api/v1/secrets", query: url.Values{"fieldSelector": {"type=helm.sh/release.v1"}}, name: "name", version: "version"},
		{kind: "configmap", path: "/api/v1/configmaps", query: url.Values{"labelSelector": {"owner=helm"}}, name: "name", version: "version"},
		{kind: "configmap", path: "/api/v1/configmaps", query: url.Values{"labelSelector": {"OWNER=TILLER"}}, name: "NAME", version: "VERSION", two: true},
	}
}

// release is one release's history.
type release struct {
	store           kept
	namespace, name string
	revisions       int
	// newest is the object of the newest revision.
	newest  string
	version int
	// bytes is an estimate: the newest one's size for each; 0 when unknown.
	bytes int64
}

func (r *release) subject() string { return "release/" + r.namespace + "/" + r.name }

type history struct {
	releases map[string]*release
	objects  int
	more     bool
}

// maxKept bounds the releases that are remembered.
const maxKept = 20000

func (h *history) add(store kept, o *metav1.PartialObjectMetadata) {
	name := o.Labels[store.name]
	if name == "" {
		return
	}
	h.objects++
	key := store.kind + "/" + strconv.FormatBool(store.two) + "/" + o.Namespace + "/" + name
	r := h.releases[key]
	if r == nil {
		if len(h.releases) >= maxKept {
			return
		}
		r = &release{store: store, namespace: o.Namespace, name: name}
		h.releases[key] = r
	}
	r.revisions++
	version, err := strconv.Atoi(o.Labels[store.version])
	if r.newest == "" || err == nil && version > r.version {
		r.newest, r.version = o.Name, version
	}
}

// sorted are the releases, those with the most revisions first.
func (h *history) sorted() []*release {
	all := make([]*release, 0, len(h.releases))
	for _, r := range h.releases {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *release) int {
		return cmp.Or(cmp.Compare(b.revisions, a.revisions), strings.Compare(a.subject(), b.subject()), strings.Compare(a.store.kind, b.store.kind))
	})
	return all
}

// checkHelm answers whether releases keep too many revisions. It lists names
// and labels; of the releases that it names it counts the bytes of the newest
// revision, and reads none of it.
func checkHelm(ctx context.Context, l *step.Look, found func(step.Step)) {
	ctx, cancel := context.WithTimeout(ctx, helmLimit)
	defer cancel()
	api, err := l.Cluster(ctx)
	if err != nil {
		found(unknown(subjectCluster, err))
		return
	}
	h, err := readHistory(ctx, api)
	all := h.sorted()
	bad := slices.DeleteFunc(slices.Clone(all), func(r *release) bool { return r.revisions < tooMany })
	evidence := step.Evidence{Command: "kubectl get secrets -A --field-selector type=helm.sh/release.v1 -o custom-columns=NS:.metadata.namespace,RELEASE:.metadata.labels.name --no-headers | sort | uniq -c | sort -rn | head", Output: table(all)}
	switch {
	case len(bad) > 0:
		tellReleases(ctx, api, bad, evidence, found)
	case err != nil:
		found(unknown(subjectCluster, err))
	case h.more:
		found(step.Step{Subject: subjectCluster, Verdict: step.Unknown, Evidence: []step.Evidence{evidence},
			Summary: fmt.Sprintf("there are more than %d objects of Helm's; of those that were counted, no release has %d revisions", k8s.MaxMeta, tooMany)})
	case len(all) == 0:
		found(step.Step{Subject: subjectCluster, Verdict: step.NotApplicable, Evidence: []step.Evidence{evidence}, Summary: "there are no releases of Helm's"})
	default:
		found(step.Step{Subject: subjectCluster, Verdict: step.OK, Evidence: []step.Evidence{evidence},
			Summary: fmt.Sprintf("%d releases with %d revisions, at most %d each", len(all), h.objects, all[0].revisions)})
	}
}

func readHistory(ctx context.Context, api *k8s.Client) (*history, error) {
	h := &history{releases: map[string]*release{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	all := stores()
	failed := make([]error, len(all))
	for i, store := range all {
		wg.Go(func() {
			more, err := api.Metadata(ctx, store.path, store.query, func(o *metav1.PartialObjectMetadata) {
				mu.Lock()
				defer mu.Unlock()
				h.add(store, o)
			})
			mu.Lock()
			defer mu.Unlock()
			h.more, failed[i] = h.more || more, err
		})
	}
	wg.Wait()
	for _, err := range failed {
		if err != nil {
			return h, fmt.Errorf("looking for Helm's history: %w", err)
		}
	}
	return h, errors.Join()
}

func tellReleases(ctx context.Context, api *k8s.Client, bad []*release, evidence step.Evidence, found func(step.Step)) {
	shown := bad[:min(len(bad), maxReleases)]
	var wg sync.WaitGroup
	for _, r := range shown {
		wg.Go(func() {
			path := "/api/v1/namespaces/" + url.PathEscape(r.namespace) + "/" + r.store.kind + "s/" + url.PathEscape(r.newest)
			if n, err := api.Size(ctx, path, maxSampled); err == nil {
				r.bytes = n * int64(r.revisions)
			}
		})
	}
	wg.Wait()
	for _, r := range shown {
		s := step.Step{Subject: r.subject(), Verdict: step.Problem, Remedies: r.remedies(), Evidence: []step.Evidence{evidence}}
		size := "; their size could not be read"
		if r.bytes > 0 {
			size = ", about " + size10(r.bytes) + " (the newest one's size for each)"
			s.Evidence = append(s.Evidence, step.Evidence{
				Command: "kubectl get " + r.store.kind + " -n " + r.namespace + " " + r.newest + " -o json | wc -c", Output: strconv.FormatInt(r.bytes/int64(r.revisions), 10),
			})
		}
		s.Summary = fmt.Sprintf("release %s in namespace %s keeps %d revisions as %ss%s", r.name, r.namespace, r.revisions, r.store.kind, size)
		if n := len(bad) - len(shown); n > 0 {
			s.Summary += fmt.Sprintf("; %d more releases keep %d or more", n, tooMany)
		}
		found(s)
	}
}

func table(all []*release) string {
	if len(all) == 0 {
		return "No resources found"
	}
	var lines []string
	for _, r := range all[:min(len(all), 10)] {
		lines = append(lines, fmt.Sprintf("%6d %s %s", r.revisions, r.namespace, r.name))
	}
	return strings.Join(lines, "\n")
}

// size10 writes bytes in powers of ten.
func size10(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	default:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
}

func (r *release) remedies() []runbook.Remedy {
	if r.store.two {
		return []runbook.Remedy{{
			Text: "Have Helm 2 keep ten revisions of each release.", Command: "helm init --upgrade --history-max 10",
			Warning: "It updates Tiller; old revisions go with the next upgrade of each release. Helm 2 is no longer maintained: move to Helm 3.",
		}}
	}
	name, ns := r.name, r.namespace
	driver := ""
	if r.store.kind == "configmap" {
		driver = "HELM_DRIVER=configmap "
	}
	return []runbook.Remedy{
		{
			Text: "Upgrade the release with a limit: what is older goes then.", Command: driver + "helm upgrade " + name + " CHART -n " + ns + " --reuse-values --history-max 10",
			Warning: "It is an upgrade: take the chart and version that are installed, or what runs changes. A rollback reaches back ten revisions from then on.",
		},
		{Text: "See what is installed, first.", Command: driver + "helm history " + name + " -n " + ns + " --max 5"},
		{Text: "Set the limit where upgrades come from (a pipeline, a GitOps controller), or the history grows again: --history-max, in Flux spec.maxHistory."},
	}
}

package apiserver

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snattop/snattop/internal/runbook/step"
)

// helmSecrets answers a list of metadata page by page.
func helmSecrets(t *testing.T, a *api, revisions map[string]int) {
	t.Helper()
	var items []map[string]any
	for name, n := range revisions {
		for v := range n {
			items = append(items, map[string]any{"metadata": map[string]any{
				"namespace": "shop", "name": fmt.Sprintf("sh.helm.release.v1.%s.v%d", name, v+1),
				"labels": map[string]string{"owner": "helm", "name": name, "version": strconv.Itoa(v + 1)},
			}})
		}
	}
	a.on("/api/v1/secrets", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if !strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadataList") || q.Get("fieldSelector") != "type=helm.sh/release.v1" || q.Get("limit") == "" {
			t.Errorf("asked %s, %s", r.URL, r.Header.Get("Accept"))
		}
		const page = 20
		from, _ := strconv.Atoi(q.Get("continue"))
		to := min(from+page, len(items))
		meta := map[string]string{}
		if to < len(items) {
			meta["continue"] = strconv.Itoa(to)
		}
		a.write(w, map[string]any{"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": meta, "items": items[from:to]})
	})
}

func TestHelm(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	p := step.Patient{API: a.client(t)}
	want(t, run(t, p, "apiserver.helm-history"), "cluster", step.NotApplicable, "no releases")

	helmSecrets(t, a, map[string]int{"web": 10, "db": 3})
	want(t, run(t, p, "apiserver.helm-history"), "cluster", step.OK, "2 releases with 13 revisions, at most 10 each")

	helmSecrets(t, a, map[string]int{"web": 300, "db": 3})
	// Only the newest revision of what is told is counted.
	a.on("/api/v1/namespaces/shop/secrets/sh.helm.release.v1.web.v300", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 20000)) })
	got := run(t, p, "apiserver.helm-history")
	want(t, got, "release/shop/web", step.Problem, "keeps 300 revisions as secrets, about 6.0 MB (the newest one's size for each)")
	if r := got["release/shop/web"].Remedies[0]; len(got) != 1 || !strings.Contains(r.Command, "helm upgrade web CHART -n shop --reuse-values --history-max 10") || r.Warning == "" {
		t.Errorf("%d answers, remedy %q", len(got), r)
	}

	a.on("/api/v1/namespaces/shop/secrets/sh.helm.release.v1.web.v300", status(http.StatusForbidden, "Forbidden", `secrets is forbidden: User "jane" cannot get resource "secrets" in API group "" in the namespace "shop"`))
	want(t, run(t, p, "apiserver.helm-history"), "release/shop/web", step.Problem, "their size could not be read")

	a.on("/api/v1/secrets", status(http.StatusForbidden, "Forbidden", `secrets is forbidden: User "jane" cannot list resource "secrets" in API group "" at the cluster scope`))
	want(t, run(t, p, "apiserver.helm-history"), "cluster", step.Unknown, `ask for the verb "list" on "secrets" in the cluster`)
}

func TestHelmTwo(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.on("/api/v1/configmaps", func(w http.ResponseWriter, r *http.Request) {
		var items []map[string]any
		if r.URL.Query().Get("labelSelector") == "OWNER=TILLER" {
			for v := range tooMany {
				items = append(items, map[string]any{"metadata": map[string]any{"namespace": "kube-system", "name": fmt.Sprintf("web.v%d", v+1), "labels": map[string]string{"NAME": "web", "VERSION": strconv.Itoa(v + 1)}}})
			}
		}
		a.write(w, map[string]any{"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "items": items})
	})
	got := run(t, step.Patient{API: a.client(t)}, "apiserver.helm-history")
	want(t, got, "release/kube-system/web", step.Problem, "keeps 30 revisions as configmaps")
	if c := got["release/kube-system/web"].Remedies[0].Command; !strings.HasPrefix(c, "helm init") {
		t.Errorf("remedy %q", c)
	}
}

func FuzzHistory(f *testing.F) {
	f.Add("web", "1", "web.v1", false)
	f.Add("", "-1", "", true)
	f.Add("a\x00b", "99999999999999999999", "x", true)
	f.Fuzz(func(t *testing.T, name, version, object string, two bool) {
		h := &history{releases: map[string]*release{}}
		store := stores()[0]
		if two {
			store = stores()[2]
		}
		for range 3 {
			h.add(store, &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: object, Labels: map[string]string{store.name: name, store.version: version}}})
		}
		for _, r := range h.sorted() {
			if r.revisions != 3 || len(r.remedies()) == 0 {
				t.Errorf("%+v", r)
			}
		}
	})
}

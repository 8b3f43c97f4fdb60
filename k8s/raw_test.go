package k8s

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

func rawClient(t *testing.T, answer http.HandlerFunc) *Client {
	t.Helper()
	srv := httptest.NewServer(answer)
	t.Cleanup(srv.Close)
	c, err := FromConfig(&rest.Config{Host: srv.URL}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// An answer that goes on beyond its bound is an error, not an end.
func TestStreamIsBounded(t *testing.T) {
	c := rawClient(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != "text/plain" || r.URL.Query().Get("a") != "b c" {
			t.Errorf("asked %s, %s", r.URL, r.Header.Get("Accept"))
		}
		_, _ = io.WriteString(w, strings.Repeat("x", 100))
	})
	for limit, want := range map[int64]error{99: errTooLong, 101: nil} {
		n := 0
		err := c.Stream(t.Context(), "/metrics", url.Values{"a": {"b c"}}, "text/plain", limit, func(r io.Reader) error {
			b, err := io.ReadAll(r)
			n = len(b)
			return err
		})
		if !errors.Is(err, want) || n > int(limit) {
			t.Errorf("limit %d: %d bytes, %v", limit, n, err)
		}
	}
}

func TestPathIsForbidden(t *testing.T) {
	c := rawClient(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"kind":"Status","status":"Failure","reason":"Forbidden","code":403,"message":"forbidden: User \"jane\" cannot get path \"/metrics\""}`)
	})
	err := c.Stream(t.Context(), "/metrics", nil, "text/plain", 1, func(io.Reader) error { return nil })
	if KindOf(err) != KindForbidden || !strings.HasSuffix(err.Error(), `user jane cannot get the path /metrics; ask for the verb "get" on the nonResourceURL "/metrics"`) {
		t.Errorf("%v", err)
	}
}

// A list without an end is left off, and that is told.
func TestMetadataIsBounded(t *testing.T) {
	pages := 0
	c := rawClient(t, func(w http.ResponseWriter, r *http.Request) {
		if pages++; pages > 1 && r.URL.Query().Get("continue") != fmt.Sprint(pages-1) {
			t.Errorf("page %d continues %q", pages, r.URL.Query().Get("continue"))
		}
		items := make([]metav1.PartialObjectMetadata, metaPage)
		_ = json.NewEncoder(w).Encode(metav1.PartialObjectMetadataList{ListMeta: metav1.ListMeta{Continue: fmt.Sprint(pages)}, Items: items})
	})
	n := 0
	more, err := c.Metadata(t.Context(), "/api/v1/secrets", nil, func(*metav1.PartialObjectMetadata) { n++ })
	if err != nil || !more || n != MaxMeta {
		t.Errorf("%d objects, more: %t, %v", n, more, err)
	}
}

func TestSize(t *testing.T) {
	c := rawClient(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 5000)) })
	for limit, want := range map[int64]int64{9000: 5000, 1000: 1000} {
		if n, err := c.Size(t.Context(), "/x", limit); err != nil || n != want {
			t.Errorf("limit %d: %d, %v", limit, n, err)
		}
	}
}

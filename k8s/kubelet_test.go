package k8s

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// apiServer answers as an API server does, byte by byte.
func apiServer(t *testing.T, answer http.HandlerFunc) *Client {
	t.Helper()
	srv := httptest.NewServer(answer)
	t.Cleanup(srv.Close)
	c, err := FromConfig(&rest.Config{Host: srv.URL}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const forbiddenProxy = `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"nodes \"n\" is forbidden: User \"jane\" cannot get resource \"nodes/proxy\" in API group \"\" at the cluster scope","reason":"Forbidden","code":403}`

func TestKubelet(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, kind string
		code       int
		body       string
		want       string
	}{
		{"good", "text/plain", 200, "ok", ""},
		{"filtered", "text/plain", 503, "error trying to reach service: dial tcp 10.224.0.7:10250: i/o timeout", "kubelet dial tcp 10.224.0.7:10250: i/o timeout"},
		{"no agent", "text/plain", 503, "error trying to reach service: No agent available", "kubelet No agent available"},
		{"status", "application/json", 500, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"error trying to reach service: dial tcp 10.0.0.1:10250: connect: connection refused","code":500}`, "kubelet connection refused"},
		{"forbidden", "application/json", 403, forbiddenProxy, `forbidden user jane cannot get nodes/proxy in the cluster; ask for the verb "get" on "nodes/proxy"`},
		{"hangs", "", 0, "", "timeout no answer in time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := apiServer(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/api/v1/nodes/n/proxy/healthz" {
					t.Errorf("asked for %s", r.URL.Path)
				}
				if tt.code == 0 {
					<-r.Context().Done()
					return
				}
				w.Header().Set("Content-Type", tt.kind)
				w.WriteHeader(tt.code)
				_, _ = w.Write([]byte(tt.body))
			})
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if tt.code == 0 {
				var stop context.CancelFunc
				ctx, stop = context.WithTimeout(ctx, 50*time.Millisecond)
				defer stop()
			}
			got, err := c.Kubelet(ctx, "n")
			if tt.want == "" {
				if err != nil || got != "ok" {
					t.Errorf("%q, %v", got, err)
				}
				return
			}
			kind, words, _ := strings.Cut(tt.want, " ")
			if err == nil || string(KindOf(err)) != kind || !strings.Contains(err.Error(), words) {
				t.Errorf("%s: %v", KindOf(err), err)
			}
		})
	}
}

func TestNoLogs(t *testing.T) {
	t.Parallel()
	c := apiServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("tailLines") != "0" || r.URL.Path != "/api/v1/namespaces/a/pods/b/log" {
			t.Errorf("asked for %s", r.URL)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"Get \"https://n:10250/containerLogs/a/b/c?tailLines=0\": dial tcp 10.0.0.1:10250: i/o timeout","code":500}`))
	})
	if err := c.NoLogs(t.Context(), "a", "b", "c"); KindOf(err) != KindKubelet || !strings.Contains(err.Error(), "containerLogs") {
		t.Errorf("%s: %v", KindOf(err), err)
	}
}

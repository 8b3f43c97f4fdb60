package k8s

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/remotecommand"

	"github.com/snattop/snattop/k8s/nodepod"
)

// These tests run against a real cluster when SNATTOP_TEST_KUBECONFIG names
// one, on the node that SNATTOP_TEST_NODE names.

func realClient(t *testing.T) *Client {
	t.Helper()
	file := os.Getenv("SNATTOP_TEST_KUBECONFIG")
	if file == "" {
		t.Skip("SNATTOP_TEST_KUBECONFIG names no cluster")
	}
	QuietLogs(nil)
	cfg, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := FromConfig(cfg, Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestClusterImages makes a node pod of each kind of image and privilege, and
// uploads and runs a script in it.
func TestClusterImages(t *testing.T) {
	c := realClient(t)
	node := os.Getenv("SNATTOP_TEST_NODE")
	if node == "" {
		node = "node1"
	}
	const script = "#!/bin/sh\nset -e\ntest -r /host/etc/hostname\nls /proc/1/ns/net >/dev/null\necho fine\n"
	sum := sha256.Sum256([]byte(script))
	tests := []struct {
		name   string
		image  nodepod.Choice
		level  nodepod.Mutator
		suffix string
	}{
		{"shell", nodepod.Choose(nodepod.ImageOptions{}, []string{"docker.io/library/busybox:1.36"})[0], nodepod.Privileged, "tshel"},
		{"pause with the host's tools", nodepod.Choose(nodepod.ImageOptions{}, []string{"registry.k8s.io/pause:3.10"})[0], nodepod.Privileged, "tpaus"},
		{"capabilities only", nodepod.Choose(nodepod.ImageOptions{}, []string{"docker.io/library/busybox:1.36"})[0], nodepod.Minimal, "tcaps"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			session := "test-" + tt.suffix
			own := c.FollowSelector("kube-system", nodepod.Selector(session))
			go own.Run(ctx)
			pod, err := c.Create(ctx, nodepod.New(nodepod.Config{
				Node: node, Arch: "amd64", Namespace: "kube-system", Suffix: tt.suffix, Session: session, Image: tt.image, Deadline: time.Minute,
			}, tt.level))
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := c.RemoveSession(context.WithoutCancel(ctx), "kube-system", session); err != nil {
					t.Error(err)
				}
			}()
			own.Put(pod)
			if _, err := own.WaitFor(ctx, pod.Name, func(p *corev1.Pod) (bool, error) { return Started(p, nodepod.Container) }); err != nil {
				t.Fatalf("%v (%s)", err, c.Events(context.WithoutCancel(ctx), "kube-system", pod.Name))
			}
			target := Target{"kube-system", pod.Name, nodepod.Container}
			path, err := c.Upload(ctx, Upload{Target: target, Dirs: []string{nodepod.WorkDir}, Name: "probe", Lease: nodepod.LeasePath,
				Bytes: []byte(script), SHA256: hex.EncodeToString(sum[:])})
			if err != nil {
				t.Fatal(err)
			}
			bulk := bytes.Repeat([]byte("0123456789abcdef"), 20<<20/16)
			sum := sha256.Sum256(bulk)
			start := time.Now()
			if _, err := c.Upload(ctx, Upload{Target: target, Dirs: []string{nodepod.WorkDir}, Name: "bulk", Bytes: bulk, SHA256: hex.EncodeToString(sum[:])}); err != nil {
				t.Error(err)
			}
			t.Logf("20 MB in %s", time.Since(start))
			out, err := c.Run(ctx, target, []string{path}, nil, 1<<10)
			if err != nil || string(out) != "fine\n" {
				t.Errorf("got %q, %v", out, err)
			}
		})
	}
}

// TestClusterUploadRefused meets a container that takes no file, and one
// without a shell, with more input than any buffer on the way holds.
func TestClusterUploadRefused(t *testing.T) {
	c := realClient(t)
	pod := os.Getenv("SNATTOP_TEST_POD") // its root is read-only
	if pod == "" {
		t.Skip("SNATTOP_TEST_POD names no pod")
	}
	ns, name, err := ParsePod(pod, "default")
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	data := make([]byte, 20<<20)
	_, err = c.Upload(t.Context(), Upload{Target: Target{ns, name, ""}, Dirs: nodepod.WritableDirs(), Name: "bulk", Bytes: data, SHA256: "0"})
	t.Log(time.Since(start), err)
	if err == nil || time.Since(start) > 10*time.Second {
		t.Error("no quick refusal")
	}
	start = time.Now()
	_, err = c.Run(t.Context(), Target{ns, name, ""}, []string{"/no/such/program"}, bytes.NewReader(data), 1)
	t.Log(time.Since(start), err)
	if err == nil || time.Since(start) > 10*time.Second {
		t.Error("no quick refusal")
	}
}

// TestClusterSPDY takes the transport that is left when WebSockets are not let
// through.
func TestClusterSPDY(t *testing.T) {
	c := realClient(t)
	pod := os.Getenv("SNATTOP_TEST_POD")
	if pod == "" {
		t.Skip("SNATTOP_TEST_POD names no pod")
	}
	ns, name, err := ParsePod(pod, "default")
	if err != nil {
		t.Fatal(err)
	}
	req := c.Clientset.CoreV1().RESTClient().Post().Resource("pods").Namespace(ns).Name(name).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Command: []string{"cat"}, Stdin: true, Stdout: true, Stderr: true}, scheme.ParameterCodec)
	run, err := remotecommand.NewSPDYExecutor(c.Config, "POST", req.URL())
	if err != nil {
		t.Fatal(err)
	}
	out, err := runStream(startStream(t.Context(), Target{ns, name, ""}, run), bytes.NewReader([]byte("there and back")), 1<<10)
	if err != nil || string(out) != "there and back" {
		t.Errorf("got %q, %v", out, err)
	}
}

//go:build e2e && linux

package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/snattop/snattop/e2e/ground"
)

// checkAPIServer goes through the runbook and returns verdicts by "id subject".
func checkAPIServer(t *testing.T, kubeconfig string, args ...string) map[string]string {
	t.Helper()
	res := snattop(t, append([]string{"check", "apiserver", "-o", "json", "--kubeconfig", kubeconfig}, args...)...)
	var doc struct {
		Steps []struct{ ID, Subject, Verdict, Summary string }
	}
	if err := json.Unmarshal([]byte(res.stdout), &doc); err != nil {
		t.Fatalf("the answer does not parse: %v\n%s\n%s", err, res.stderr, res.stdout)
	}
	out := map[string]string{}
	code := 0
	for _, s := range doc.Steps {
		out[s.ID+" "+s.Subject] = s.Verdict
		switch {
		case s.Verdict == "problem":
			code = 3
		case s.Verdict == "unknown" && code == 0:
			code = 4
		}
		if s.Verdict == "problem" || s.Verdict == "unknown" {
			t.Logf("%s %s %s: %s", s.ID, s.Subject, s.Verdict, s.Summary)
		}
	}
	if res.code != code {
		t.Errorf("exit code %d, want %d\n%s", res.code, code, res.stderr)
	}
	t.Logf("%d answers after %s", len(doc.Steps), res.took.Round(10*time.Millisecond))
	return out
}

// clients makes a client of the ground that is not held back.
func clients(t *testing.T, g *ground.Ground) *kubernetes.Clientset {
	t.Helper()
	cfg, err := clientcmd.BuildConfigFromFlags("", g.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	cfg.QPS, cfg.Burst = 1000, 1000
	set, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// overload gives a node one processor and uses it up, in a control
// group of the node's own.
func overload(t *testing.T, g *ground.Ground, node string) func(context.Context) error {
	t.Helper()
	// One processor is the limit of snattop's own pod, which may not be above
	// the node's. The burners end by themselves, whatever happens.
	const begin = `set -e
cd /sys/fs/cgroup
if [ -e cpu.max ]; then echo "100000 100000" > cpu.max; groups=snattop-burn
else echo 100000 > cpu/cpu.cfs_period_us; echo 100000 > cpu/cpu.cfs_quota_us; groups="cpu/snattop-burn cpuacct/snattop-burn"; fi
mkdir -p $groups
for i in 1 2 3 4; do
  sh -c 'for g in '"$groups"'; do echo $$ > /sys/fs/cgroup/$g/cgroup.procs; done; exec timeout 60 sh -c "while :; do :; done"' </dev/null >/dev/null 2>&1 &
  echo $! >> /run/snattop-burn.pids
done`
	// timeout passes the signal on.
	const end = `cd /sys/fs/cgroup
if [ -e cpu.max ]; then echo max > cpu.max; else echo -1 > cpu/cpu.cfs_quota_us; fi
for p in $(cat /run/snattop-burn.pids); do kill $p 2>/dev/null; done; rm -f /run/snattop-burn.pids
for i in 1 2 3 4 5 6 7 8 9 10; do
  rmdir snattop-burn cpu/snattop-burn cpuacct/snattop-burn 2>/dev/null
  [ -e snattop-burn -o -e cpu/snattop-burn -o -e cpuacct/snattop-burn ] || exit 0
  sleep 0.2
done
echo the burners do not end; exit 1`
	usual, err := g.Favour(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	undo := func(ctx context.Context) error {
		out, err := g.NodeEnter(ctx, node, "sh", "-c", end)
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		return errors.Join(err, usual(ctx))
	}
	if out, err := g.NodeEnter(t.Context(), node, "sh", "-c", begin); err != nil {
		t.Fatalf("%v\n%s\n%v", err, out, undo(t.Context()))
	}
	return undo
}

// stripALPN puts a proxy between the client and the API server that ends TLS,
// with an authority of its own that the kubeconfig trusts, and knows no ALPN.
func stripALPN(t *testing.T, g *ground.Ground) func(context.Context) error {
	t.Helper()
	before, err := os.ReadFile(g.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := clientcmd.Load(before)
	if err != nil {
		t.Fatal(err)
	}
	cluster := cfg.Clusters[cfg.Contexts[cfg.CurrentContext].Cluster]
	direct, err := url.Parse(cluster.Server)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cluster.CertificateAuthorityData)
	// A client certificate does not get through what ends TLS; a token does.
	token := adminToken(t, g)

	certificate, ca := proxyCertificate(t)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(direct) },
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}},
		FlushInterval: -1, // watches
	}
	srv := &http.Server{Handler: proxy, TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}}
	go func() { _ = srv.Serve(listener) }()

	cluster.Server = "https://" + listener.Addr().String()
	cluster.CertificateAuthorityData = append(append(ca, '\n'), cluster.CertificateAuthorityData...)
	cfg.AuthInfos[cfg.Contexts[cfg.CurrentContext].AuthInfo] = &clientcmdapi.AuthInfo{Token: token}
	after, err := clientcmd.Write(*cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(g.Kubeconfig(), after, 0o600); err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context) error {
		return errors.Join(os.WriteFile(g.Kubeconfig(), before, 0o600), srv.Close(), dropAdmin(ctx, g))
	}
}

const admin = "matrix-admin"

// adminToken is the token of an account that may do everything.
func adminToken(t *testing.T, g *ground.Ground) string {
	t.Helper()
	for _, args := range [][]string{
		{"create", "serviceaccount", admin, "-n", "kube-system"},
		{"create", "clusterrolebinding", admin, "--clusterrole=cluster-admin", "--serviceaccount=kube-system:" + admin},
	} {
		if _, err := g.Kubectl(t.Context(), "", args...); err != nil {
			t.Fatal(err)
		}
	}
	out, err := g.Kubectl(t.Context(), "", "create", "token", admin, "-n", "kube-system", "--duration=1h")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func dropAdmin(ctx context.Context, g *ground.Ground) error {
	_, err := g.Kubectl(ctx, "", "delete", "clusterrolebinding/"+admin)
	_, err2 := g.Kubectl(ctx, "", "delete", "serviceaccount/"+admin, "-n", "kube-system")
	return errors.Join(err, err2)
}

// proxyCertificate is a certificate for loopback that is its own authority.
func proxyCertificate(t *testing.T) (certificate tls.Certificate, ca []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Inspecting Proxy"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// revisions is how many a release without a limit has after a year of daily
// upgrades, nearly.
const revisions = 300

// helmRevisions makes the objects that Helm would have.
func helmRevisions(t *testing.T, g *ground.Ground) func(context.Context) error {
	t.Helper()
	api := clients(t, g).CoreV1().Secrets("default")
	each(t, revisions, func(ctx context.Context, i int) error {
		_, err := api.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("sh.helm.release.v1.leafy.v%d", i+1), Labels: map[string]string{
				"owner": "helm", "name": "leafy", "status": "superseded", "version": fmt.Sprint(i + 1), "ground.snattop.test/helm": "true",
			}},
			Type: "helm.sh/release.v1", Data: map[string][]byte{"release": make([]byte, 4096)},
		}, metav1.CreateOptions{})
		return err
	})
	return func(ctx context.Context) error {
		return api.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "ground.snattop.test/helm=true"})
	}
}

// leaked is more than three nodes explain, and bounded.
const leaked = 400

// leakWatches opens one watch after the other, and closes none.
func leakWatches(t *testing.T, g *ground.Ground) func(context.Context) error {
	t.Helper()
	api := clients(t, g).CoreV1().Pods("default")
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var open sync.WaitGroup
	started := false
	defer func() {
		if !started {
			stop()
			open.Wait()
		}
	}()
	each(t, leaked, func(context.Context, int) error {
		// From the API server's cache: with no version it asks etcd first.
		w, err := api.Watch(ctx, metav1.ListOptions{ResourceVersion: "0", TimeoutSeconds: new(int64(120))})
		if err != nil {
			return err
		}
		open.Go(func() {
			defer w.Stop()
			for range w.ResultChan() { // nobody looks at what it says
			}
		})
		return nil
	})
	started = true
	return func(ctx context.Context) error {
		stop()
		open.Wait()
		// The API server counts a watch until it has seen the end of it.
		return awaitWatches(ctx, g)
	}
}

func awaitWatches(ctx context.Context, g *ground.Ground) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		out, err := g.Kubectl(ctx, "", "get", "--raw", "/metrics")
		if err != nil {
			return err
		}
		n := 0.0
		for line := range strings.Lines(string(out)) {
			if strings.HasPrefix(line, "apiserver_longrunning_requests{") && strings.Contains(line, `resource="pods"`) && strings.Contains(line, `verb="WATCH"`) {
				var v float64
				if _, err := fmt.Sscan(line[strings.LastIndex(line, " ")+1:], &v); err == nil {
					n += v
				}
			}
		}
		if n < leaked/4 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%.0f watches are still open: %w", n, ctx.Err())
		}
	}
}

// each does something n times, sixteen at a time.
func each(t *testing.T, n int, do func(ctx context.Context, i int) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	failed := make([]error, n)
	slots := make(chan struct{}, 16)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			failed[i] = do(ctx, i)
		})
	}
	wg.Wait()
	if err := errors.Join(failed...); err != nil {
		t.Fatal(err)
	}
}

// TestUnreachableFromHere keeps the API server from this client alone: packets
// to the address that its kubeconfig names are dropped without a word. Without
// the API server most steps have no subject, and say why.
func TestUnreachableFromHere(t *testing.T) {
	g := world.ground
	file := filepath.Join(t.TempDir(), "kubeconfig")
	cfg, err := clientcmd.LoadFromFile(g.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	cfg.Clusters[cfg.Contexts[cfg.CurrentContext].Cluster].Server = "https://" + blackHole(t)
	if err := clientcmd.WriteToFile(*cfg, file); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"apiserver.agents cluster": "unknown", "apiserver.node-pressure cluster": "unknown", "apiserver.egress client": "unknown", "apiserver.alpn client": "unknown",
		"apiserver.authorized-ranges client": "problem", "apiserver.request-load cluster": "unknown", "apiserver.helm-history cluster": "unknown",
		"apiserver.node-to-node cluster": "unknown", "apiserver.private-cluster client": "not-applicable",
	}
	if got := checkAPIServer(t, file, "--request-timeout", "3s"); !maps.Equal(got, want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
	// The nodes get through all the while.
	for _, n := range g.Nodes() {
		if out, err := g.Kubectl(t.Context(), "", "get", "node", n.Name, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`); err != nil || string(out) != "True" {
			t.Errorf("node %s: %s, %v", n.Name, out, err)
		}
	}
}

// blackHole is an address of loopback that answers no SYN: a listener with a
// full queue, of which nothing is ever accepted.
func blackHole(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for range 8 {
		c, err := net.DialTimeout("tcp", address, 300*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Fatal("the queue never fills")
	return ""
}

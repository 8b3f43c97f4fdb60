package ground

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// credentials makes every certificate and kubeconfig of the cluster.
func (g *Ground) credentials() error {
	pki := g.dirs.pki()
	ca, err := newAuthority(pki, "ca")
	if err != nil {
		return err
	}
	front, err := newAuthority(pki, "front-proxy-ca")
	if err != nil {
		return err
	}
	if err := front.issue(pki, identity{file: "front-proxy-client", name: "front-proxy-client", client: true}); err != nil {
		return err
	}
	if err := writeServiceAccountKey(pki); err != nil {
		return err
	}
	ids := []identity{
		{file: "apiserver", name: "kube-apiserver", server: true, hosts: []string{
			"127.0.0.1", "localhost", g.apiAddress(), apiServiceAddress,
			"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}},
		{file: "apiserver-kubelet-client", name: "kube-apiserver-kubelet-client", groups: []string{"system:masters"}, client: true},
		{file: "admin", name: "kubernetes-admin", groups: []string{"system:masters"}, client: true},
		{file: "controller-manager", name: "system:kube-controller-manager", client: true},
		{file: "scheduler", name: "system:kube-scheduler", client: true},
		{file: "kube-proxy", name: "system:kube-proxy", client: true},
		{file: "konnectivity-server", name: "system:konnectivity-server", client: true},
	}
	for _, n := range g.nodes {
		ids = append(ids, identity{
			file: n.Name, name: "system:node:" + n.Name, groups: []string{"system:nodes"},
			hosts: []string{n.Name, n.IP}, server: true, client: true,
		})
	}
	for _, id := range ids {
		if err := ca.issue(pki, id); err != nil {
			return err
		}
	}
	inside := "https://" + g.apiAddress() + ":" + strconv.Itoa(apiPort)
	for _, id := range ids[2:] {
		if err := writeKubeconfig(filepath.Join(pki, id.file+".kubeconfig"), pki, id.file, inside, clusterName); err != nil {
			return err
		}
	}
	return nil
}

// startAPI starts etcd, the API server and the forwarder in front of it.
func (g *Ground) startAPI(ctx context.Context) (process, error) {
	d, cp := g.dirs, g.dirs.netns(nsControlPlane)
	_, err := d.start(command{name: "etcd", ns: &cp, argv: []string{"etcd",
		"--data-dir", filepath.Join(d.root, "etcd"),
		"--listen-client-urls", "http://127.0.0.1:2379", "--advertise-client-urls", "http://127.0.0.1:2379",
		"--listen-peer-urls", "http://127.0.0.1:2380", "--snapshot-count", "10000", "--logger", "zap", "--log-level", "warn",
	}})
	if err != nil {
		return process{}, err
	}
	if err := d.writeAuditPolicy(); err != nil {
		return process{}, err
	}
	egress, err := g.writeEgressSelector()
	if err != nil {
		return process{}, err
	}
	api, err := d.start(command{name: "kube-apiserver", ns: &cp, argv: append([]string{d.program("kube-apiserver"),
		"--etcd-servers=http://127.0.0.1:2379",
		"--bind-address=0.0.0.0", "--secure-port=" + strconv.Itoa(apiPort), "--advertise-address=" + g.apiAddress(),
		"--service-cluster-ip-range=" + ServiceNetwork,
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
		"--client-ca-file=" + d.certificate("ca"),
		"--tls-cert-file=" + d.certificate("apiserver"), "--tls-private-key-file=" + d.key("apiserver"),
		"--kubelet-certificate-authority=" + d.certificate("ca"),
		"--kubelet-client-certificate=" + d.certificate("apiserver-kubelet-client"),
		"--kubelet-client-key=" + d.key("apiserver-kubelet-client"),
		"--kubelet-preferred-address-types=InternalIP",
		"--requestheader-client-ca-file=" + d.certificate("front-proxy-ca"),
		"--requestheader-allowed-names=front-proxy-client", "--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group", "--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + d.certificate("front-proxy-client"),
		"--proxy-client-key-file=" + d.key("front-proxy-client"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + filepath.Join(d.pki(), "sa.pub"),
		"--service-account-signing-key-file=" + d.key("sa"),
		"--audit-policy-file=" + d.auditPolicy(), "--audit-log-path=" + d.auditLog(), "--audit-log-mode=blocking",
		"--endpoint-reconciler-type=lease", "--v=1",
	}, egress...)})
	if err != nil {
		return process{}, err
	}
	if err := g.startTunnel(); err != nil {
		return process{}, err
	}
	return api, g.startForwarder(ctx)
}

// startForwarder starts the process that listens on the machine's loopback
// address and connects inside the control plane's namespace.
func (g *Ground) startForwarder(ctx context.Context) error {
	d := g.dirs
	portFile := filepath.Join(d.root, "forward.port")
	_ = os.Remove(portFile)
	p, err := d.start(command{name: "forward", argv: []string{d.program("ground"), "forward",
		"--netns", d.netns(nsControlPlane).path, "--to", "127.0.0.1:" + strconv.Itoa(apiPort),
		"--listen", "127.0.0.1:" + strconv.Itoa(g.opts.Port), "--port-file", portFile}})
	if err != nil {
		return err
	}
	return p.await(ctx, 10*time.Second, func(context.Context) error {
		data, err := os.ReadFile(portFile)
		if err != nil {
			return fmt.Errorf("it has not said where it listens: %w", err)
		}
		port, err := strconv.Atoi(string(data))
		if err != nil {
			return fmt.Errorf("reading where it listens: %w", err)
		}
		g.state.Port = port
		return writeKubeconfig(d.kubeconfig(), d.pki(), "admin", fmt.Sprintf("https://127.0.0.1:%d", port), clusterName)
	})
}

// awaitAPI waits until the API server is ready.
func (g *Ground) awaitAPI(ctx context.Context, api process) error {
	client, err := g.client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	return api.await(ctx, 60*time.Second, func(ctx context.Context) error {
		_, err := get(ctx, client, fmt.Sprintf("https://127.0.0.1:%d/readyz", g.state.Port))
		return err
	})
}

// client speaks to the API server as the administrator.
func (g *Ground) client() (*http.Client, error) {
	pair, err := tls.LoadX509KeyPair(g.dirs.certificate("admin"), g.dirs.key("admin"))
	if err != nil {
		return nil, fmt.Errorf("loading the administrator's certificate: %w", err)
	}
	pem, err := os.ReadFile(g.dirs.certificate("ca"))
	if err != nil {
		return nil, fmt.Errorf("loading the certificate authority: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("loading the certificate authority: no certificate in it")
	}
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
	}}, nil
}

func get(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", url, err)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", url, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", url, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking %s: %s: %.500s", url, response.Status, body)
	}
	return body, nil
}

// startControllers starts what acts on the API server's objects.
func (g *Ground) startControllers() error {
	d, cp := g.dirs, g.dirs.netns(nsControlPlane)
	config := func(name string) []string {
		file := filepath.Join(d.pki(), name+".kubeconfig")
		return []string{"--kubeconfig=" + file, "--authentication-kubeconfig=" + file, "--authorization-kubeconfig=" + file,
			"--bind-address=127.0.0.1", "--leader-elect=false"}
	}
	manager := append([]string{d.program("kube-controller-manager"),
		"--use-service-account-credentials=true",
		"--service-account-private-key-file=" + d.key("sa"),
		"--root-ca-file=" + d.certificate("ca"),
		"--cluster-signing-cert-file=" + d.certificate("ca"), "--cluster-signing-key-file=" + d.key("ca"),
		"--requestheader-client-ca-file=" + d.certificate("front-proxy-ca"),
		"--flex-volume-plugin-dir=" + filepath.Join(d.root, "volumeplugins"),
		"--allocate-node-cidrs=false",
	}, config("controller-manager")...)
	if _, err := d.start(command{name: "kube-controller-manager", ns: &cp, argv: manager}); err != nil {
		return err
	}
	scheduler := append([]string{d.program("kube-scheduler")}, config("scheduler")...)
	_, err := d.start(command{name: "kube-scheduler", ns: &cp, argv: scheduler})
	return err
}

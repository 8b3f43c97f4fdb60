package k8s

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/version"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Defaults of a Client.
const (
	// DefaultRequestTimeout bounds every request that is no watch and no
	// stream, unless --request-timeout says otherwise.
	DefaultRequestTimeout = 30 * time.Second
	// clientQPS and clientBurst bound the requests a second of one client. A
	// session makes about four for each node while it starts and almost none
	// afterwards.
	clientQPS   = 50
	clientBurst = 100

	protobufType = "application/vnd.kubernetes.protobuf"
)

// Options are what a Client needs beyond the kubeconfig.
type Options struct {
	// Version is snattop's own; it goes into the user agent.
	Version string
}

// Client is one cluster, seen with one set of credentials. It is safe for
// concurrent use.
type Client struct {
	// Clientset serves plain requests; every one of them is bounded in time.
	Clientset kubernetes.Interface
	// Watches serves watches, which have no end.
	Watches kubernetes.Interface
	// Config is for streams: no timeout, JSON.
	Config *rest.Config
	// Context is the kubeconfig context, "in-cluster" without one.
	Context string
	// Namespace is the one that the flags or the context name.
	Namespace string
	// Server is the API server's address.
	Server string
	// Version is the API server's version ("v1.36.3"), known after Connect.
	Version string
}

// New builds a Client from kubectl's flags and files. It sends nothing; see
// Connect. The error is an *Error.
func New(getter genericclioptions.RESTClientGetter, opts Options) (*Client, error) {
	loader := getter.ToRawKubeConfigLoader()
	cfg, err := getter.ToRESTConfig()
	if err != nil {
		return nil, Doing(err, "reading the kubeconfig", "")
	}
	raw, err := loader.RawConfig()
	if err != nil {
		return nil, Doing(err, "reading the kubeconfig", "")
	}
	name := raw.CurrentContext
	if flags, ok := getter.(*genericclioptions.ConfigFlags); ok && flags.Context != nil && *flags.Context != "" {
		// RawConfig does not know of --context.
		name = *flags.Context
	}
	if len(raw.Clusters) == 0 && len(raw.Contexts) == 0 && isDefaultHost(cfg.Host) {
		return nil, Doing(errNoConfig, "reading the kubeconfig", "")
	}
	if name == "" {
		name = cfg.Host
		if cfg.BearerTokenFile != "" && len(raw.Contexts) == 0 {
			name = "in-cluster"
		}
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, Doing(err, "reading the kubeconfig", "")
	}
	c, err := FromConfig(cfg, opts)
	if err != nil {
		return nil, err
	}
	c.Context, c.Namespace = name, namespace
	return c, nil
}

// FromConfig builds a Client from a rest.Config, which it copies.
func FromConfig(cfg *rest.Config, opts Options) (*Client, error) {
	base := rest.CopyConfig(cfg)
	base.QPS, base.Burst = clientQPS, clientBurst
	base.UserAgent = userAgent(opts.Version)
	// The default handler writes the server's warnings to standard error,
	// into the middle of a page.
	base.WarningHandlerWithContext = rest.NoWarnings{}
	timeout := base.Timeout
	if timeout <= 0 {
		timeout = DefaultRequestTimeout
	}
	// Timeout bounds the body too: a watch or a stream must not have one.
	base.Timeout = 0

	plain := rest.CopyConfig(base)
	plain.Timeout = timeout
	plain.ContentType = protobufType
	plain.AcceptContentTypes = protobufType + ",application/json"
	requests, err := kubernetes.NewForConfig(plain)
	if err != nil {
		return nil, Doing(err, "reading the kubeconfig", "")
	}
	endless := rest.CopyConfig(plain)
	endless.Timeout = 0
	watches, err := kubernetes.NewForConfig(endless)
	if err != nil {
		return nil, Doing(err, "reading the kubeconfig", "")
	}
	return &Client{Clientset: requests, Watches: watches, Config: base, Server: base.Host, Namespace: "default"}, nil
}

// Connect asks the API server for its version: the cheapest proof that
// address, certificate and credentials serve. The error is an *Error.
func (c *Client) Connect(ctx context.Context) error {
	body, err := c.Clientset.Discovery().RESTClient().Get().AbsPath("/version").
		SetHeader("Accept", "application/json").Do(ctx).Raw()
	if err != nil {
		return Doing(err, "asking the API server for its version", c.Server)
	}
	var info version.Info
	if err := json.Unmarshal(body, &info); err != nil {
		return Doing(fmt.Errorf("what answered is no API server: %w", err), "asking the API server for its version", c.Server)
	}
	c.Version = info.GitVersion
	return nil
}

// userAgent is what audit logs show.
func userAgent(v string) string {
	if v == "" {
		v = "dev"
	}
	return "snattop/" + v
}

// isDefaultHost reports whether host is what client-go makes up when no file
// names a server.
func isDefaultHost(host string) bool {
	h := strings.TrimPrefix(strings.TrimPrefix(host, "http://"), "https://")
	return h == "" || h == "localhost:8080"
}

package k8s

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// errTooLong means that an answer went on beyond its bound.
var errTooLong = errors.New("the answer is longer than is read")

// Stream asks for a path of the API server's and hands its answer to read as it
// arrives, at most limit bytes of it; accept is the media type. What read
// leaves is not fetched. The error is an *Error, or what read returned.
func (c *Client) Stream(ctx context.Context, path string, query url.Values, accept string, limit int64, read func(io.Reader) error) error {
	req := c.Clientset.Discovery().RESTClient().Get().AbsPath(path).SetHeader("Accept", accept)
	for name, values := range query {
		for _, v := range values {
			req = req.Param(name, v)
		}
	}
	body, err := req.Stream(ctx)
	if err != nil {
		return Doing(err, "asking the API server", path)
	}
	defer func() { _ = body.Close() }()
	if err := read(&bounded{r: body, left: limit}); err != nil {
		return Doing(err, "reading the API server's answer", path)
	}
	return nil
}

// bounded is a reader that fails where io.LimitReader would pretend an end.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	return n, err
}

// GetJSON reads a path of the API server's into a value; at most limit bytes.
func (c *Client) GetJSON(ctx context.Context, path string, query url.Values, limit int64, into any) error {
	return c.Stream(ctx, path, query, "application/json", limit, func(r io.Reader) error {
		return json.NewDecoder(r).Decode(into)
	})
}

// Bounds of lists of metadata.
const (
	// metaPage is how many objects are asked for at a time.
	metaPage = 500
	// maxMetaPage bounds the bytes of one page.
	maxMetaPage = 16 << 20
	// MaxMeta bounds the objects of one list.
	MaxMeta = 20000
)

// metaList asks for names and labels alone: the rest of the objects does not
// leave the API server.
//
// Source: Kubernetes, "API concepts", "Receiving resources as Tables" and
// PartialObjectMetadataList in meta/v1.
const metaList = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

// Metadata lists the metadata of objects page by page, each told once; path is
// that of a collection ("/api/v1/secrets"). It reports whether there are more
// than MaxMeta, of which the rest was not read.
func (c *Client) Metadata(ctx context.Context, path string, query url.Values, each func(*metav1.PartialObjectMetadata)) (more bool, err error) {
	q := url.Values{"limit": {fmt.Sprint(metaPage)}}
	for name, values := range query {
		q[name] = values
	}
	for seen := 0; ; {
		var page metav1.PartialObjectMetadataList
		err := c.Stream(ctx, path, q, metaList, maxMetaPage, func(r io.Reader) error { return json.NewDecoder(r).Decode(&page) })
		if err != nil {
			return false, err
		}
		for i := range page.Items {
			each(&page.Items[i])
		}
		if seen += len(page.Items); page.Continue == "" || len(page.Items) == 0 {
			return false, nil
		}
		if seen >= MaxMeta {
			return true, nil
		}
		q.Set("continue", page.Continue)
	}
}

// Size counts the bytes of one object's JSON, and keeps none of them; at most
// limit are counted.
func (c *Client) Size(ctx context.Context, path string, limit int64) (int64, error) {
	var n int64
	err := c.Stream(ctx, path, nil, "application/json", limit, func(r io.Reader) error {
		var err error
		n, err = io.Copy(io.Discard, r)
		if errors.Is(err, errTooLong) {
			return nil
		}
		return err
	})
	return n, err
}

// Node reads one node whole. It is one request.
func (c *Client) Node(ctx context.Context, name string) (*corev1.Node, error) {
	n, err := c.Clientset.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, Doing(err, "reading the node", "node "+name)
	}
	return n, nil
}

// ProxyFor returns the HTTP proxy that requests to this cluster go through; nil
// when they go directly.
func (c *Client) ProxyFor() (*url.URL, error) {
	u, err := url.Parse(c.Server)
	if err != nil {
		return nil, fmt.Errorf("the API server's address: %w", err)
	}
	find := http.ProxyFromEnvironment
	if c.Config != nil && c.Config.Proxy != nil {
		find = c.Config.Proxy
	}
	p, err := find(&http.Request{URL: u})
	if err != nil {
		return nil, fmt.Errorf("the proxy's address: %w", err)
	}
	return p, nil
}

package cli

import (
	"context"
	"log/slog"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/cloud/aws"
	"github.com/snattop/snattop/internal/cloud/azure"
	"github.com/snattop/snattop/internal/cloud/google"
	"github.com/snattop/snattop/internal/cloud/pick"
	"github.com/snattop/snattop/k8s/inventory"
)

// Values of --cloud.
const (
	cloudAuto = "auto"
	cloudOff  = "off"
)

// checkCloud finds what is wrong with the flags for clouds before anything is
// drawn or sent.
func (o *options) checkCloud() error {
	switch o.cloud {
	case cloudAuto:
	case cloudOff:
		if o.azureEndpoint != "" {
			return usage("--azure-endpoint names a cloud to ask and --cloud off asks none: leave one of them out")
		}
		return nil
	default:
		return usage("--cloud %q: use %s or %s", o.cloud, cloudAuto, cloudOff)
	}
	if o.azureEndpoint == "" {
		return nil
	}
	if _, err := azure.New(azure.Options{Endpoint: o.azureEndpoint}); err != nil {
		return usage("%w", err)
	}
	return nil
}

// watcher returns what follows the cloud's own figures, nil when no cloud is
// to be asked. It finds out which cloud that is from the nodes, and asks for
// credentials when it needs them: nothing waits for it.
func (o *options) watcher() cloud.Watcher {
	if o.cloud == cloudOff {
		return nil
	}
	return pick.New(pick.Options{
		Azure: func() (cloud.Watcher, error) {
			return azure.New(azure.Options{Endpoint: o.azureEndpoint, Log: slog.Default()})
		},
		Google: func() (cloud.Watcher, error) { return google.New(google.Options{}) },
		AWS:    func() (cloud.Watcher, error) { return aws.New(aws.Options{}) },
	})
}

// access returns what reads from the cloud who may reach an API server, nil
// when no cloud is to be asked.
func (o *options) access() func(context.Context, string, []inventory.Node) (*cloud.Access, error) {
	if o.cloud == cloudOff {
		return nil
	}
	return func(ctx context.Context, server string, nodes []inventory.Node) (*cloud.Access, error) {
		of := make([]cloud.Node, len(nodes))
		for i, n := range nodes {
			of[i] = cloud.Node{Name: n.Name, InternalIP: n.InternalIP, ProviderID: n.ProviderID}
		}
		return azure.ReadAccess(ctx, azure.Options{Endpoint: o.azureEndpoint, Log: slog.Default()}, server, of)
	}
}

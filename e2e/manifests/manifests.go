// Package manifests holds the Kubernetes manifests of the proving ground.
package manifests

import "embed"

// Files are the manifests, by file name.
//
//go:embed *.yaml
var Files embed.FS

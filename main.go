// Command snattop finds the pod that eats a Kubernetes node's SNAT ports.
package main

import (
	"os"

	"github.com/snattop/snattop/internal/cli"
)

// version is set when a release is built.
var version = "dev"

func main() {
	os.Exit(cli.Main(version, os.Args[1:]))
}

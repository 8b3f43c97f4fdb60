// Command snattop-probe is the part of snattop that runs on a node. snattop
// carries it along and starts it; there is no need to run it by hand.
package main

import (
	"context"
	"os"

	"github.com/snattop/snattop/probe"
)

// version is set at build time.
var version = "dev"

func main() {
	os.Exit(probe.Main(context.Background(), version, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

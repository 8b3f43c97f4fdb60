// Command konnectivity is proxy-server and proxy-agent, the two ends of the
// tunnel through which an API server reaches nodes it has no way to. The name
// it is called by chooses.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
	agent "sigs.k8s.io/apiserver-network-proxy/cmd/agent/app"
	agentoptions "sigs.k8s.io/apiserver-network-proxy/cmd/agent/app/options"
	server "sigs.k8s.io/apiserver-network-proxy/cmd/server/app"
	serveroptions "sigs.k8s.io/apiserver-network-proxy/cmd/server/app/options"
	"sigs.k8s.io/apiserver-network-proxy/pkg/util"
)

func main() {
	var command *cobra.Command
	switch name := filepath.Base(os.Args[0]); name {
	case "proxy-server":
		o := serveroptions.NewProxyRunOptions()
		command = server.NewProxyCommand(&server.Proxy{}, o)
		command.Flags().AddFlagSet(o.Flags())
	case "proxy-agent":
		o := agentoptions.NewGrpcProxyAgentOptions()
		command = agent.NewAgentCommand(&agent.Agent{}, o)
		command.Flags().AddFlagSet(o.Flags())
	default:
		fmt.Fprintf(os.Stderr, "konnectivity: %q is neither of the programs this binary holds\n", name)
		os.Exit(2)
	}
	local := flag.NewFlagSet(os.Args[0], flag.ExitOnError)
	klog.InitFlags(local)
	local.VisitAll(func(f *flag.Flag) {
		f.Name = util.Normalize(f.Name)
		command.Flags().AddGoFlag(f)
	})
	if err := command.Execute(); err != nil {
		klog.ErrorS(err, "ended")
		klog.Flush()
		os.Exit(1)
	}
}

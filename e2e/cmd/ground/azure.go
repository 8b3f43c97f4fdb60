//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/snattop/snattop/e2e/azure"
	"github.com/snattop/snattop/e2e/ground"
)

// serveAzure answers like Azure for the ground until it is interrupted.
func serveAzure(ctx context.Context, g *ground.Ground, args []string) error {
	opts := azure.Options{Source: g.Truth}
	flags := flag.NewFlagSet("azure", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:0", "loopback address to listen on")
	flags.StringVar(&opts.Outbound, "outbound", azure.OutboundLoadBalancer, "outbound type: loadBalancer, managedNATGateway or another one")
	flags.DurationVar(&opts.Grain, "grain", time.Minute, "length of a metric's interval; Azure's is a minute")
	flags.DurationVar(&opts.Delay, "delay", 0, "how long values take to come; Azure's take minutes")
	flags.DurationVar(&opts.IdleTimeout, "idle", 30*time.Minute, "idle timeout of the profile")
	var words []string
	flags.Func("fault", "what goes wrong, repeatable; see the README", func(s string) error {
		words = append(words, strings.Fields(s)...)
		_, err := azure.ParseFaults(words)
		return err
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	server, err := azure.New(opts)
	if err != nil {
		return err
	}
	faults, err := azure.ParseFaults(words)
	if err != nil {
		return err
	}
	server.SetFaults(faults)
	if err := server.Sample(ctx); err != nil {
		return err
	}
	var listening net.ListenConfig
	listener, err := listening.Listen(ctx, "tcp", *listen)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	ip, ok := listener.Addr().(*net.TCPAddr)
	if !ok || !ip.IP.IsLoopback() {
		_ = listener.Close()
		return errors.New("the endpoint has no lock on it: listen on a loopback address")
	}
	go server.Run(ctx, func(err error) { fmt.Fprintln(os.Stderr, "ground:", err) })
	front := &http.Server{Handler: server, ReadHeaderTimeout: 5 * time.Second}
	stopped := context.AfterFunc(ctx, func() { _ = front.Close() })
	defer stopped()
	fmt.Println("http://" + listener.Addr().String())
	if err := front.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

//go:build e2e && linux

package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/snattop/snattop/e2e/ground"
)

var errNoSyn = errors.New("no SYN waits")

// replicas fails until a deployment has that many pods ready.
func replicas(t *testing.T, namespace, name, want string) error {
	t.Helper()
	got := kubectl(t, "get", "deployment", "-n", namespace, name, "-o", "jsonpath={.status.readyReplicas}")
	if got != want {
		return fmt.Errorf("%q of %s are ready", got, want)
	}
	return nil
}

// TestAttribution has the owners that are hard to find: a pod on the host's
// network, several processes in several containers, UDP without a peer.
func TestAttribution(t *testing.T) {
	fresh(t)
	load(t, "hostleaker", ground.Values{"NODE": "node1", "RATE": "100"})
	load(t, "multi", ground.Values{"NODE": "node3"})
	load(t, "udp", ground.Values{"NODE": "node3"})
	waitEstablished(t, "node1", "tcp", "20.60.1.6:443", 200)
	waitEstablished(t, "node3", "tcp", "20.60.1.7:443", 200)
	waitEstablished(t, "node3", "udp", "20.60.1.2:53", 16)

	for _, collector := range []string{"diag", "procfs"} {
		t.Run(collector, func(t *testing.T) {
			r, _ := reportOf(t, "--duration", "3s", "--collector", collector)
			if n := nodeOf(t, r, "node1"); n.Collector != collector || *n.EstablishedPublic != established(truth(t, "node1")) {
				t.Errorf("node1 by %s: %d established, the gateway says %d", n.Collector, *n.EstablishedPublic, established(truth(t, "node1")))
			}
			host := podOf(t, r, "hostleaker-")
			if !host.HostNetwork || host.Namespace != "platform" || host.Owner.Kind != "DaemonSet" || host.EstablishedPublic != 200 {
				t.Errorf("the pod on the host's network: %+v", host)
			}
			d := destinationOf(t, r, "hostleaker-", "20.60.1.6", 443)
			if len(d.Processes) != 1 || d.Processes[0].Established != 200 || d.Processes[0].Container != "agent" || !strings.HasPrefix(d.Processes[0].Command, "/bin/load") {
				t.Errorf("its process: %+v", d.Processes)
			}
			workers := destinationOf(t, r, "multi-", "20.60.1.7", 443)
			if len(workers.Processes) != 4 {
				t.Errorf("%d processes, want 4: %+v", len(workers.Processes), workers.Processes)
			}
			for _, p := range workers.Processes {
				if p.Established != 50 || p.Container != "workers" {
					t.Errorf("a worker: %+v", p)
				}
			}
			sidecar := destinationOf(t, r, "multi-", "20.60.1.8", 8080)
			if len(sidecar.Processes) != 1 || sidecar.Processes[0].Container != "sidecar" {
				t.Errorf("the sidecar: %+v", sidecar.Processes)
			}
			udp := destinationOf(t, r, "udp-", "20.60.1.2", 53)
			if udp.Protocol != "udp" || udp.Established != 16 || !udp.Eligible {
				t.Errorf("UDP: %+v", udp)
			}
		})
	}
	nothingLeft(t)
}

// TestBurst catches a CronJob while it runs.
func TestBurst(t *testing.T) {
	fresh(t)
	load(t, "cronburst", ground.Values{"NODE": "node3", "HOLD": "30s"})
	kubectl(t, "create", "job", "-n", "batch", "--from=cronjob/burst", "burst-now")
	t.Cleanup(func() {
		_, err := world.ground.Kubectl(t.Context(), "", "delete", "job", "-n", "batch", "burst-now", "--ignore-not-found")
		if err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	waitEstablished(t, "node3", "tcp", "20.60.1.10:443", 150)
	r, _ := reportOf(t, "--duration", "2s")
	p := podOf(t, r, "burst-")
	if p.EstablishedPublic != 150 || p.Owner.Name == "" {
		t.Errorf("the burst: %+v", p)
	}
	if *p.Ports.Estimate != 150 || p.Node != "node3" {
		t.Errorf("the burst takes %d ports on %s", *p.Ports.Estimate, p.Node)
	}
}

//go:build e2e && linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/e2e/ground"
)

// wiredNode is where pods are cut off: none of the tunnel's agents runs there.
const wiredNode = "node3"

// connectivityFaults break what the runbook of connectivity looks for. A node
// without a pod has no interface to look at, so that two steps apply to it only
// while the fault's own pod is there.
func connectivityFaults() []fault {
	const subject = "pod/shop/wired"
	with := func(more ...wantStep) []wantStep {
		return append(more,
			wantStep{"connectivity.drops", "node/" + wiredNode, "ok"},
			wantStep{"connectivity.mtu", "node/" + wiredNode, "ok"})
	}
	return []fault{
		{
			name: "bridge down",
			make: func(t *testing.T, g *ground.Ground) func(context.Context) error {
				p := wire(t, g, "sleep 3600")
				inNode(t, g, "ip link set cni0 down")
				return func(ctx context.Context) error {
					_, err := g.NodeEnter(ctx, wiredNode, "ip", "link", "set", "cni0", "up")
					return errors.Join(err, p.remove(ctx))
				}
			},
			want: with(wantStep{"connectivity.bridge", "node/" + wiredNode, "problem"}),
		},
		{
			name: "MTU of one veth",
			make: func(t *testing.T, g *ground.Ground) func(context.Context) error {
				p := wire(t, g, "sleep 3600")
				inNode(t, g, `ip -o link show master cni0 | while IFS=': @' read -r _ name _; do ip link set "$name" mtu 1300; done`)
				return p.remove
			},
			want: with(wantStep{"connectivity.mtu", subject, "problem"}),
		},
		{
			name: "a process that outlived its container",
			make: func(t *testing.T, g *ground.Ground) func(context.Context) error {
				p := wire(t, g, "sleep 3600")
				p.leave(t, "sleep", "3600")
				return p.remove
			},
			want: with(wantStep{"connectivity.stale-containers", subject, "problem"}),
		},
		{
			name: "a port held by a process that outlived its container",
			make: func(t *testing.T, g *ground.Ground) func(context.Context) error {
				p := wire(t, g, "sleep 4; nc -l -p 8080 || { echo 'listen tcp :8080: bind: address already in use'; exit 1; }")
				p.leave(t, "nc", "-l", "-p", "8080")
				p.failed(t)
				return p.remove
			},
			want: with(
				wantStep{"connectivity.address-in-use", subject, "problem"},
				wantStep{"connectivity.stale-containers", subject, "problem"}),
		},
		{
			name: "connection tracking full",
			make: func(t *testing.T, g *ground.Ground) func(context.Context) error {
				lift, err := g.CrowdConntrack(t.Context(), wiredNode)
				if err != nil {
					t.Fatal(err)
				}
				full := time.Now()
				return func(ctx context.Context) error {
					err := lift(ctx)
					// For a minute the kernel's log says that it was full just now.
					select {
					case <-time.After(time.Until(full.Add(62 * time.Second))):
					case <-ctx.Done():
					}
					return err
				}
			},
			want: []wantStep{{"connectivity.conntrack", "node/" + wiredNode, "problem"}},
		},
	}
}

// wiredPod is a pod on wiredNode, with a network of its own.
type wiredPod struct {
	g        *ground.Ground
	manifest string
	uid      string
	left     []string
}

// wire starts a pod that runs a line of shell, and returns when it runs.
func wire(t *testing.T, g *ground.Ground, line string) *wiredPod {
	t.Helper()
	p := &wiredPod{g: g, manifest: fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: wired, namespace: shop}
spec:
  nodeName: %s
  terminationGracePeriodSeconds: 1
  containers:
  - name: app
    image: busybox:1.36
    imagePullPolicy: IfNotPresent
    command: ["sh", "-c", %q]
`, wiredNode, line)}
	if err := g.Apply(t.Context(), p.manifest); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "the pod runs", func() error {
		out, err := g.Kubectl(t.Context(), "", "get", "pod", "-n", "shop", "wired", "-o", "jsonpath={.metadata.uid} {.status.containerStatuses[0].state.running.startedAt}")
		if err != nil {
			return err
		}
		uid, started, _ := strings.Cut(string(out), " ")
		if started == "" {
			return errors.New("it does not")
		}
		p.uid = uid
		return nil
	})
	return p
}

// remove takes back what was left in the pod, and the pod.
func (p *wiredPod) remove(ctx context.Context) error {
	var err error
	if len(p.left) > 0 {
		_, err = p.g.NodeEnter(ctx, wiredNode, "kill", "-9", strings.Join(p.left, " "))
	}
	return errors.Join(err, p.g.Delete(ctx, p.manifest))
}

// outlived is the ID of a container that nobody made.
var outlived = strings.Repeat("5e", 32)

// leave starts a program of the container's image in the pod's network and in
// the control group of a container that neither the runtime nor the API server
// knows, as a runtime that crashed leaves it, and returns when it is old enough
// to be taken for that.
func (p *wiredPod) leave(t *testing.T, program ...string) {
	t.Helper()
	const script = `
uid=$1 id=$2; shift 2
for d in /proc/[0-9]*; do
	grep -q "pod$uid/" "$d/cgroup" 2>/dev/null && [ "$(cat "$d/comm")" != pause ] && pid=${d#/proc/} && break
done
[ -n "$pid" ] || exit 1
program=/proc/$pid/root/bin/busybox
setsid nsenter -t "$pid" -n sh -c '
	uid=$1 id=$2 program=$3; shift 3
	for d in /sys/fs/cgroup/*; do
		[ -d "$d/kubepods/besteffort/pod$uid" ] || continue
		mkdir -p "$d/kubepods/besteffort/pod$uid/$id"
		echo $$ >"$d/kubepods/besteffort/pod$uid/$id/cgroup.procs" 2>/dev/null
	done
	exec "$program" "$@"' sh "$uid" "$id" "$program" "$@" </dev/null >/dev/null 2>&1 &
echo $!`
	out, err := p.g.NodeEnter(t.Context(), wiredNode, append([]string{"sh", "-c", script, "sh", p.uid, outlived}, program...)...)
	if err != nil {
		t.Fatal(err)
	}
	p.left = append(p.left, strings.TrimSpace(string(out)))
	// Ten seconds of age, of which the check itself waits two.
	eventually(t, 20*time.Second, "the process is old enough", func() error {
		age, err := p.g.NodeEnter(t.Context(), wiredNode, "ps", "-o", "etimes=", "-p", p.left[0])
		if err != nil {
			return err
		}
		if s := strings.TrimSpace(string(age)); len(s) < 2 {
			return fmt.Errorf("it is %s s old", s)
		}
		return nil
	})
}

// failed waits until the pod's container has ended by itself.
func (p *wiredPod) failed(t *testing.T) {
	t.Helper()
	eventually(t, 30*time.Second, "the container fails", func() error {
		out, err := p.g.Kubectl(t.Context(), "", "get", "pod", "-n", "shop", "wired", "-o", "jsonpath={.status.containerStatuses[0].lastState.terminated.exitCode}{.status.containerStatuses[0].state.terminated.exitCode}")
		if err != nil {
			return err
		}
		if !strings.HasPrefix(string(out), "1") {
			return fmt.Errorf("it ended with %q", out)
		}
		return nil
	})
}

// inNode runs a line of shell on wiredNode.
func inNode(t *testing.T, g *ground.Ground, line string) {
	t.Helper()
	if _, err := g.NodeEnter(t.Context(), wiredNode, "sh", "-ec", line); err != nil {
		t.Fatal(err)
	}
}

package connectivity

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"

	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/k8s"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/facts"
)

var noon = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// IDs of containers, as runtimes make them.
var (
	idWeb  = strings.Repeat("ab", 32)
	idOld  = strings.Repeat("cd", 32)
	idMore = strings.Repeat("ef", 32)
)

// healthy is a node with a bridge and two pods, on which all is well.
func healthy() map[facts.Part]*facts.Section {
	return map[facts.Part]*facts.Section{
		facts.PartNetwork: {Network: &facts.Network{
			CNI:     facts.CNI{File: "10-x.conflist", Types: []string{"bridge", "portmap"}, Bridge: "cni0"},
			Bridges: []facts.Bridge{{Wire: facts.Wire{Name: "cni0", MTU: 1460}, Up: true, State: "UP", Ports: 2, Address: "02:00:00:00:00:01"}},
			Uplink:  facts.Wire{Name: "eth0", MTU: 1460},
			Pods: []facts.PodLink{
				{PodUID: "u-web", Inner: facts.Wire{Name: "eth0", MTU: 1460}, Outer: facts.Wire{Name: "veth1", MTU: 1460}, Master: "cni0", Packets: 100, OutSegs: 50},
				{PodUID: "u-db", Inner: facts.Wire{Name: "eth0", MTU: 1460}, Outer: facts.Wire{Name: "veth2", MTU: 1460}, Master: "cni0"},
			},
			Neighbours: facts.Neighbours{Entries: 12, Max: 1024, Learned: 2}, Millis: 2000,
		}},
		facts.PartTracking: {Tracking: &facts.Tracking{Count: 100, Max: 65536, Millis: 2000, MemTotalKB: 4_000_000}},
		facts.PartPaths:    {Paths: []facts.Path{{To: "10.0.0.2", Sent: 1460, Passed: 1460}}},
		facts.PartContainers: {Containers: []facts.Container{
			{PodUID: "u-web", ID: idWeb, Runtime: facts.RuntimeKnows, PID: 100, Command: "/web", Seconds: 3600, Processes: 1},
			{PodUID: "u-web", ID: idMore, Runtime: facts.RuntimeKnows, PID: 90, Command: "/pause", Seconds: 3600, Processes: 1},
		}},
		facts.PartHolders: {},
	}
}

func webPod(change func(*corev1.Pod)) *corev1.Pod {
	started := metav1.NewTime(noon.Add(-time.Hour))
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop", UID: "u-web"},
		Spec:       corev1.PodSpec{NodeName: "n1"},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, StartTime: &started, PodIPs: []corev1.PodIP{{IP: "10.244.0.7"}}, ContainerStatuses: []corev1.ContainerStatus{
			{Name: "app", ContainerID: "containerd://" + idWeb, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
		}},
	}
	if change != nil {
		change(p)
	}
	return p
}

// crashing says that the pod's container ends with a message.
func crashing(message string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.ContainerStatuses[0] = corev1.ContainerStatus{
			Name: "app", ContainerID: "containerd://" + idOld, RestartCount: 4,
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
			LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
				ExitCode: 1, ContainerID: "containerd://" + idOld, Message: message, FinishedAt: metav1.NewTime(noon.Add(-time.Minute)),
			}},
		}
	}
}

type examiner struct {
	sections map[facts.Part]*facts.Section
	asked    *facts.Ask
}

func (e examiner) Examine(_ context.Context, _ inventory.Node, ask facts.Ask, _ func(string), got func(*facts.Section)) (string, error) {
	if e.asked != nil {
		*e.asked = ask
	}
	for _, part := range ask.Parts {
		if s := e.sections[part]; s != nil {
			s.Part = part
			got(s)
		}
	}
	return "node pod", nil
}

// check runs the book on one node, and returns "id subject verdict" of every
// answer that is not ok, and every step.
func check(t *testing.T, sections map[facts.Part]*facts.Section, set *fake.Clientset, asked *facts.Ask) ([]string, []step.Step) {
	t.Helper()
	p := step.Patient{
		API:      &k8s.Client{Clientset: set, Version: "v1.36.3"},
		Nodes:    []inventory.Node{{Name: "n1", OS: "linux", Ready: true, InternalIP: "10.0.0.1"}},
		Examiner: examiner{sections, asked}, Now: func() time.Time { return noon },
	}
	steps := step.Run(t.Context(), []step.Book{New()}, p, nil)
	var out []string
	for _, s := range steps {
		if s.Verdict != step.OK {
			out = append(out, strings.TrimPrefix(s.ID, "connectivity.")+" "+s.Subject+" "+string(s.Verdict))
		}
		if (s.Verdict == step.Problem) != (len(s.Remedies) > 0) {
			t.Errorf("%s %s is %s with %d remedies", s.ID, s.Subject, s.Verdict, len(s.Remedies))
		}
		if (s.Verdict == step.OK || s.Verdict == step.Problem) && len(s.Evidence) == 0 {
			t.Errorf("%s %s: no evidence", s.ID, s.Subject)
		}
	}
	return out, steps
}

func TestHealthy(t *testing.T) {
	t.Parallel()
	got, steps := check(t, healthy(), fake.NewClientset(webPod(nil)), nil)
	if len(got) != 0 || len(steps) != 7 {
		t.Errorf("%d answers, not ok: %v", len(steps), got)
	}
}

// Each thing that is wrong is seen by its own step, on its own subject, and by
// no other.
func TestEachFaultHasItsStep(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(map[facts.Part]*facts.Section)
		pod    func(*corev1.Pod)
		want   []string
		// says is in the summary of the first of them, do in one of its commands.
		says, do string
	}{
		"bridge down": {
			change: func(s map[facts.Part]*facts.Section) { s[facts.PartNetwork].Network.Bridges[0].Up = false },
			want:   []string{"bridge node/n1 problem"}, says: "cni0 is down", do: "sudo ip link set cni0 up",
		},
		"bridge gone": {
			change: func(s map[facts.Part]*facts.Section) { s[facts.PartNetwork].Network.Bridges = nil },
			want:   []string{"bridge node/n1 problem"}, says: "is not there, and 1 pod",
		},
		"no bridge yet": {
			change: func(s map[facts.Part]*facts.Section) { s[facts.PartNetwork].Network.Bridges = nil },
			pod:    func(p *corev1.Pod) { p.Spec.HostNetwork = true },
		},
		"a CNI without a bridge": {
			change: func(s map[facts.Part]*facts.Section) {
				n := s[facts.PartNetwork].Network
				n.CNI, n.Bridges = facts.CNI{File: "05-cilium.conflist", Types: []string{"cilium-cni"}}, nil
			},
			want: []string{"bridge node/n1 not-applicable"}, says: "cilium-cni",
		},
		"a pod that does not answer": {
			change: func(s map[facts.Part]*facts.Section) {
				s[facts.PartNetwork].Network.Neighbours.Bad = []facts.Neighbour{{IP: "10.244.0.7", Link: "cni0", State: "FAILED"}, {IP: "10.244.0.99", Link: "cni0", State: "FAILED"}}
			},
			want: []string{"neighbours pod/shop/web problem"}, says: "10.244.0.7: the entry on cni0 is FAILED", do: "ip neigh show dev cni0 10.244.0.7",
		},
		"a pod that has just begun": {
			change: func(s map[facts.Part]*facts.Section) {
				s[facts.PartNetwork].Network.Neighbours.Bad = []facts.Neighbour{{IP: "10.244.0.7", Link: "cni0", State: "INCOMPLETE"}}
			},
			pod: func(p *corev1.Pod) { p.Status.StartTime = &metav1.Time{Time: noon.Add(-5 * time.Second)} },
		},
		"neighbour table full": {
			change: func(s map[facts.Part]*facts.Section) { s[facts.PartNetwork].Network.Neighbours.Entries = 1000 },
			want:   []string{"neighbours node/n1 problem"}, says: "1000 of 1024", do: "gc_thresh3=4096",
		},
		"drops": {
			change: func(s map[facts.Part]*facts.Section) { s[facts.PartNetwork].Network.Pods[0].Dropped = 10 },
			want:   []string{"drops pod/shop/web problem"}, says: "10 of 110 packets were dropped (9.1 %) in 2.0 s", do: "ip -s link show veth1",
		},
		"a few drops": {
			change: func(s map[facts.Part]*facts.Section) { s[facts.PartNetwork].Network.Pods[0].Dropped = 9 },
		},
		"many drops of very many": {
			change: func(s map[facts.Part]*facts.Section) {
				s[facts.PartNetwork].Network.Pods[0].Dropped, s[facts.PartNetwork].Network.Pods[0].Packets = 99, 9902
			},
		},
		"segments sent again": {
			change: func(s map[facts.Part]*facts.Section) {
				p := &s[facts.PartNetwork].Network.Pods[0]
				p.OutSegs, p.Retrans, p.SynRetrans = 200, 15, 5
			},
			want: []string{"drops pod/shop/web problem"}, says: "10 of 200 TCP segments were sent again (5.0 %)",
		},
		"attempts sent again": {
			change: func(s map[facts.Part]*facts.Section) {
				p := &s[facts.PartNetwork].Network.Pods[0]
				p.OutSegs, p.Retrans, p.SynRetrans = 80, 80, 80
			},
		},
		"backlog": {
			change: func(s map[facts.Part]*facts.Section) { s[facts.PartNetwork].Network.SoftnetDropped = 100 },
			want:   []string{"drops node/n1 problem"}, says: "100 packets", do: "netdev_max_backlog",
		},
		"one look only": {
			change: func(s map[facts.Part]*facts.Section) { s[facts.PartNetwork].Network.Millis = 0 },
			want:   []string{"drops node/n1 unknown"},
		},
		"ends of a veth differ": {
			change: func(s map[facts.Part]*facts.Section) { s[facts.PartNetwork].Network.Pods[0].Outer.MTU = 1300 },
			want:   []string{"mtu pod/shop/web problem"}, says: "eth0 in the pod takes 1460 bytes, veth1 on the node 1300", do: "sudo ip link set veth1 mtu 1460",
		},
		"one pod larger than the node": {
			change: func(s map[facts.Part]*facts.Section) {
				p := &s[facts.PartNetwork].Network.Pods[0]
				p.Inner.MTU, p.Outer.MTU = 1500, 1500
			},
			want: []string{"mtu pod/shop/web problem"}, says: "by which the node's packets leave, 1460",
		},
		"all pods larger than the node": {
			change: func(s map[facts.Part]*facts.Section) {
				s[facts.PartNetwork].Network.Uplink.MTU = 1400
			},
			want: []string{"mtu node/n1 problem"}, says: "eth0 carries 1400",
		},
		"a narrow path": {
			change: func(s map[facts.Part]*facts.Section) { s[facts.PartPaths].Paths[0].Passed = 1400 },
			want:   []string{"mtu node/n1 problem"}, says: "the way to 10.0.0.2 carries 1400",
		},
		"an overlay": {
			change: func(s map[facts.Part]*facts.Section) {
				s[facts.PartNetwork].Network.Tunnels = []facts.Wire{{Name: "flannel.1", MTU: 1410}}
			},
			want: []string{"mtu node/n1 problem"}, says: "flannel.1 carries 1410",
		},
		"nobody answers echoes": {
			change: func(s map[facts.Part]*facts.Section) { s[facts.PartPaths].Paths[0].Passed = 0 },
		},
		"table full": {
			change: func(s map[facts.Part]*facts.Section) { s[facts.PartTracking].Tracking.Count = 65000 },
			want:   []string{"conntrack node/n1 problem"}, says: "65000 of 65536", do: "nf_conntrack_max",
		},
		"table drops": {
			change: func(s map[facts.Part]*facts.Section) {
				s[facts.PartTracking].Tracking.Count, s[facts.PartTracking].Tracking.Drop = 40000, 3
			},
			want: []string{"conntrack node/n1 problem"}, says: "3 packets were dropped",
		},
		"the log says full": {
			change: func(s map[facts.Part]*facts.Section) {
				s[facts.PartTracking].Tracking.Log, s[facts.PartTracking].Tracking.LogSeconds = "nf_conntrack: table full, dropping packet", 60
			},
			want: []string{"conntrack node/n1 problem"}, says: "was full 1 min ago",
		},
		"the log said full": {
			change: func(s map[facts.Part]*facts.Section) {
				s[facts.PartTracking].Tracking.Log, s[facts.PartTracking].Tracking.LogSeconds = "nf_conntrack: table full, dropping packet", 61
			},
		},
		"entries refused": {
			change: func(s map[facts.Part]*facts.Section) { s[facts.PartTracking].Tracking.InsertFailed = 10 },
			want:   []string{"conntrack node/n1 problem"}, says: "could not be entered",
		},
		"no table": {
			change: func(s map[facts.Part]*facts.Section) { s[facts.PartTracking].Tracking = nil },
			want:   []string{"conntrack node/n1 unknown"},
		},
		"port taken by what outlived its container": {
			pod: crashing("listen tcp :8080: bind: address already in use"),
			change: func(s map[facts.Part]*facts.Section) {
				s[facts.PartHolders].Holders = []facts.Holder{
					{PodUID: "u-web", Network: "tcp", Address: "::", Port: 9090, PID: 7, Command: "other"},
					{PodUID: "u-web", Network: "tcp", Address: "::", Port: 8080, PID: 77, Command: "web", Seconds: 120, OwnerUID: "u-web", Container: idOld},
				}
				s[facts.PartContainers].Containers = nil
			},
			want: []string{"address-in-use pod/shop/web problem"}, says: "port 8080, which is held by process 77 (web), 2 min old, of container app (cdcdcdcdcdcdc), which has ended", do: "sudo kill 77",
		},
		"port taken, by the node's copy of the log": {
			pod: crashing(""),
			change: func(s map[facts.Part]*facts.Section) {
				s[facts.PartHolders].Complaints = []facts.Complaint{{PodUID: "u-web", Container: "app", Line: "# Creating Server TCP listening socket *:60250: bind: Address already in use"}}
				s[facts.PartContainers].Containers = nil
			},
			want: []string{"address-in-use pod/shop/web problem"}, says: "did not get port 60250, and nobody holds it now",
		},
		"fails for another reason": {
			pod:    crashing("exit: no such file"),
			change: func(s map[facts.Part]*facts.Section) { s[facts.PartContainers].Containers = nil },
		},
		"an orphan in a pod": {
			change: func(s map[facts.Part]*facts.Section) {
				s[facts.PartContainers].Containers = append(s[facts.PartContainers].Containers, facts.Container{PodUID: "u-web", ID: idOld, Runtime: facts.RuntimeUnknown, PID: 5, Command: "/old", Seconds: 10, Processes: 2})
			},
			want: []string{"stale-containers pod/shop/web problem"}, says: "process 5 (/old), 10 s old, runs in container cdcdcdcdcdcdc of the pod", do: "sudo kill 5",
		},
		"an orphan that is very young": {
			change: func(s map[facts.Part]*facts.Section) {
				s[facts.PartContainers].Containers = append(s[facts.PartContainers].Containers, facts.Container{PodUID: "u-web", ID: idOld, Runtime: facts.RuntimeUnknown, PID: 5, Seconds: 9})
			},
		},
		"an orphaned pod": {
			change: func(s map[facts.Part]*facts.Section) {
				s[facts.PartContainers].Containers = append(s[facts.PartContainers].Containers, facts.Container{PodUID: "u-gone", ID: idOld, Runtime: facts.RuntimeUnknown, PID: 5, Seconds: 300})
			},
			want: []string{"stale-containers node/n1 problem"}, says: "pod u-gone",
		},
		"a pod that is being removed": {
			change: func(s map[facts.Part]*facts.Section) {
				s[facts.PartContainers].Containers = append(s[facts.PartContainers].Containers, facts.Container{PodUID: "u-gone", ID: idOld, Runtime: facts.RuntimeKnows, PID: 5, Seconds: 300})
			},
		},
		"a stranger in a pod's network": {
			change: func(s map[facts.Part]*facts.Section) {
				s[facts.PartContainers].Containers = append(s[facts.PartContainers].Containers, facts.Container{PodUID: "u-web", Stray: true, PID: 5, Command: "nc -l", Seconds: 60})
			},
			want: []string{"stale-containers pod/shop/web problem"}, says: "belongs to no pod",
		},
		"a runtime that cannot be asked": {
			change: func(s map[facts.Part]*facts.Section) {
				for i := range s[facts.PartContainers].Containers {
					s[facts.PartContainers].Containers[i].Runtime = facts.RuntimeUnclear
				}
			},
		},
		"an unknown container, and a runtime that cannot be asked": {
			change: func(s map[facts.Part]*facts.Section) {
				s[facts.PartContainers].Containers = []facts.Container{{PodUID: "u-web", ID: idOld, Runtime: facts.RuntimeUnclear, PID: 5, Command: "/old", Seconds: 60}}
			},
			want: []string{"stale-containers pod/shop/web problem"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sections := healthy()
			if tc.change != nil {
				tc.change(sections)
			}
			got, steps := check(t, sections, fake.NewClientset(webPod(tc.pod)), nil)
			if !slices.Equal(got, tc.want) {
				t.Fatalf("got %q, want %q", got, tc.want)
			}
			for _, s := range steps {
				if s.Verdict == step.OK {
					continue
				}
				if !strings.Contains(s.Summary, tc.says) {
					t.Errorf("%q does not say %q", s.Summary, tc.says)
				}
				does := tc.do == ""
				for _, r := range s.Remedies {
					does = does || strings.Contains(r.Command, tc.do)
				}
				if !does {
					t.Errorf("no remedy says %q: %+v", tc.do, s.Remedies)
				}
				break
			}
		})
	}
}

// A node is asked for the ports of pods that fail, and for no others'.
func TestAsk(t *testing.T) {
	t.Parallel()
	var asked facts.Ask
	check(t, healthy(), fake.NewClientset(webPod(nil)), &asked)
	if len(asked.Holders) != 0 || len(asked.Parts) != 5 {
		t.Errorf("a healthy node is asked for %+v", asked)
	}
	check(t, healthy(), fake.NewClientset(webPod(crashing(""))), &asked)
	if want := []facts.HolderPod{{UID: "u-web"}}; !slices.Equal(asked.Holders, want) {
		t.Errorf("asked for %+v", asked.Holders)
	}
	nodes := []inventory.Node{{Name: "a", Ready: true, InternalIP: "1"}, {Name: "b", Ready: true, InternalIP: "2"}, {Name: "c", InternalIP: "3"}, {Name: "d", OS: "windows", Ready: true, InternalIP: "4"}}
	if got := others(nodes, "b"); !slices.Equal(got, []string{"1"}) {
		t.Errorf("b tries %v", got)
	}
}

// Without the right to list pods, what needs no list goes on.
func TestNoRights(t *testing.T) {
	t.Parallel()
	set := fake.NewClientset(webPod(nil))
	set.PrependReactor("list", "pods", func(k8stesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New("no"))
	})
	got, steps := check(t, healthy(), set, nil)
	if want := []string{"address-in-use node/n1 unknown", "stale-containers node/n1 unknown"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	for _, s := range steps {
		if s.Verdict == step.Unknown && (!strings.Contains(s.Summary, "list") || !strings.Contains(s.Summary, "pods")) {
			t.Errorf("the missing right is not named: %q", s.Summary)
		}
	}
}

func TestPortsOf(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]uint16{
		"listen tcp :8080: bind: address already in use":                                         {8080},
		"nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)":                {80},
		"07:06:47.533 # Creating Server TCP listening socket *:60250: bind: Address in use":      {60250},
		"Error: listen EADDRINUSE: address already in use :::3000":                               {3000},
		"java.net.BindException: Address already in use (Bind failed)":                           nil,
		"listen tcp 10.0.0.1:99999: bind: address already in use":                                nil,
		"listen tcp [::]:443: bind: address already in use; listen tcp [::]:443: bind: it fails": {443},
	} {
		got := portsOf(line)
		if strings.HasPrefix(line, "07:06") {
			got = got[len(got)-1:] // its clock is no port that anybody holds
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	}
}

func TestPodOf(t *testing.T) {
	t.Parallel()
	static := podOf(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: types.UID("u"), Annotations: map[string]string{"kubernetes.io/config.hash": "h", "kubernetes.io/config.mirror": "h"}}})
	if static.cgroup() != "h" || byCgroup([]pod{static}, "h") == nil || byCgroup([]pod{static}, "u") == nil || byCgroup([]pod{static}, "") != nil {
		t.Errorf("%+v", static)
	}
	if got := bareID("containerd://" + idWeb); got != idWeb || bareID("x") != "x" {
		t.Errorf("%q", got)
	}
}

func FuzzPortsOf(f *testing.F) {
	f.Add("listen tcp :8080: bind: address already in use")
	f.Fuzz(func(t *testing.T, line string) {
		if slices.Contains(portsOf(line), 0) {
			t.Error("port 0")
		}
		facts.InUse(line)
	})
}

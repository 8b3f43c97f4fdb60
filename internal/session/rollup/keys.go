package rollup

import (
	"cmp"
	"strconv"

	"github.com/snattop/snattop/internal/session"
)

// ofOwner says to which row of a side an owner belongs, and what that is
// called.
func ofOwner(by By, n *session.Node, o *session.Owner) (key, name, note string) {
	switch by {
	case Node:
		return n.Name, n.Name, n.InternalIP
	case Workload:
		switch {
		case o.Name == "":
			return "host\x00" + o.Workload.Kind + "\x00" + o.Workload.Name, o.Title(), o.Workload.Kind
		case o.Workload.Name == "":
			return "pod\x00" + o.Namespace + "\x00" + o.Name, o.Title(), "a pod of its own"
		default:
			return o.Namespace + "\x00" + o.Workload.Kind + "\x00" + o.Workload.Name, in(o.Namespace, o.Workload.Name), o.Workload.Kind
		}
	case Namespace:
		switch {
		case o.Namespace != "":
			return o.Namespace, o.Namespace, ""
		case o.Name != "":
			return "\x00", "namespace unknown", "pods that the API server does not list"
		default:
			return "", "host", "no pod: the nodes' own"
		}
	case Pod, Dest, Process, Container:
	}
	note = ""
	if o.Name != "" {
		note = o.Workload.String()
	}
	return n.Name + "\x00" + string(o.Key), o.Title(), note
}

// ofPart says to which row of processes or containers a part belongs.
func ofPart(by By, n *session.Node, o *session.Owner, p *session.Process, why Missing) (key, name, note string) {
	switch {
	case why == NotAsked:
		return "\x00not asked", "not asked", "processes are known once page ③ has shown the pod"
	case why == NoProcess:
		return "\x00none", "no process", "closed, or not told whose"
	case by == Container:
		if p.Container == "" {
			return n.Name + "\x00" + string(o.Key) + "\x00", "no container", o.Title()
		}
		return n.Name + "\x00" + string(o.Key) + "\x00" + p.Container, p.Container, o.Title()
	default:
		key = n.Name + "\x00" + strconv.Itoa(p.PID)
		if p.PID == 0 {
			key += "\x00" + string(o.Key) + "\x00" + p.Command
		}
		note = o.Title()
		if p.PID != 0 {
			note = "PID " + strconv.Itoa(p.PID) + " · " + note
		}
		return key, cmp.Or(p.Command, "command unknown"), note
	}
}

func in(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "/" + name
}

// Package cgroup reads whose processes a control group holds out of its path.
package cgroup

import (
	"strings"

	"github.com/snattop/snattop/probe/plain"
)

// Owner is what the path of a cgroup tells about its processes.
type Owner struct {
	// PodUID has its dashes restored; a static pod has 32 hex digits instead.
	PodUID string
	// ContainerID is 64 hex digits, without a scheme.
	ContainerID string
	// Unit is the systemd unit outside pods, such as "sshd.service".
	Unit string
}

// Zero reports whether the path told nothing.
func (c Owner) Zero() bool { return c == Owner{} }

// ParseFile reads the text of /proc/<pid>/cgroup (cgroups(7)). The lines
// of several hierarchies may disagree: a line that names a pod wins, then one
// that names a container, then the unit; among equals the v2 line, then
// name=systemd, pids and memory, which runtimes always join.
func ParseFile(text string) Owner {
	best, bestRank := Owner{}, -1
	for len(text) > 0 {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		_, rest, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		controllers, path, ok := strings.Cut(rest, ":")
		if !ok {
			continue
		}
		owner := ParsePath(path)
		rank := 10*ownerRank(owner) + hierarchyRank(controllers)
		if rank > bestRank {
			best, bestRank = owner, rank
		}
	}
	return best
}

func ownerRank(o Owner) int {
	switch {
	case o.PodUID != "" && o.ContainerID != "":
		return 4
	case o.PodUID != "":
		return 3
	case o.ContainerID != "":
		return 2
	case o.Unit != "":
		return 1
	default:
		return 0
	}
}

func hierarchyRank(controllers string) int {
	switch controllers {
	case "":
		return 4
	case "name=systemd":
		return 3
	case "pids":
		return 2
	case "memory":
		return 1
	default:
		return 0
	}
}

// maxUnit bounds the name of a unit; systemd's own limit is 255.
const maxUnit = 255

// ParsePath reads one path. Paths are matched by containment and not by
// prefix, because nested runtimes (kind) put their own folders in front, and a
// private cgroup namespace shows "/../" instead of the parents.
func ParsePath(path string) Owner {
	var o Owner
	// The kubelet with the systemd driver over a runtime with cgroupfs writes
	// "…-pod<uid>.slice:cri-containerd:<id>": colons are separators as well.
	for _, seg := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == ':' }) {
		if uid := podUID(seg); uid != "" {
			// A pod inside a container inside a pod: the innermost counts.
			o = Owner{PodUID: uid}
			continue
		}
		if id, ok := containerID(seg); ok {
			o.ContainerID, o.Unit = id, ""
			continue
		}
		if o.PodUID == "" && o.ContainerID == "" && isUnit(seg) {
			// Whoever may make a cgroup chooses its name.
			o.Unit = plain.Cut(plain.Line(seg), maxUnit)
		}
	}
	return o
}

// Outermost returns the pod and the container that the text of
// /proc/<pid>/cgroup names first from the root: those that this node's kubelet
// made, whatever runs inside them. Either may be empty.
func Outermost(text string) (pod, container string) {
	for line := range strings.Lines(text) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		_, path, ok := strings.Cut(rest, ":")
		if !ok {
			continue
		}
		uid, id := "", ""
		for _, seg := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == ':' }) {
			if uid == "" {
				uid = podUID(seg)
			} else if found, ok := containerID(seg); ok {
				id = found
				break
			}
		}
		if uid != "" && (pod == "" || container == "") {
			pod, container = uid, id
		}
	}
	return pod, container
}

// podUID finds "pod<uid>" in one folder's name: "pod1234-…" (cgroupfs),
// "kubepods-burstable-pod1234_….slice" (systemd), "pod<32 hex>" (static pods).
func podUID(seg string) string {
	seg = strings.TrimSuffix(seg, ".slice")
	i := strings.LastIndex(seg, "pod")
	if i < 0 {
		return ""
	}
	uid := strings.ReplaceAll(seg[i+len("pod"):], "_", "-")
	if !isUID(uid) {
		return ""
	}
	return uid
}

func isUID(s string) bool {
	switch len(s) {
	case 32:
		return isHex(s)
	case 36:
		for i := range len(s) {
			if i == 8 || i == 13 || i == 18 || i == 23 {
				if s[i] != '-' {
					return false
				}
			} else if !isHexDigit(s[i]) {
				return false
			}
		}
		return true
	default:
		return false
	}
}

// containerID finds a container's ID in one folder's name: bare (cgroupfs) or
// "<runtime>-<id>.scope" (systemd). conmon is CRI-O's monitor and not the
// container.
func containerID(seg string) (string, bool) {
	seg = strings.TrimSuffix(seg, ".scope")
	if strings.HasPrefix(seg, "crio-conmon-") || strings.HasPrefix(seg, "libpod-conmon-") {
		return "", false
	}
	if i := strings.LastIndexByte(seg, '-'); i >= 0 {
		seg = seg[i+1:]
	}
	if len(seg) != 64 || !isHex(seg) {
		return "", false
	}
	return seg, true
}

func isUnit(seg string) bool {
	return strings.HasSuffix(seg, ".service") || strings.HasSuffix(seg, ".scope") || strings.HasSuffix(seg, ".socket")
}

func isHex(s string) bool {
	for i := range len(s) {
		if !isHexDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

func isHexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

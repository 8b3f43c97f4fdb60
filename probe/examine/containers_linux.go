package examine

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/probe/facts"
	"github.com/snattop/snattop/probe/procfs"
)

// runtimeStates are where runtimes keep one folder for each container that they
// know: containerd, that of k3s, CRI-O, Docker.
var runtimeStates = []string{
	"run/containerd/io.containerd.runtime.v2.task/k8s.io",
	"run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io",
	"run/containers/storage/overlay-containers",
	"var/lib/docker/containers",
}

// runtimeState asks the runtimes' own state for a container.
type runtimeState []string

// openRuntimes finds the folders that are there.
func openRuntimes(root string) runtimeState {
	var out runtimeState
	for _, dir := range runtimeStates {
		path := filepath.Join(root, dir)
		if entries, err := os.ReadDir(path); err == nil && len(entries) > 0 {
			out = append(out, path)
		}
	}
	return out
}

// knows answers for one ID, which is hexadecimal and therefore safe in a path.
func (r runtimeState) knows(id string) facts.Runtime {
	if len(r) == 0 {
		return facts.RuntimeUnclear
	}
	for _, dir := range r {
		_, err := os.Lstat(filepath.Join(dir, id))
		if err == nil {
			return facts.RuntimeKnows
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return facts.RuntimeUnclear
		}
	}
	return facts.RuntimeUnknown
}

// containerKey names one row.
type containerKey struct {
	pod, id string
	stray   bool
}

func lookContainers(ctx context.Context, place Place, _ facts.Ask, s *facts.Section) {
	host, err := hostNetwork(place.Proc)
	if err != nil {
		s.Error = sanitize.Text(err.Error())
		return
	}
	up, err := uptime(place.Proc)
	if err != nil {
		s.Error = sanitize.Text(err.Error())
		return
	}
	first, err := processes(place.Proc)
	if err != nil {
		s.Error = sanitize.Text(err.Error())
		return
	}
	// What has gone when one looks again was ending, not left behind.
	if pause(ctx, place.Window) == nil {
		if second, err := processes(place.Proc); err == nil {
			first = inBoth(first, second)
		}
	}
	s.Containers = containers(place.Proc, first, host.Inode, openRuntimes(place.HostRoot))
	for i := range s.Containers {
		c := &s.Containers[i]
		c.Command = procfs.Command(place.Proc, c.PID)
		if start, _, err := procfs.StartTime(place.Proc, c.PID); err == nil {
			c.Seconds = age(up, start)
		}
	}
}

// inBoth keeps the processes that are in both lists, as the second has them.
func inBoth(first, second []process) []process {
	started := make(map[int]uint64, len(first))
	for _, p := range first {
		started[p.pid] = p.start
	}
	return slices.DeleteFunc(second, func(p process) bool {
		start, ok := started[p.pid]
		return !ok || start != p.start
	})
}

// containers groups processes by container, and adds those that live in a pod's
// network without belonging to a pod. What the runtime does not know comes first.
func containers(proc string, all []process, host uint64, runtimes runtimeState) []facts.Container {
	podOf := map[uint64]string{}
	for _, sp := range podSpaces(proc, all, host) {
		podOf[sp.at.Inode] = sp.uid
	}
	rows := map[containerKey]*facts.Container{}
	oldest := map[containerKey]uint64{}
	for _, p := range all {
		key := containerKey{pod: p.pod, id: p.container}
		if p.pod == "" {
			if podOf[p.netns] == "" || p.pid == os.Getpid() {
				continue
			}
			key = containerKey{pod: podOf[p.netns], stray: true}
		}
		row := rows[key]
		if row == nil {
			row = &facts.Container{PodUID: key.pod, ID: key.id, Stray: key.stray, PID: p.pid}
			if key.id != "" {
				row.Runtime = runtimes.knows(key.id)
			}
			rows[key], oldest[key] = row, p.start
		}
		row.Processes++
		if p.start < oldest[key] {
			row.PID, oldest[key] = p.pid, p.start
		}
	}
	out := make([]facts.Container, 0, len(rows))
	for _, row := range rows {
		out = append(out, *row)
	}
	rank := func(c *facts.Container) int {
		switch {
		case c.Runtime == facts.RuntimeUnknown:
			return 0
		case c.Stray:
			return 1
		case c.Runtime == facts.RuntimeUnclear:
			return 2
		default:
			return 3
		}
	}
	slices.SortFunc(out, func(a, b facts.Container) int {
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), strings.Compare(a.PodUID, b.PodUID), strings.Compare(a.ID, b.ID), cmp.Compare(a.PID, b.PID))
	})
	return out
}

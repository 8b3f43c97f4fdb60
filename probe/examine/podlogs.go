package examine

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/probe/facts"
)

// Of a pod's logs the ends of a few are read: what a container said last.
const (
	logTail      = 16 << 10
	maxLogFiles  = 3
	maxPodFolder = 32
)

// complaints looks in the logs that the kubelet keeps of a pod
// (/var/log/pods/NAMESPACE_NAME_UID/CONTAINER/N.log) for a port that was taken.
// They are there when the API server cannot fetch them. Of each container the
// newest line is told, and no other.
func complaints(root, uid string) []facts.Complaint {
	if uid == "" || strings.ContainsAny(uid, "/*?[\\") {
		return nil
	}
	pods, err := filepath.Glob(filepath.Join(root, "var/log/pods", "*_"+uid))
	if err != nil || len(pods) == 0 {
		return nil
	}
	containers, err := os.ReadDir(pods[0])
	if err != nil {
		return nil
	}
	var out []facts.Complaint
	for _, c := range containers[:min(len(containers), maxPodFolder)] {
		if !c.IsDir() {
			continue
		}
		dir := filepath.Join(pods[0], c.Name())
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		type file struct {
			name string
			age  int64
		}
		var files []file
		for _, e := range entries {
			if info, err := e.Info(); err == nil && info.Mode().IsRegular() && strings.HasSuffix(e.Name(), ".log") {
				files = append(files, file{e.Name(), -info.ModTime().UnixNano()})
			}
		}
		slices.SortFunc(files, func(a, b file) int {
			if a.age != b.age {
				return int(min(1, max(-1, a.age-b.age)))
			}
			return strings.Compare(a.name, b.name)
		})
		for _, f := range files[:min(len(files), maxLogFiles)] {
			if line := lastInUse(tailOf(filepath.Join(dir, f.name))); line != "" {
				out = append(out, facts.Complaint{PodUID: uid, Container: sanitize.Text(c.Name()), Line: line})
				break
			}
		}
	}
	return out
}

// tailOf reads the end of a file; "" when it cannot be read.
func tailOf(path string) string {
	f, err := os.Open(path) //nolint:gosec // names below the kubelet's log folder that were listed
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	b := make([]byte, logTail)
	n, err := f.ReadAt(b, max(0, info.Size()-logTail))
	if err != nil && !errors.Is(err, io.EOF) {
		return ""
	}
	return string(b[:n])
}

// lastInUse returns the last line of a log that says that a port was taken, one
// that names a port rather than one that does not, without the time and the
// stream that the runtime writes before it.
func lastInUse(text string) string {
	found, named := "", false
	for line := range strings.Lines(text) {
		if !facts.InUse(line) {
			continue
		}
		if names := port.MatchString(message(line)); names || !named {
			found, named = line, names
		}
	}
	return strings.TrimSpace(sanitize.Text(message(found)))
}

// port finds what may be a port: digits behind a colon.
var port = regexp.MustCompile(`:\d{1,5}(\D|$)`)

// message is a line of a log as the container wrote it.
func message(line string) string {
	// "2026-03-01T12:00:00.123456789Z stderr F message" (CRI).
	if f := strings.SplitN(line, " ", 4); len(f) == 4 && (f[1] == "stderr" || f[1] == "stdout") {
		return f[3]
	}
	return line
}

package capture

import (
	"fmt"
	"strings"
	"time"

	"github.com/snattop/snattop/internal/pcapng"
	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/probe/capture"
)

// About says what is captured, for whoever opens the file later.
type About struct {
	// Target is "pod shop/web on node a" or "node a"; Context is the kubeconfig
	// context, "" without a cluster.
	Target, Context string
	// By is who captures, Version snattop's own.
	By, Version string
}

// comment is the file's own description, one fact a line.
func (a About) comment(s *capture.Start) string {
	line := "snattop captured " + a.Target
	if a.Context != "" {
		line += " of the cluster " + a.Context
	}
	lines := []string{line}
	lines = append(lines, "interface: "+s.Interface+" of "+s.Within)
	for _, n := range s.Notes {
		lines = append(lines, "note: "+n)
	}
	filter := s.Filter
	if filter == "" {
		filter = "none, every packet"
	}
	lines = append(lines, "filter: "+filter,
		fmt.Sprintf("kept of each packet: %d bytes at most", s.Snaplen),
		"since: "+time.Unix(0, s.UnixNanos).UTC().Format(time.RFC3339Nano)+" by the clock of "+s.Hostname+", as all times here",
		"by: "+a.By)
	for i := range lines {
		lines[i] = sanitize.Text(lines[i])
	}
	return strings.Join(lines, "\n")
}

func (a About) section(s *capture.Start) pcapng.Section {
	return pcapng.Section{
		Comment: a.comment(s), System: sanitize.Text("Linux " + s.Kernel), Application: sanitize.Text("snattop " + a.Version),
	}
}

// device describes the interface.
func (a About) device(s *capture.Start) pcapng.Interface {
	return pcapng.Interface{
		Link: uint16(s.Link), Snaplen: s.Snaplen + tag, Name: s.Interface, Filter: s.Filter,
		Description: sanitize.Text(s.Interface + " of " + s.Within + ", for " + a.Target), System: sanitize.Text("Linux " + s.Kernel),
	}
}

// tag is what a VLAN tag, which the node puts back, may add to what is kept.
const tag = 4

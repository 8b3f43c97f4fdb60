package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/session"
)

// tableRows bounds the pods and destinations in a table: the worst. The JSON
// document holds all of them.
const tableRows = 20

// commandWidth is how much of a command line a table shows, in cells.
const commandWidth = 48

// Table writes the report for people, as columns of text.
func Table(w io.Writer, r *Report) error {
	var b bytes.Buffer
	t := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintf(&b, "%s  %s  window %.0f s  %s\n\n", cmp.Or(r.Cluster.Context, "–"), r.Cluster.Provider, r.Window, r.GeneratedAt)

	fmt.Fprintln(t, "NODE\tIP\tVERDICT\tPORTS (est.)\tBUDGET\tPUBLIC ESTABLISHED\tTRYING\tCOOLING\tNEW/S\tFAIL/S\tCOLLECTOR")
	for _, n := range r.Nodes {
		if n.Ports.Estimate == nil {
			// As many cells as the others have: the columns below stay in line.
			fmt.Fprintf(t, "%s\t%s\t%s\t–\t%s\t–\t–\t–\t–\t–\tcannot see: %s\n", n.Name, cmp.Or(n.InternalIP, "–"), n.Verdict,
				budget(n.Ports), cmp.Or(n.Error, n.State))
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%d\t%.1f\t%s\t%s\n", n.Name, cmp.Or(n.InternalIP, "–"), n.Verdict,
			ports(n.Ports.Bounds), budget(n.Ports), *n.EstablishedPublic, number(n.SynSentPublic), *n.Cooling, *n.OpensPerSecond, rate(n.FailedPerSecond), n.Collector)
	}
	fmt.Fprintln(t)
	pods(t, r)
	destinations(t, r)
	if err := t.Flush(); err != nil {
		return fmt.Errorf("laying out the report: %w", err)
	}
	for _, f := range r.Findings {
		finding(&b, f)
	}
	handedOver(&b, r)
	if l := r.Loss; l.EventsLost+l.DestinationsDropped > 0 || len(l.NodesUnseen) > 0 {
		fmt.Fprintf(&b, "not seen: %d events, %d destinations, %d nodes\n", l.EventsLost, l.DestinationsDropped, len(l.NodesUnseen))
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func pods(t io.Writer, r *Report) {
	fmt.Fprintln(t, "POD\tOWNER\tNODE\tPORTS (est.)\tPUBLIC ESTABLISHED\tTRYING\tCOOLING\tNEW/S\tFAIL/S")
	for _, p := range r.Pods[:min(len(r.Pods), tableRows)] {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\t%d\t%.1f\t%s\n", podName(p.Namespace, p.Name), ownerName(p.Owner), p.Node,
			ports(p.Ports), p.EstablishedPublic, number(p.SynSentPublic), p.Cooling, p.OpensPerSecond, rate(p.FailedPerSecond))
	}
	more(t, len(r.Pods))
	fmt.Fprintln(t)
}

func destinations(t io.Writer, r *Report) {
	fmt.Fprintln(t, "DESTINATION\tNAME\tPOD\tCOUNTS?\tESTABLISHED\tTRYING\tCOOLING\tNEW/S\tFAIL/S\tRST/S\tSYN-R/S\tLIFE p50\tPROCESS")
	for _, d := range r.Destinations[:min(len(r.Destinations), tableRows)] {
		fmt.Fprintf(t, "%s %s\t%s\t%s\t%s\t%d\t%s\t%d\t%.1f\t%s\t%s\t%s\t%s\t%s\n", address(d), d.Protocol, cmp.Or(d.Name, "–"),
			podName(d.Namespace, d.Pod), counts(&d), d.Established, number(d.SynSent), d.Cooling, d.OpensPerSecond, rate(d.FailedPerSecond),
			rate(d.Resets), rate(d.SynRetransmits), medianLife(d.Life), holder(&d))
	}
	more(t, len(r.Destinations))
	fmt.Fprintln(t)
}

// counts says whether a destination takes ports, or why not.
func counts(d *Destination) string {
	if d.Eligible {
		return "yes"
	}
	return d.WhyNot
}

// holder names the process with the most connections to a destination.
func holder(d *Destination) string {
	if len(d.Processes) == 0 {
		return "–"
	}
	p := d.Processes[0]
	text := fmt.Sprintf("%s (%d)", ansi.Truncate(cmp.Or(p.Command, "unknown"), commandWidth, "…"), p.PID)
	if n := len(d.Processes) - 1; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// finding writes a conclusion; of a cause also the first thing to do and the
// first command. The JSON document holds all of them, with the evidence.
func finding(w io.Writer, f Finding) {
	cause, isCause := strings.CutPrefix(f.ID, "cause.")
	if !isCause {
		fmt.Fprintf(w, "%s: %s\n", f.Severity, f.Summary)
		return
	}
	fmt.Fprintf(w, "%s: %s, confidence %s: %s\n", f.Severity, cause, f.Confidence, f.Summary)
	for i, r := range f.Remedies {
		if i == 0 || r.Command != "" {
			fmt.Fprintf(w, "    do: %s\n", r.Text)
		}
		if r.Command != "" {
			fmt.Fprintf(w, "    $ %s\n", r.Command)
			return
		}
	}
}

// handedOver tells where numbers have a gap, and why.
func handedOver(w io.Writer, r *Report) {
	for _, n := range r.Nodes {
		for _, h := range n.Handovers {
			fmt.Fprintf(w, "%s: %s failed at %s, %s took over", n.Name, cmp.Or(h.From, "the collector"), h.At, h.To)
			if h.Reason != "" {
				fmt.Fprintf(w, ": %s", h.Reason)
			}
			fmt.Fprintln(w)
		}
	}
}

// number writes a count that may not be known.
func number(n *int) string {
	if n == nil {
		return "–"
	}
	return strconv.Itoa(*n)
}

// rate writes events a second that may not be known.
func rate(r *float64) string {
	if r == nil {
		return "–"
	}
	return fmt.Sprintf("%.1f", *r)
}

// medianLife writes the bound of half of the lives.
func medianLife(l *Life) string {
	switch {
	case l == nil:
		return "–"
	case l.P50 == nil:
		return "over 1 h"
	default:
		return session.Span{Below: time.Duration(*l.P50) * time.Millisecond}.String()
	}
}

func more(t io.Writer, n int) {
	if n > tableRows {
		fmt.Fprintf(t, "… and %d more: see -o json\n", n-tableRows)
	}
	if n == 0 {
		fmt.Fprintln(t, "none")
	}
}

// ports writes an estimate with its bounds: "≈987 (902–1018)".
func ports(b Bounds) string {
	if b.Estimate == nil {
		return "–"
	}
	return fmt.Sprintf("≈%d (%d–%d)", *b.Estimate, *b.Min, *b.Max)
}

func budget(p NodePorts) string {
	if p.Budget == nil {
		return "unknown"
	}
	return fmt.Sprintf("%d (%s)", *p.Budget, p.BudgetSource)
}

func podName(namespace, name string) string {
	switch {
	case name == "":
		return "(host)"
	case namespace == "":
		return name
	default:
		return namespace + "/" + name
	}
}

func ownerName(w Workload) string {
	if w.Name == "" {
		return "–"
	}
	return w.Kind + "/" + w.Name
}

func address(d Destination) string {
	if ip, err := netip.ParseAddr(d.IP); err == nil {
		return netip.AddrPortFrom(ip, d.Port).String()
	}
	return d.IP + ":" + strconv.Itoa(int(d.Port))
}

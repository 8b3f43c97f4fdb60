package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strconv"

	"github.com/snattop/snattop/internal/report/markdown"
)

// maxShown bounds the findings that a page of Markdown spells out: the worst.
const maxShown = 12

// Markdown writes the report for a ticket: what is wrong, why and what to do
// first, then the figures.
func Markdown(w io.Writer, r *Report) error {
	var b bytes.Buffer
	heading(&b, r)
	findingsPage(&b, r)
	nodesPage(&b, r)
	podsPage(&b, r)
	destinationsPage(&b, r)
	unseenPage(&b, r)
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func heading(b *bytes.Buffer, r *Report) {
	fmt.Fprintf(b, "## SNAT ports of %s\n\n", markdown.Escape(cmp.Or(r.Cluster.Context, "an unnamed cluster")))
	b.WriteString(markdown.Head("Context", "Server", "Provider", "Measured until", "Window", "Events lost", "Destinations dropped", "Nodes unseen"))
	b.WriteString(markdown.Row(cmp.Or(r.Cluster.Context, "–"), cmp.Or(r.Cluster.ServerVersion, "–"), cmp.Or(r.Cluster.Provider, "–"), r.GeneratedAt,
		strconv.FormatFloat(r.Window, 'f', 0, 64)+" s", strconv.FormatUint(r.Loss.EventsLost, 10),
		strconv.FormatUint(r.Loss.DestinationsDropped, 10), strconv.Itoa(len(r.Loss.NodesUnseen))))
	b.WriteString("\n≈ marks estimates, with the least and the most that they can be; – is what is not known.\n")
}

func findingsPage(b *bytes.Buffer, r *Report) {
	b.WriteString("\n### Findings\n\n")
	if len(r.Findings) == 0 {
		b.WriteString("none\n")
	}
	for i := range r.Findings[:min(len(r.Findings), maxShown)] {
		f := &r.Findings[i]
		sure := ""
		if f.Confidence != "" {
			sure = ", confidence " + f.Confidence
		}
		fmt.Fprintf(b, "%d. **%s**%s: %s\n", i+1, markdown.Escape(f.ID), markdown.Escape(" ("+f.Severity+sure+")"), markdown.Escape(f.Summary))
		for _, e := range f.Evidence {
			text := cmp.Or(e.Text, e.Output)
			if text == "" && e.Command == "" {
				continue
			}
			fmt.Fprintf(b, "   - %s\n", markdown.Escape(cmp.Or(e.Basis, "evidence")+": "+text))
			command(b, e.Command, e.Output, text)
		}
		for _, do := range f.Remedies {
			fmt.Fprintf(b, "   - **do:** %s\n", markdown.Escape(do.Text))
			command(b, do.Command, "", "")
			if do.Warning != "" {
				fmt.Fprintf(b, "     **mind:** %s\n", markdown.Escape(do.Warning))
			}
		}
	}
	if n := len(r.Findings) - maxShown; n > 0 {
		fmt.Fprintf(b, "\n… and %d more: see the JSON document\n", n)
	}
}

// command writes a command to copy and what it printed, unless that has been
// said already.
func command(b *bytes.Buffer, text, output, said string) {
	if text == "" {
		return
	}
	lines := []string{text}
	if output != "" && output != said {
		lines = append(lines, "# "+output)
	}
	b.WriteString(markdown.Code("     ", lines...))
}

func nodesPage(b *bytes.Buffer, r *Report) {
	b.WriteString("\n### Nodes\n\n")
	b.WriteString(markdown.Head("Node", "IP", "Verdict", "Ports (est.)|", "Budget|", "Measured|", "Public established|", "Trying|", "Cooling|", "New/s|", "Fail/s|", "Collector"))
	for i := range r.Nodes[:min(len(r.Nodes), tableRows)] {
		n := &r.Nodes[i]
		if n.Ports.Estimate == nil {
			b.WriteString(markdown.Row(n.Name, cmp.Or(n.InternalIP, "–"), n.Verdict, "–", budget(n.Ports), number(n.Ports.MeasuredUsed), "–", "–", "–", "–", "–",
				"cannot see: "+cmp.Or(n.Error, n.State)))
			continue
		}
		b.WriteString(markdown.Row(n.Name, cmp.Or(n.InternalIP, "–"), n.Verdict, ports(n.Ports.Bounds), budget(n.Ports), number(n.Ports.MeasuredUsed),
			number(n.EstablishedPublic), number(n.SynSentPublic), number(n.Cooling), rate(n.OpensPerSecond), rate(n.FailedPerSecond), n.Collector))
	}
	rest(b, len(r.Nodes))
}

func podsPage(b *bytes.Buffer, r *Report) {
	b.WriteString("\n### Pods\n\n")
	b.WriteString(markdown.Head("Pod", "Owner", "Node", "Cause", "Ports (est.)|", "Public established|", "Trying|", "Cooling|", "New/s|", "Fail/s|"))
	for i := range r.Pods[:min(len(r.Pods), tableRows)] {
		p := &r.Pods[i]
		b.WriteString(markdown.Row(podName(p.Namespace, p.Name), ownerName(p.Owner), p.Node, p.Cause, ports(p.Ports), strconv.Itoa(p.EstablishedPublic),
			number(p.SynSentPublic), strconv.Itoa(p.Cooling), rate(&p.OpensPerSecond), rate(p.FailedPerSecond)))
	}
	rest(b, len(r.Pods))
}

func destinationsPage(b *bytes.Buffer, r *Report) {
	b.WriteString("\n### Destinations\n\n")
	b.WriteString(markdown.Head("Destination", "Name", "Pod", "Counts?", "Established|", "Trying|", "Cooling|", "New/s|", "Fail/s|", "Life p50|", "Process"))
	for i := range r.Destinations[:min(len(r.Destinations), tableRows)] {
		d := &r.Destinations[i]
		b.WriteString(markdown.Row(address(*d)+" "+d.Protocol, cmp.Or(d.Name, "–"), podName(d.Namespace, d.Pod), counts(d), strconv.Itoa(d.Established),
			number(d.SynSent), strconv.Itoa(d.Cooling), rate(&d.OpensPerSecond), rate(d.FailedPerSecond), medianLife(d.Life), holder(d)))
	}
	rest(b, len(r.Destinations))
}

// rest says how many rows a table does not show.
func rest(b *bytes.Buffer, n int) {
	switch {
	case n > tableRows:
		fmt.Fprintf(b, "\n… and %d more: see the JSON document\n", n-tableRows)
	case n == 0:
		b.WriteString("\nnone\n")
	}
}

// unseenPage is what the figures lack.
func unseenPage(b *bytes.Buffer, r *Report) {
	var gaps bytes.Buffer
	handedOver(&gaps, r)
	if len(r.Loss.NodesUnseen) == 0 && gaps.Len() == 0 {
		return
	}
	b.WriteString("\n### Not seen\n\n")
	for _, u := range r.Loss.NodesUnseen[:min(len(r.Loss.NodesUnseen), tableRows)] {
		fmt.Fprintf(b, "- node %s: %s\n", markdown.Escape(u.Node), markdown.Escape(u.Reason))
	}
	for _, line := range bytes.Split(bytes.TrimSpace(gaps.Bytes()), []byte("\n")) {
		if len(line) > 0 {
			fmt.Fprintf(b, "- gap on %s\n", markdown.Escape(string(line)))
		}
	}
}

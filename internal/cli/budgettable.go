package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/tui/format"
)

// budgetWidth is where sentences of the table are broken, in cells. Commands
// are not: they are there to be copied.
const budgetWidth = 78

// writeBudgetTable writes the document for people.
func writeBudgetTable(w io.Writer, d budgetDoc) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n\n", broken(d.Summary))
	t := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "provider\t%s\n", d.Provider)
	fmt.Fprintf(t, "nodes\t%s\n", nodesAsked(d.Asked))
	fmt.Fprintf(t, "outbound addresses\t%s\n", format.Count(d.Asked.IPs))
	perIP := "ports of an address"
	if d.Provider == snat.ProviderAWSNATGW {
		perIP = "ports of an address, to one destination"
	}
	fmt.Fprintf(t, "%s\t%s\n", perIP, count(d.PortsPerIP))
	fmt.Fprintf(t, "ports per node\t%s\n", portsAsked(d))
	if err := t.Flush(); err != nil {
		return fmt.Errorf("laying out the budget: %w", err)
	}
	fmt.Fprintln(&b)
	fmt.Fprintf(t, "most ports per node that fit\t%s\n", count(d.Largest))
	fmt.Fprintf(t, "fewest addresses for these ports\t%s\n", count(d.FewestIPs))
	fmt.Fprintf(t, "most nodes, surge besides\t%s\n", count(d.MostNodes))
	if o := d.OneDestination; o != nil {
		fmt.Fprintf(t, "most per node to one destination\t%s\n", format.Count(o.Largest))
	}
	if a := d.Default; a != nil {
		fmt.Fprintf(t, "default allocation\t%s\n", count(a.Ports))
		if d.Asked.Surge > 0 {
			fmt.Fprintf(t, "default allocation with surge\t%s\n", count(a.WithSurge))
		}
		if a.NextNodes != nil {
			fmt.Fprintf(t, "default allocation from %s nodes\t%s\n", format.Count(*a.NextNodes), count(a.NextPorts))
		}
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("laying out the budget: %w", err)
	}
	return sentences(w, &b, d)
}

// sentences adds the notes and commands below the figures, and writes it all.
func sentences(w io.Writer, b *bytes.Buffer, d budgetDoc) error {
	for _, n := range d.Notes {
		fmt.Fprintf(b, "\n%s\n", broken(n))
	}
	for _, c := range d.Commands {
		fmt.Fprintf(b, "\n%s\n\n    %s\n\n%s\n", broken(c.Text), c.Command, broken(c.Warning))
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("writing the budget: %w", err)
	}
	return nil
}

// broken breaks a sentence between words. A hyphen is no such place: flags have
// to stay whole.
func broken(text string) string {
	var b strings.Builder
	width := 0
	for _, word := range strings.Fields(text) {
		w := ansi.StringWidth(word)
		switch {
		case width == 0:
		case width+1+w > budgetWidth:
			b.WriteByte('\n')
			width = 0
		default:
			b.WriteByte(' ')
			width++
		}
		b.WriteString(word)
		width += w
	}
	return b.String()
}

func nodesAsked(a budgetAsked) string {
	if a.Surge == 0 {
		return format.Count(a.Nodes)
	}
	return fmt.Sprintf("%s and %s of surge", format.Count(a.Nodes), format.Count(a.Surge))
}

func portsAsked(d budgetDoc) string {
	switch {
	case d.Asked.Ports != nil:
		return format.Count(*d.Asked.Ports)
	case d.Shared:
		return "on demand"
	default:
		return count(d.Ports) + " (default allocation)"
	}
}

// count writes a number, or the dash that stands for none.
func count(n *int) string {
	if n == nil {
		return "–"
	}
	return format.Count(*n)
}

package proof

import "fmt"

// mostRows bounds the rows of one kind in a table or a page of Markdown: the
// worst. The JSON document holds all of them.
const mostRows = 20

// grid is one kind of subject as rows of text.
type grid struct {
	heading string
	columns []string
	rows    [][]string
	// total is how many rows there are in all.
	total int
}

// grids lays the comparison out. Estimates carry their mark, and what the
// cloud measured has columns of its own.
func (c *Comparison) grids() []grid {
	nodes := grid{heading: "Nodes", columns: []string{"NODE", "PORTS BEFORE (est.)", "AFTER (est.)", "CHANGE", "ANSWER"}, total: len(c.Nodes)}
	measured := c.measured()
	if measured {
		nodes.columns = append(nodes.columns, "MEASURED BEFORE", "AFTER", "CHANGE")
	}
	nodes.columns = append(nodes.columns, "FAIL/S BEFORE", "AFTER", "ANSWER", "WHY")
	for i := range c.Nodes[:min(len(c.Nodes), mostRows)] {
		n := &c.Nodes[i]
		row := append([]string{n.Name}, cells(n.Ports, true)...)
		if measured {
			row = append(row, whole(n.Measured.Before), whole(n.Measured.After), Percent(n.Measured.Change))
		}
		nodes.rows = append(nodes.rows, append(append(row, fails(&n.Fails)...), n.Why))
	}
	workloads := grid{
		heading: "Workloads", total: len(c.Workloads),
		columns: []string{"WORKLOAD", "PODS", "PORTS BEFORE (est.)", "AFTER (est.)", "CHANGE", "ANSWER", "OPEN BEFORE", "AFTER", "CHANGE", "ANSWER", "NEW/S BEFORE", "AFTER", "CHANGE", "ANSWER", "WHY"},
	}
	for i := range c.Workloads[:min(len(c.Workloads), mostRows)] {
		w := &c.Workloads[i]
		row := append([]string{w.Title(), whole(w.Pods.Before) + " → " + whole(w.Pods.After)}, cells(w.Ports, true)...)
		row = append(append(row, cells(&w.Open, false)...), cells(&w.Opens, false)...)
		workloads.rows = append(workloads.rows, append(row, w.Why))
	}
	list := grid{heading: "Pods", total: len(c.Pods), columns: []string{"POD", "NODE", "PORTS BEFORE (est.)", "AFTER (est.)", "CHANGE", "ANSWER", "WHY"}}
	for i := range c.Pods[:min(len(c.Pods), mostRows)] {
		p := &c.Pods[i]
		list.rows = append(list.rows, append(append([]string{p.Title(), p.Node}, cells(p.Ports, true)...), p.Why))
	}
	dests := grid{
		heading: "Destinations", total: len(c.Destinations),
		columns: []string{"DESTINATION", "WORKLOAD", "OPEN BEFORE", "AFTER", "CHANGE", "ANSWER", "NEW/S BEFORE", "AFTER", "CHANGE", "ANSWER", "WHY"},
	}
	for i := range c.Destinations[:min(len(c.Destinations), mostRows)] {
		d := &c.Destinations[i]
		row := append([]string{d.Target(), d.Whose()}, cells(&d.Open, false)...)
		dests.rows = append(dests.rows, append(append(row, cells(&d.Opens, false)...), d.Why))
	}
	return []grid{nodes, workloads, list, dests}
}

// measured reports whether the cloud told anything of any node.
func (c *Comparison) measured() bool {
	for i := range c.Nodes {
		if m := c.Nodes[i].Measured; m.Before != nil || m.After != nil {
			return true
		}
	}
	return false
}

func cells(f *Figure, estimated bool) []string {
	b, a := f.Texts(estimated)
	return []string{b, a, Percent(f.Change), string(f.Answer)}
}

func fails(f *Figure) []string {
	b, a := f.Texts(false)
	return []string{b, a, string(f.Answer)}
}

func whole(n *int) string {
	if n == nil {
		return dash
	}
	return number(float64(*n))
}

// about is the head of the comparison: what is compared with what.
func (c *Comparison) about() []string {
	side := func(word string, t *Taken) string {
		s := word + ": " + or(t.GeneratedAt, "time unknown") + ", window " + number(t.Window) + " s, " + or(t.Context, dash) + " " + t.Provider
		if t.File != "" {
			s += ", " + t.File
		}
		return s
	}
	return []string{side("before", &c.Before), side("after", &c.After)}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (c *Caution) line() string {
	if c.Subject == "" {
		return c.Text
	}
	return fmt.Sprintf("%s: %s", c.Subject, c.Text)
}

// more says how many rows were left out.
func (g *grid) more() string {
	if n := g.total - len(g.rows); n > 0 {
		return fmt.Sprintf("… and %d more: see -o json", n)
	}
	return ""
}

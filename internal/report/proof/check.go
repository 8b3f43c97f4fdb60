package proof

import (
	"errors"
	"fmt"
	"math"

	"github.com/snattop/snattop/internal/report"
)

// largest is the largest number that a report may hold: far beyond any port,
// connection or rate, and small enough to be squared and added up.
const largest = 1e12

// check refuses what would make nonsense of the arithmetic.
func check(r *report.Report) error {
	if len(r.Nodes) == 0 {
		return errors.New("no node in it: there is nothing to compare; take it again without --node, or where nodes are seen")
	}
	c := checker{names: make(map[string]bool, len(r.Nodes))}
	c.number("window_seconds", r.Window)
	for i := range r.Nodes {
		n, at := &r.Nodes[i], fmt.Sprintf("nodes[%d]", i)
		if n.Name == "" || c.names[n.Name] {
			c.fail("%s.name %.60q is empty or there twice", at, n.Name)
		}
		c.names[n.Name] = true
		c.whole(at+".ports.estimate", n.Ports.Estimate)
		c.whole(at+".ports.budget", n.Ports.Budget)
		c.whole(at+".ports.measured_used", n.Ports.MeasuredUsed)
		c.rate(at+".opens_per_second", n.OpensPerSecond)
		c.rate(at+".failed_per_second", n.FailedPerSecond)
		c.levels(at, n.Levels)
	}
	for i := range r.Pods {
		p, at := &r.Pods[i], fmt.Sprintf("pods[%d]", i)
		c.whole(at+".ports.estimate", p.Ports.Estimate)
		c.number(at+".opens_per_second", p.OpensPerSecond)
		c.number(at+".closes_per_second", p.ClosesPerSecond)
		c.rate(at+".failed_per_second", p.FailedPerSecond)
		c.levels(at, p.Levels)
	}
	for i := range r.Destinations {
		d, at := &r.Destinations[i], fmt.Sprintf("destinations[%d]", i)
		c.whole(at+".established", &d.Established)
		c.number(at+".opens_per_second", d.OpensPerSecond)
		c.rate(at+".failed_per_second", d.FailedPerSecond)
		c.levels(at, d.Levels)
	}
	return c.err
}

// checker keeps the first thing that is wrong.
type checker struct {
	names map[string]bool
	err   error
}

func (c *checker) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format+"; the file was changed or is damaged: take the report again", args...)
	}
}

func (c *checker) number(at string, f float64) {
	if math.IsNaN(f) || f < 0 || f > largest {
		c.fail("%s is %g", at, f)
	}
}

func (c *checker) rate(at string, f *float64) {
	if f != nil {
		c.number(at, *f)
	}
}

func (c *checker) whole(at string, n *int) {
	if n != nil {
		c.number(at, float64(*n))
	}
}

func (c *checker) levels(at string, l *report.Levels) {
	if l == nil {
		return
	}
	for _, one := range []struct {
		name  string
		level *report.Level
	}{{"ports", l.Ports}, {"open", l.Open}, {"opens_per_second", l.Opens}, {"failed_per_second", l.Fails}} {
		if one.level == nil {
			continue
		}
		at := at + ".levels." + one.name
		c.number(at+".mean", one.level.Mean)
		c.number(at+".sd", one.level.SD)
		c.number(at+".seconds", one.level.Seconds)
	}
}

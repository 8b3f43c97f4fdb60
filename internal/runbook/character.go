package runbook

import (
	"math"
	"time"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
)

// shortLife is how long a connection lives at most that is taken to have
// served one request. It is snattop's own; the histogram of lives has a bound
// near it.
const shortLife = 16384 * time.Millisecond

// steadily is for how long connections must have been opened without closing
// any to be called leaked although they seem in use: keep-alives look like use,
// and a pool is filled sooner.
const steadily = 45 * time.Second

// leastEnded is how many connections must have ended before their lives are
// spoken of.
const leastEnded = 10

// characterise says what an owner's connections look like.
func (s *scene) characterise(t *tenant) {
	if t.OwnEgress != "" || t.top == nil {
		none := finding{state: RuledOut, why: "it takes no port of the node"}
		t.churn, t.leak = none, none
		return
	}
	t.churn = s.churnOf(t)
	t.leak = s.leakOf(t)
}

// capped reports whether an owner cannot open more than it has: because the
// ports are short, or because its attempts wait where no budget is known.
func (s *scene) capped(t *tenant) bool {
	return s.short() || s.budget == 0 && t.top.Waiting > 0
}

// ports is what the owner is taken to hold.
func (t *tenant) ports() int {
	if t.top == nil {
		return max(t.Ports.Estimate, 0)
	}
	return max(t.Ports.Estimate, held(t.top))
}

// counts are the numbers that an owner is judged by: those of its destination
// with the most ports, since ports are short towards one destination. What it
// does elsewhere is another matter: a pool, a trickle of questions.
func (t *tenant) counts() session.Counts {
	d := t.top
	c := session.Counts{
		Open: d.Open(), Cooling: d.Cooling, OpensPerSecond: d.OpensPerSecond, ClosesPerSecond: d.ClosesPerSecond,
		Silent: d.Silent, Lives: d.Lives, Trouble: d.Trouble, OpenTrend: d.OpenTrend,
	}
	if c.OpenTrend == nil {
		// Not many were ever open there.
		c.OpenTrend = t.OpenTrend
	}
	return c
}

// turnover says for how long connections live, as far as it can be told.
// exact means that lives were counted, not worked out from what is open and
// what closes (Little's law).
func (s *scene) turnover(c *session.Counts) (short bool, text string, basis Basis, ok bool) {
	if c.Lives != nil && c.Lives.Ended() >= leastEnded {
		if half, known := c.Lives.Quantile(0.5); known {
			if half.Below == 0 {
				return false, "half of the connections that ended lived " + half.Bound() + " or longer", Counted, true
			}
			return half.Below <= shortLife, "half of the connections that ended lived under " + half.Bound(), Counted, true
		}
	}
	closes := rate(c.ClosesPerSecond)
	if !s.n.Counting() || closes < leastRate {
		return false, "", "", false
	}
	life := time.Duration(min(float64(max(c.Open, 0))/closes, 1e6) * float64(time.Second))
	return life <= shortLife, sentence("connections live about %s (%s are open and %s a second close)", about(life), num(c.Open), perSecond(closes)), Estimated, true
}

func about(d time.Duration) string {
	if d < time.Second {
		return "a second or less"
	}
	return span(d)
}

// churnOf looks for connections that serve one request and are closed: their
// ports cool down at the balancer for longer than they were used.
func (s *scene) churnOf(t *tenant) finding {
	if !s.n.Counting() {
		return finding{state: CouldNotSee, why: "what opens and closes needs a second look"}
	}
	c := t.counts()
	opens, closes := rate(c.OpensPerSecond), rate(c.ClosesPerSecond)
	short, life, basis, known := s.turnover(&c)
	// Where few ports cool down, what is closed soon is not what holds them.
	cools := float64(c.Cooling) >= half*float64(c.Open)
	if opens >= leastRate && closes >= half*opens && known && short && cools && t.together >= s.worth() {
		f := finding{state: Found, confidence: Medium, why: life}
		if s.sight.Events && basis == Counted {
			f.confidence = High
		}
		f.evidence = s.churnEvidence(t, &c, life, basis)
		return f
	}
	switch {
	case !s.sight.Events:
		return finding{state: CouldNotSee, why: collectorName(s.n.Collector) + " misses connections that come and go between two looks"}
	case known && !short:
		return finding{state: RuledOut, why: life}
	case known && !cools:
		return finding{state: RuledOut, why: sentence("%s are open, and about %s ports of closed ones are held", num(c.Open), num(c.Cooling))}
	default:
		return finding{state: RuledOut, why: sentence("it opens %s and closes %s connections a second", perSecond(opens), perSecond(closes))}
	}
}

// leakOf looks for connections that are opened and never closed.
func (s *scene) leakOf(t *tenant) finding {
	if t.together < s.worth() {
		return finding{state: RuledOut, why: "it holds few ports"}
	}
	c := t.counts()
	opens, closes := rate(c.OpensPerSecond), rate(c.ClosesPerSecond)
	if t.churn.state == Found {
		return finding{state: RuledOut, why: "it closes what it opens"}
	}
	g := grown(c.OpenTrend)
	silent, old, share, seen := s.idle(&c)
	kept := s.n.Counting() && closes <= few*max(opens, leastRate)
	unused, used := seen && share >= half, seen && share < few
	switch {
	case g.sustained && g.stopped() && !s.capped(t):
		return finding{state: RuledOut, why: sentence("what it has open stopped growing by itself %s ago, at %s", span(g.stood), num(g.to))}
	case g.sustained && g.stopped() && used && !(kept && g.took >= steadily):
		return finding{state: RuledOut, why: sentence("what it has open is in use: %s of %s were silent for a minute", num(silent), num(old))}
	case g.sustained && g.took < steadily && s.n.Counting() && closes > half*max(opens, leastRate) && !unused:
		return finding{state: RuledOut, why: sentence("it closes %s connections a second and opens %s", perSecond(closes), perSecond(opens))}
	case g.sustained:
		f := finding{state: Found, confidence: Medium, why: growthText(g), evidence: s.leakEvidence(t, &c, g, silent, old, seen)}
		switch {
		case unused, kept && s.sight.Events && g.took >= time.Minute && !used:
			f.confidence = High
		case used && !kept, s.n.Counting() && closes > half*opens && opens >= leastRate:
			// A load that grows honestly looks like this too. Where next to nothing
			// is closed, what looks like use may be keep-alives.
			f.confidence = Low
		}
		return f
	case unused && s.capped(t) && (kept || !s.n.Counting()) && float64(g.from) >= half*float64(g.to) && !s.sawBegin(&c):
		// They stood there before anybody looked. What came in a step while it
		// was watched is a pool, or a job's burst.
		return finding{
			state: Found, confidence: Medium, why: sentence("%s of %s have carried nothing for a minute or more and none is closed", num(silent), num(old)),
			evidence: s.leakEvidence(t, &c, g, silent, old, seen),
		}
	case used:
		return finding{state: RuledOut, why: sentence("what it has open is in use: %s of %s were silent for a minute", num(silent), num(old))}
	case len(c.OpenTrend) <= leastSteps:
		return finding{state: CouldNotSee, why: sentence("a growth needs %s to show", span(time.Duration(leastSteps+1)*session.TrendStep))}
	case !s.capped(t):
		return finding{state: RuledOut, why: sentence("what it has open does not grow: %s now", num(c.Open))}
	case !seen:
		return finding{state: CouldNotSee, why: "what it has open does not grow now, and whether it is used was not seen"}
	default:
		return finding{state: RuledOut, why: sentence("what it has open does not grow: %s now, %s of %s silent for a minute", num(c.Open), num(silent), num(old))}
	}
}

// sawBegin reports whether a history began while the node was watched: nothing
// was there before.
func (s *scene) sawBegin(c *session.Counts) bool {
	return session.TrendStep*time.Duration(len(c.OpenTrend)+2) < min(s.n.LastTick.Sub(s.n.Since), trendSpan)
}

// trendSpan is for how long a trend remembers.
const trendSpan = 5 * time.Minute

func growthText(g growth) string {
	text := sentence("open grew from %s to %s in %s, %s a second, and never fell", num(g.from), num(g.to), span(g.took), perSecond(g.perSecond()))
	if g.stopped() {
		text += sentence("; it has stood there for %s", span(g.stood))
	}
	return text
}

// churnEvidence and leakEvidence are what an owner's behaviour is known by.
func (s *scene) churnEvidence(t *tenant, c *session.Counts, life string, basis Basis) []Evidence {
	list := []Evidence{{
		Text:  sentence("%s opens %s and closes %s connections a second", whose(t.Owner), perSecond(c.OpensPerSecond), perSecond(c.ClosesPerSecond)),
		Basis: Counted, Command: "timeout 10 /usr/share/bcc/tools/tcptracer -t4v | grep -wF " + Quote(t.top.IP.String()) + " | awk '{print $2}' | sort | uniq -c",
		Output: sentence("about %s connect; about %s close", num(int(math.Round(10*rate(c.OpensPerSecond)))), num(int(math.Round(10*rate(c.ClosesPerSecond))))),
	}}
	lives := Evidence{Text: life, Basis: basis}
	if basis == Counted {
		lives.Command, lives.Output = "timeout 10 /usr/share/bcc/tools/tcplife", "column MS: "+life
	}
	list = append(list, lives, Evidence{
		Text: sentence("%s are open; about %s ports of closed ones are still held (%s)", plural(c.Open, "connection"), num(c.Cooling), s.holdText()), Basis: Estimated,
		Command: inside(t.Owner, t.top) + "ss -Htan state time-wait dst " + address(t.top) + " | wc -l", Output: num(t.top.TimeWait),
	})
	if c.Trouble != nil && s.n.Counting() && rate(c.Trouble.Resets) >= leastRate {
		list = append(list, Evidence{Text: sentence("%s of them a second end by a reset, after which a port is free sooner (%s)", perSecond(c.Trouble.Resets), span(s.timers.Reset)), Basis: Counted})
	}
	return list
}

func (s *scene) holdText() string {
	return sentence("a port is free %s after a close, %s after a reset", span(s.timers.FIN), span(s.timers.Reset))
}

func (s *scene) leakEvidence(t *tenant, c *session.Counts, g growth, silent, old int, seen bool) []Evidence {
	count := Evidence{
		Text: sentence("%s has %s connections open to %s", whose(t.Owner), num(t.top.Open()), destTitle(t.top)), Basis: Counted,
		Command: inside(t.Owner, t.top) + "ss -Htan state connected exclude syn-sent exclude time-wait dst " + address(t.top) + " | wc -l", Output: num(t.top.Open()),
	}
	list := []Evidence{count}
	if g.to > g.from {
		list = append(list, Evidence{Text: growthText(g), Basis: Counted, Command: "while sleep 60; do " + count.Command + "; done", Output: sentence("%s … %s", num(g.from), num(g.to))})
	}
	switch {
	case seen:
		list = append(list, Evidence{
			Text: sentence("%s of %s that are older than a minute have carried no packet for a minute or more", num(min(silent, old)), num(old)), Basis: Counted,
			Command: inside(t.Owner, t.top) + "ss -Htnoi dst " + address(t.top), Output: sentence("lastrcv and lastack of 60000 ms or more: %s", num(silent)),
		})
	case c.Silent == nil:
		list = append(list, Evidence{Text: sentence("whether they are used: not seen by %s", collectorName(s.n.Collector)), Basis: Counted})
	}
	if s.n.Counting() {
		list = append(list, Evidence{Text: sentence("it opens %s and closes %s connections a second", perSecond(c.OpensPerSecond), perSecond(c.ClosesPerSecond)), Basis: Counted})
	}
	return list
}

// inside enters the network namespace of an owner's process, when there is
// another one to enter.
func inside(o *session.Owner, d *session.Dest) string {
	if o.HostNetwork || o.Name == "" {
		return ""
	}
	if d != nil {
		for _, p := range d.Processes {
			if p.PID > 0 {
				return sentence("nsenter -t %d -n ", p.PID)
			}
		}
	}
	return "nsenter -t PID -n "
}

// address is a destination as ss takes it.
func address(d *session.Dest) string { return ssAddress(d.Dest) }

func ssAddress(d snat.Dest) string {
	if !d.IP.IsValid() {
		return "ADDRESS"
	}
	if d.IP.Is6() {
		return sentence("'[%s]:%d'", d.IP.WithZone(""), d.Port)
	}
	return sentence("%s:%d", d.IP, d.Port)
}

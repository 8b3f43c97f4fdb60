package cli

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
)

// does is what an owner does at one look.
type does struct {
	opens               float64
	open, trying, cools int
}

// watched is an owner look after look; the last of what it does goes on.
type watched struct {
	namespace, name string
	kind            string
	from            int // the first look that shows it
	looks           []does
}

func (w *watched) at(i int) (o *session.Owner, ok bool) {
	if i < w.from {
		return nil, false
	}
	d := w.looks[min(i-w.from, len(w.looks)-1)]
	o = &session.Owner{Key: session.Key(w.namespace + "/" + w.name), Node: "n1", Namespace: w.namespace, Name: w.name, Workload: session.Workload{Kind: w.kind, Name: "w"}}
	o.OpensPerSecond, o.Open, o.Trying, o.Cooling = d.opens, d.open, d.trying, d.cools
	return o, true
}

// steady repeats what an owner does, and adds what it does then.
func steady(n int, d does, then ...does) []does {
	var out []does
	for range n {
		out = append(out, d)
	}
	return append(out, then...)
}

func TestBurst(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	one := func(looks ...does) []watched { return []watched{{namespace: "shop", name: "web", looks: looks}} }
	many := func(n int, looks ...does) (out []watched) {
		for i := range n {
			out = append(out, watched{namespace: "shop", name: fmt.Sprintf("web-%d", i), looks: looks})
		}
		return out
	}
	job := func(looks ...does) []watched {
		return []watched{{namespace: "batch", name: "nightly-1", kind: "CronJob", looks: looks}}
	}
	for name, c := range map[string]struct {
		scope   report.Filter
		owners  []watched
		verdict snat.Verdict // from the first look on
		state   session.State
		says    string
		look    int // the look that finds it; the first has no rates yet
	}{
		"nothing at all": {owners: nil},
		"idle":           {owners: one(does{})},
		// A quiet level of its own, however high, is no burst.
		"busy and steady": {owners: one(does{opens: 500, open: 4000})},
		"noise on a busy node": {
			owners: one(steady(5, does{opens: 100, open: 900}, does{opens: 180, open: 1700}, does{opens: 60, open: 500}, does{opens: 199, open: 1799})...),
		},
		"noise on a quiet node": {owners: one(steady(5, does{opens: 0.2, open: 3}, does{opens: 5.1, open: 66}, does{}, does{opens: 4.9, open: 63})...)},
		"opens": {
			owners: one(steady(6, does{opens: 0.2, open: 3}, does{opens: 5.3, open: 8})...), look: 6, says: "shop/web on n1 opens 5.3 connections a second, 0.2 while quiet",
		},
		"opens on a busy node": {
			owners: one(steady(6, does{opens: 100}, does{opens: 200})...), look: 6, says: "opens 200.0 connections a second, 100.0 while quiet",
		},
		"connections": {
			owners: one(steady(6, does{open: 10}, does{open: 74})...), look: 6, says: "shop/web on n1 holds or waits for 74 connections, 10 while quiet",
		},
		"attempts count as connections": {
			owners: one(steady(6, does{open: 10}, does{open: 30, trying: 44})...), look: 6, says: "74 connections",
		},
		"what grows slowly is a burst in the end": {
			owners: one(append(steady(6, does{open: 100}), func() (out []does) {
				for i := range 60 {
					out = append(out, does{open: 100 + 5*i})
				}
				return out
			}()...)...), look: 26, says: "200 connections, 100 while quiet",
		},
		"one that was under way at the start does not hide the next": {
			owners: one(append(steady(8, does{opens: 90, open: 900}), steady(6, does{}, does{opens: 50, open: 80})...)...), look: 14, says: "opens 50.0",
		},
		"within the time that the quiet level is learned nothing is known": {
			owners: one(does{}, does{}, does{opens: 300, open: 300}),
		},
		"many small ones make a large one": {
			owners: many(10, steady(6, does{opens: 0.1, open: 1}, does{opens: 1.2, open: 2})...), look: 6, says: "n1 in all opens 12.0 connections a second, 1.0 while quiet",
		},
		"who comes later had no level": {
			owners: []watched{{namespace: "shop", name: "web", looks: []does{{open: 500}}}, {namespace: "shop", name: "new", from: 9, looks: []does{{open: 64}}}},
			look:   9, says: "shop/new on n1 holds or waits for 64 connections, 0 while quiet",
		},
		"a job needs no quiet level": {
			owners: job(does{}, does{opens: 0.2, open: 1}), look: 1, says: "batch/nightly-1 (cronjob/w) on n1 opens 0.2 connections a second",
		},
		"a job's attempts": {owners: job(does{trying: 3}), look: 0, says: "waits for 3 connections"},
		// A job that only holds connections has done its opening.
		"a job that is quiet":             {owners: job(does{open: 20, cools: 20})},
		"a job out of scope":              {scope: report.Filter{Namespace: "shop"}, owners: job(does{}, does{opens: 9})},
		"a job of another pod":            {scope: report.Filter{Namespace: "batch", Pod: "other"}, owners: job(does{}, does{opens: 9})},
		"a job of another node":           {scope: report.Filter{Node: "n2"}, owners: job(does{}, does{opens: 9})},
		"a job in scope":                  {scope: report.Filter{Node: "10.0.0.1", Namespace: "batch", Pod: "nightly-1"}, owners: job(does{}, does{opens: 9}), look: 1, says: "opens 9.0"},
		"exhausted already":               {owners: one(does{}), verdict: snat.Exhausted, says: "n1 is exhausted"},
		"pressured already":               {owners: one(does{}), verdict: snat.Pressured, says: "n1 is pressured"},
		"a node of another name":          {scope: report.Filter{Node: "n2"}, owners: one(does{}), verdict: snat.Exhausted},
		"pressure in which we have none":  {scope: report.Filter{Namespace: "shop"}, owners: one(does{}), verdict: snat.Exhausted},
		"pressure in which we take part":  {scope: report.Filter{Namespace: "shop"}, owners: one(does{cools: 1}), verdict: snat.Exhausted, says: "n1 is exhausted"},
		"a verdict of what is not SNAT":   {owners: one(does{}), verdict: snat.NotSNAT},
		"a verdict of a node that is old": {owners: one(does{}), verdict: snat.Exhausted, state: session.StateUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBurst(c.scope)
			for i := range 100 {
				n := &session.Node{Name: "n1", InternalIP: "10.0.0.1", State: session.StateStreaming, Since: began, CountedSince: began, LastTick: began.Add(time.Duration(i) * time.Second)}
				if c.state != "" {
					n.State = c.state
				}
				if n.Verdict = c.verdict; n.Verdict == "" {
					n.Verdict = snat.Unknown
				}
				for _, w := range c.owners {
					if o, ok := w.at(i); ok {
						if i == 0 {
							o.OpensPerSecond = 0
						}
						n.Owners = append(n.Owners, o)
					}
				}
				why := b.look(&session.Snapshot{Nodes: []*session.Node{n}})
				if again := b.look(&session.Snapshot{Nodes: []*session.Node{n}}); again != "" {
					t.Fatalf("look %d: the same numbers were looked at twice: %s", i, again)
				}
				if why == "" {
					continue
				}
				if c.says == "" || !strings.Contains(why, c.says) || i != c.look {
					t.Errorf("look %d: %q, want %q at look %d", i, why, c.says, c.look)
				}
				return
			}
			if c.says != "" {
				t.Errorf("nothing was found, want %q at look %d", c.says, c.look)
			}
		})
	}
}

// Numbers of a node that is gone are forgotten, and those of one that comes
// back are learned anew.
func TestBurstForgets(t *testing.T) {
	t.Parallel()
	b := newBurst(report.Filter{})
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	look := func(open int) string {
		now = now.Add(time.Second)
		n := &session.Node{Name: "n1", State: session.StateStreaming, LastTick: now, Owners: []*session.Owner{{Key: "a"}}}
		n.Owners[0].Open = open
		return b.look(&session.Snapshot{Nodes: []*session.Node{n}})
	}
	for range 10 {
		look(0)
	}
	b.look(&session.Snapshot{})
	if why := look(1000); why != "" || len(b.nodes) != 1 {
		t.Errorf("%q, %d nodes", why, len(b.nodes))
	}
	for range 10 {
		look(0)
	}
	if len(b.nodes["n1"].owners) != 1 || len(b.nodes["n1"].owners["a"].newest) != quietLooks {
		t.Errorf("%+v", b.nodes["n1"])
	}
	now = now.Add(time.Second)
	b.look(&session.Snapshot{Nodes: []*session.Node{{Name: "n1", State: session.StateStreaming, LastTick: now}}})
	if len(b.nodes["n1"].owners) != 0 {
		t.Error("an owner that is gone is remembered")
	}
}

func TestBusyFlag(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"1h": time.Hour, "30m": 30 * time.Minute, "1s": time.Second, "24h": 24 * time.Hour, "true": time.Hour, "false": 0, "0": 0, "1": time.Hour,
		"": -1, "soon": -1, "500ms": -1, "25h": -1, "-1h": -1, "30": -1,
	} {
		f := busyFlag(time.Minute)
		err := f.Set(text)
		if want < 0 {
			if err == nil || !strings.Contains(err.Error(), "--until-busy=30m") || f != busyFlag(time.Minute) {
				t.Errorf("%q: %v, %v", text, f, err)
			}
			continue
		}
		if err != nil || time.Duration(f) != want {
			t.Errorf("%q: %v, %v", text, time.Duration(f), err)
		}
	}
}

func TestWhere(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]report.Filter{
		"on any node": {}, "on node n1": {Node: "n1"}, "in namespace a on node n1": {Node: "n1", Namespace: "a"},
		"in pod a/b": {Namespace: "a", Pod: "b"}, "in pod b": {Pod: "b"},
	} {
		if got := newBurst(f).where(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for d, want := range map[time.Duration]string{time.Hour: "1h", 90 * time.Minute: "1h30m", time.Minute: "1m", 10 * time.Second: "10s", 3*time.Hour + time.Second: "3h0m1s"} {
		if got := short(d); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestUnseen(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	denied := &session.Node{Name: "n1", State: session.StateDenied, Error: "user jane cannot create pods"}
	seen := &session.Node{Name: "n2", State: session.StateStreaming, LastTick: at}
	out := &session.Node{Name: "n3", State: session.StateWaiting, LeftOut: true}
	for _, c := range []struct {
		scope report.Filter
		pic   session.Snapshot
		says  string
	}{
		{report.Filter{}, session.Snapshot{Nodes: []*session.Node{denied, seen}}, ""},
		{report.Filter{}, session.Snapshot{Nodes: []*session.Node{denied, out}}, "n1 is denied: user jane cannot create pods"},
		{report.Filter{Node: "n1"}, session.Snapshot{Nodes: []*session.Node{denied, seen}}, "n1 is denied"},
		{report.Filter{Node: "n9"}, session.Snapshot{Nodes: []*session.Node{denied, seen}}, `no node "n9"; 'kubectl get nodes`},
		{report.Filter{}, session.Snapshot{Problem: "nodes are forbidden"}, "nodes are forbidden"},
		{report.Filter{}, session.Snapshot{}, "no node to look at"},
	} {
		got := newBurst(c.scope).unseen(&c.pic)
		if (got == "") != (c.says == "") || !strings.Contains(got, c.says) {
			t.Errorf("%q, want %q", got, c.says)
		}
	}
}

func TestWaitEnds(t *testing.T) {
	t.Parallel()
	w := &waiting{bound: time.Hour, burst: newBurst(report.Filter{}), done: "measured"}
	broken := errors.New("the watch broke")
	numbers := session.Snapshot{Nodes: []*session.Node{{Name: "n1", LastTick: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}}}
	for name, c := range map[string]struct {
		err  error
		code int
		says string
	}{
		"no burst":         {w.noBurst(&numbers), ExitUnknown, "no burst within 1h on any node, nothing was measured; --until-busy=DURATION waits longer"},
		"blind":            {w.noBurst(&session.Snapshot{}), ExitUnknown, "no burst was seen within 1h: there is no node to look at"},
		"the source ended": {w.ended(t.Context(), nil), ExitUnknown, "has ended before a burst"},
		"it failed":        {w.ended(t.Context(), broken), ExitFailed, "the watch broke"},
	} {
		code, show := codeOf(c.err)
		if code != c.code || !show || !strings.Contains(c.err.Error(), c.says) {
			t.Errorf("%s: code %d, %v", name, code, c.err)
		}
	}
}

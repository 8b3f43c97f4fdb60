//go:build unix

package pty

import (
	"strings"
	"testing"
)

// demo starts the demo, paused where node1 is out of ports.
func demo(t *testing.T, s setting) *terminal {
	t.Helper()
	return demoWith(t, s)
}

func demoWith(t *testing.T, s setting, flags ...string) *terminal {
	t.Helper()
	p := run(t, s, append([]string{"demo"}, flags...)...)
	p.shows("❶", "playing")
	p.keys(" ")
	p.shows("paused")
	p.keys(shiftRight)
	p.shows("exhausted")
	return p
}

// The five steps, and back.
func TestKeys(t *testing.T) {
	t.Parallel()
	p := demo(t, setting{})
	p.keys(enter)
	p.shows("❷", "shop/checkout")
	p.keys(enter)
	p.shows("❸", "/srv/checkout")
	p.keys("4")
	p.shows("❹", "leak")
	p.keys("b5")
	p.shows("❺", "baseline")
	p.keys(escape)
	p.shows("❹", "leak")
	p.keys(escape)
	p.shows("❸")
	p.keys(escape)
	p.shows("❷")
	p.keys(escape)
	p.shows("❶")

	p.keys("/node3" + enter)
	p.shows("/node3", "1 of 3")
	if s := p.screen(); strings.Contains(s, "10.224.0.6") {
		t.Errorf("the filter leaves the others:\n%s", s)
	}
	p.keys(escape)
	p.shows("10.224.0.6")

	p.keys(":10.224.0.6" + enter)
	p.until("cursor on node2", func(s string) bool { return strings.Contains(s, "▌node2") })

	p.keys("?")
	p.shows("how do you know", "baseline", "quit")
	p.keys(escape)
	p.shows("▌node2")
	p.keys("x")
	p.shows("kubectl")
	p.keys(escape)
	p.shows("▌node2")
	p.keys("q")
	p.exits(0)
	p.restored()
}

// Quitting works from whatever is open.
func TestQuitFromAPrompt(t *testing.T) {
	t.Parallel()
	p := demo(t, setting{width: 80, height: 24})
	p.keys(":some")
	p.shows("go to: some")
	p.keys(ctrlC)
	p.exits(0)
	p.restored()
}

func TestMouse(t *testing.T) {
	t.Parallel()
	p := demo(t, setting{width: 120, height: 24})
	p.click("node3 ")
	p.shows("▌node3")
	p.keys("?")
	p.shows("Keys", "enter")
	top := p.screen()
	p.wheel("── Keys", true)
	p.until("text that the wheel moved", func(s string) bool { return s != top })
	p.wheel("── Keys", false)
	p.until("text where it was", func(s string) bool { return s == top })
	p.keys(escape)
	p.shows("▌node3")

	// A click on a header sorts by it, another turns the order round.
	first := func(node string) func(string) bool {
		return func(s string) bool {
			_, rows, _ := strings.Cut(s, "VERDICT")
			i := strings.Index(rows, node)
			return i >= 0 && i == strings.Index(rows, "node")
		}
	}
	p.click("IP ")
	p.until("order by address", first("node1"))
	p.click("IP")
	p.until("order turned round", first("node3"))

	p.click("④ Cause")
	p.shows("❹")
	p.click("① Node")
	p.shows("❶")
	p.keys("q")
	p.exits(0)
	p.restored()
}

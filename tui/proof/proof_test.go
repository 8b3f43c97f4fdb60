package proof_test

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/tui/component/sheet"
	"github.com/snattop/snattop/tui/keys"
	"github.com/snattop/snattop/tui/page"
	"github.com/snattop/snattop/tui/proof"
	"github.com/snattop/snattop/tui/theme"
	"github.com/snattop/snattop/tui/tuitest"
)

var update = flag.Bool("update", false, "write the goldens anew")

// cluster is one node with these pods of checkout and others', and nodes of
// every other kind beside it.
func cluster(checkout ...*session.Owner) *session.Snapshot {
	deploy := func(name string) session.Workload { return session.Workload{Kind: "Deployment", Name: name} }
	owner := func(name string, load tuitest.Load) *session.Owner {
		return tuitest.Owner(tuitest.SickNode, "shop", name, deploy(name), load)
	}
	kubelet := tuitest.Owner(tuitest.SickNode, "", "", session.Workload{Kind: "unit", Name: "kubelet.service"}, tuitest.Load{Addr: "20.8.1.2:443", Established: 2})
	sick := tuitest.Node(tuitest.SickNode, tuitest.SickIP, 1024, append(checkout, kubelet,
		owner(tuitest.WideName, tuitest.Load{Addr: "52.1.2.5:443", Established: 37, Cooling: 14, Opens: 0.4, Closes: 0.4}),
		owner(tuitest.Hostile, tuitest.Load{Addr: "52.1.2.4:80", Name: tuitest.Hostile, Established: 1}),
		owner(tuitest.Long(253), tuitest.Load{Addr: "[2603:1020:201:10::10f]:443", Established: 2}),
		owner("idle", tuitest.Load{Addr: "10.0.12.7:5432", Established: 12}))...)
	pressured := tuitest.Node("aks-np1-vmss000007", "10.224.0.11", 1024,
		tuitest.Owner("aks-np1-vmss000007", "shop", "mailer-66b7-qqq1z", deploy("mailer"), tuitest.Load{Addr: "40.1.1.1:587", Established: 790, Cooling: 72, Opens: 0.3, Closes: 0.3}))
	blind := tuitest.Node("aks-np1-vmss000008", "10.224.0.12", 1024,
		tuitest.Owner("aks-np1-vmss000008", "shop", "mailer-66b7-zzz1z", deploy("mailer"), tuitest.Load{Addr: "40.1.1.1:587", Established: 40}))
	blind.Collector = "tcptracer"
	return tuitest.Watched(tuitest.Snapshot(1, sick, pressured, blind,
		tuitest.Unseen("aks-np2-vmss000000", "10.224.1.4", "linux", session.StateDenied, `pods "exec" is forbidden`, ""),
		tuitest.Unseen("aks-win-vmss000000", "10.224.2.4", "windows", session.StateNotLinux, "", ""),
		tuitest.Unseen("aks-np1-vmss000009", "10.224.0.13", "linux", session.StateConnecting, "", "waiting for the node pod to start")))
}

func checkout(name string, load tuitest.Load) *session.Owner {
	load.Addr = tuitest.SickDest
	return tuitest.Owner(tuitest.SickNode, "shop", name, session.Workload{Kind: "Deployment", Name: "checkout"}, load)
}

// before is a cluster where checkout takes every port of a node.
func before() page.Picture {
	s := cluster(checkout(tuitest.SickPod, tuitest.Load{Established: 990, SynSent: 44, Cooling: 38, Opens: 301, Closes: 263, Fails: 38}))
	return page.Picture{Snap: s, Now: tuitest.Now()}
}

// after is the same cluster with checkout rolled out anew: it reuses its
// connections now, in two pods.
func after(gap time.Duration) page.Picture {
	s := cluster(
		checkout("checkout-5b9c7d4f4-aaaaa", tuitest.Load{Established: 96, Cooling: 1, Opens: 1.5, Closes: 1.5}),
		checkout("checkout-5b9c7d4f4-bbbbb", tuitest.Load{Established: 92, Cooling: 1, Opens: 1.5, Closes: 1.5}))
	now := tuitest.Now().Add(gap)
	s.Time = now
	for _, n := range s.Nodes {
		if !n.LastTick.IsZero() {
			n.LastTick = n.LastTick.Add(gap)
		}
	}
	return page.Picture{Snap: s, Now: now}
}

func measured(pic page.Picture, used int) page.Picture {
	allocated := 1024
	pic.Snap.Node(tuitest.SickNode).Measured = &cloud.NodeReading{Name: tuitest.SickNode, At: pic.Now, TCP: cloud.Usage{Allocated: &allocated, Used: &used}}
	return pic
}

func newPage(width, height int, noColor bool) *proof.Page {
	p := proof.New(keys.Default(), theme.New(true, noColor))
	p.SetSize(width, height)
	return p
}

// screen is the page as the root draws it: crumbs and state, the body, the
// sentence in two lines.
func screen(p *proof.Page, width int) string {
	said := ansi.Wordwrap(p.Sentence(2*width-16), width, "")
	return strings.Join(p.Crumbs(), " › ") + " | " + p.State() + "\n" + p.View() + "\n" + said + "\n"
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test ./tui/proof -update writes it anew):\n%s", path, got)
	}
}

func fits(t *testing.T, p *proof.Page, width, height int) {
	t.Helper()
	lines := strings.Split(p.View(), "\n")
	if len(lines) > height {
		t.Errorf("%d lines in %d", len(lines), height)
	}
	for _, l := range lines {
		if w := ansi.StringWidth(l); w > width {
			t.Errorf("%d wide in %d: %q", w, width, l)
		}
		for _, r := range ansi.Strip(l) {
			if r < 0x20 || r >= 0x7f && r <= 0x9f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
				t.Errorf("%U in %q", r, l)
			}
		}
	}
}

func TestGoldens(t *testing.T) {
	t.Parallel()
	scenes := map[string]func(p *proof.Page){
		"none":  func(p *proof.Page) { p.SetPicture(before()) },
		"same":  func(p *proof.Page) { p.SetBaseline(before()); p.SetPicture(before()) },
		"less":  func(p *proof.Page) { p.SetBaseline(before()); p.SetPicture(after(14 * time.Minute)) },
		"early": func(p *proof.Page) { p.SetBaseline(before()); p.SetPicture(after(70 * time.Second)) },
		"more":  func(p *proof.Page) { p.SetBaseline(after(-14 * time.Minute)); p.SetPicture(before()) },
		"measured": func(p *proof.Page) {
			p.SetBaseline(measured(before(), 1020))
			p.SetPicture(measured(after(14*time.Minute), 214))
		},
	}
	for name, set := range scenes {
		for _, size := range [][2]int{{80, 18}, {120, 34}, {200, 34}} {
			p := newPage(size[0], size[1], true)
			set(p)
			fits(t, p, size[0], size[1])
			golden(t, name+"-"+map[int]string{80: "80x24", 120: "120x40", 200: "200x40"}[size[0]], ansi.Strip(screen(p, size[0])))
		}
	}
}

func TestKnow(t *testing.T) {
	t.Parallel()
	p := newPage(120, 34, true)
	p.SetPicture(before())
	golden(t, "know-none", p.Know().Text())
	p.SetBaseline(measured(before(), 1020))
	p.SetPicture(measured(after(14*time.Minute), 214))
	p.SetFilter("node " + tuitest.SickNode)
	golden(t, "know-node", p.Know().Text())
	for _, l := range sheet.Evidence(p.Know())(theme.New(true, true), 80) {
		if ansi.StringWidth(l) > 80 {
			t.Errorf("too wide: %q", l)
		}
	}
	if !strings.Contains(p.Copy(), "| "+tuitest.SickNode+" | ≥ 1,024 | \\~190 |") || !strings.HasPrefix(p.Copy(), "**less, beyond noise") {
		t.Errorf("copied %q", p.Copy())
	}
}

// Every answer is told by a mark and a word, in every theme; colours come on
// top of them.
func TestColoursOnlyAdd(t *testing.T) {
	t.Parallel()
	draw := func(noColor bool) string {
		p := newPage(160, 40, noColor)
		p.SetBaseline(before())
		p.SetPicture(after(14 * time.Minute))
		return p.View()
	}
	colourful, plain := draw(false), draw(true)
	if ansi.Strip(colourful) != ansi.Strip(plain) {
		t.Error("colours change the text")
	}
	if !strings.Contains(colourful, "\x1b[38;") || strings.Contains(plain, "\x1b[38;") {
		t.Error("NO_COLOR has colours, or the other has none")
	}
}

func TestBaseline(t *testing.T) {
	t.Parallel()
	p := newPage(120, 20, true)
	p.SetPicture(before())
	if p.HasBaseline() || !strings.Contains(p.View(), "Press b") {
		t.Errorf("without a baseline:\n%s", p.View())
	}
	p.SetBaseline(before())
	if !p.HasBaseline() || strings.Contains(p.View(), "Press b") || !strings.Contains(p.State(), "12:04:31Z") {
		t.Errorf("with one: %s\n%s", p.State(), p.View())
	}
	// A new one replaces it, cursor and filter included.
	p.SetFilter("checkout")
	p.SetBaseline(after(time.Minute))
	if p.Filter() != "" || !strings.Contains(p.State(), "12:05:31Z") {
		t.Errorf("%q %s", p.Filter(), p.State())
	}
	p.SetBaseline(page.Picture{})
	if p.HasBaseline() || !strings.Contains(p.View(), "Press b") {
		t.Error("the baseline stays")
	}
}

// Looking ten times a second costs one comparison every two.
func TestPace(t *testing.T) {
	t.Parallel()
	p := newPage(120, 34, true)
	p.SetBaseline(before())
	p.SetPicture(before())
	was := p.View()
	soon := after(500 * time.Millisecond)
	p.SetPicture(soon)
	if p.View() != was {
		t.Error("it compares more often than every two seconds")
	}
	soon.Now = soon.Now.Add(2 * time.Second)
	p.SetPicture(soon)
	if p.View() == was {
		t.Error("it does not compare again")
	}
	// The last picture is never left out.
	p.SetBaseline(before())
	p.SetPicture(before())
	was = p.View()
	last := after(500 * time.Millisecond)
	last.Snap.Done = true
	p.SetPicture(last)
	if p.View() == was {
		t.Error("the last picture is not compared")
	}
}

func TestSorting(t *testing.T) {
	t.Parallel()
	p := newPage(200, 34, true)
	p.SetBaseline(before())
	p.SetPicture(after(14 * time.Minute))
	first := func() string { return strings.Fields(ansi.Strip(strings.Split(p.View(), "\n")[1]))[0] }
	seen := map[string]bool{}
	for range 8 {
		seen[first()] = true
		p.Update(tea.KeyPressMsg{Code: '>', Text: ">"})
	}
	if len(seen) < 3 {
		t.Errorf("sorting by every column always begins with one of %v", seen)
	}
}

// What a source makes up does not bring the page down.
func TestOddPictures(t *testing.T) {
	t.Parallel()
	odd := before().Snap
	odd.Cluster.Provider = snat.Provider("\x1b[2Jnone")
	for _, n := range odd.Nodes {
		n.Levels.Ports.SD = math.Inf(1)
		n.Levels.Opens.Mean = math.NaN()
	}
	for _, pair := range [][2]page.Picture{
		{{Snap: &session.Snapshot{}}, {Snap: &session.Snapshot{}}},
		{before(), {Snap: &session.Snapshot{}}},
		{{Snap: &session.Snapshot{}}, before()},
		{before(), {Snap: odd}},
		{{Snap: odd}, {Snap: odd}},
	} {
		p := newPage(80, 20, true)
		p.SetPicture(pair[1])
		p.View()
		p.SetBaseline(pair[0])
		fits(t, p, 80, 20)
		p.Sentence(100)
		p.Know()
		p.Copy()
		p.State()
	}
}

func BenchmarkCompare(b *testing.B) {
	old, now := tuitest.Watched(tuitest.Big(10000)), tuitest.Watched(tuitest.Big(10000))
	p := newPage(120, 34, true)
	p.SetBaseline(page.Picture{Snap: old, Now: tuitest.Now()})
	at := tuitest.Now()
	for b.Loop() {
		at = at.Add(3 * time.Second)
		next := *now
		p.SetPicture(page.Picture{Snap: &next, Now: at})
		p.View()
	}
}

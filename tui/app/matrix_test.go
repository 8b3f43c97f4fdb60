package app

import (
	"context"
	"fmt"
	"image/color"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/runbook"
	runbooks "github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/tuitest"
)

// look is one way to draw the screen.
type look struct {
	name    string
	options Options
	profile colorprofile.Profile
	ground  color.Color
}

var (
	dark     = look{name: "dark", profile: colorprofile.TrueColor, ground: color.Black}
	light    = look{name: "light", profile: colorprofile.TrueColor, ground: color.White}
	sixteen  = look{name: "16", profile: colorprofile.ANSI, ground: color.Black}
	asciiOld = look{name: "ascii", profile: colorprofile.ANSI, ground: color.Black, options: Options{ASCII: true, NoColor: true}}
)

// looks are those that goldens hold.
func looks() []look { return []look{dark, light, sixteen, asciiOld} }

// stage makes a model in a look, of a size.
func (l look) stage(s *session.Snapshot, width, height int, more func(*Options)) (*Model, *tuitest.View) {
	opts := l.options
	opts.Now = tuitest.NewClock().Now
	if more != nil {
		more(&opts)
	}
	v := tuitest.NewView(s)
	m := New(v, opts)
	m.Update(tea.WindowSizeMsg{Width: width, Height: height})
	m.Update(tea.ColorProfileMsg{Profile: l.profile})
	m.Update(tea.BackgroundColorMsg{Color: l.ground})
	return m, v
}

// scene is a page, or what lies over one.
type scene struct {
	name string
	set  func(t *testing.T, l look, width, height int) *Model
}

// scenes are every page and everything that lies over pages.
func scenes() []scene {
	keyed := func(name string, snap func() *session.Snapshot, keys ...string) scene {
		return scene{name, func(_ *testing.T, l look, width, height int) *Model {
			m, _ := l.stage(snap(), width, height, nil)
			press(m, keys...)
			return m
		}}
	}
	book := func(name string, key rune) scene {
		return scene{name, func(t *testing.T, l look, width, height int) *Model {
			m, _ := l.stage(tuitest.Sick(), width, height, func(o *Options) { o.Runbooks = paperBooks{} })
			_, cmd := m.Update(fn(key))
			play(t, m, cmd)
			return m
		}}
	}
	return []scene{
		keyed("nodes", tuitest.Sick),
		keyed("nodes-measured", tuitest.Measured),
		keyed("pods", tuitest.Sick, "enter"),
		keyed("turned", tuitest.Sick, "t"),
		keyed("connections", tuitest.Sick, "enter", "enter"),
		keyed("cause", tuitest.Measured, "d"),
		{"proof", func(_ *testing.T, l look, width, height int) *Model {
			clock := tuitest.NewClock()
			m, v := l.stage(tuitest.Watched(tuitest.Sick()), width, height, func(o *Options) { o.Now = clock.Now })
			press(m, "b")
			clock.Advance(later)
			v.Set(tuitest.Watched(mended()))
			m.Update(changedMsg{})
			press(m, "5")
			return m
		}},
		book("tunnel", tea.KeyF2), book("apiserver", tea.KeyF3), book("connectivity", tea.KeyF4),
		keyed("know", tuitest.Sick, "enter", "enter", "x"),
		keyed("help", tuitest.Sick, "?"),
		keyed("columns", tuitest.Sick, "2", "C", "j", "space", "space", "j", "j", "j", "j", "j", "space"),
		keyed("goto", tuitest.Sick, ":", "v", "m", "s", "s", "0"),
		keyed("filter", tuitest.Sick, "/", "n", "p", "2"),
		{"replay", func(_ *testing.T, l look, width, height int) *Model {
			d := &deck{at: session.Playback{Begin: tuitest.Now(), End: tuitest.Now().Add(10 * time.Minute), At: tuitest.Now().Add(2 * time.Minute), Speed: 4}}
			m, _ := l.stage(tuitest.Sick(), width, height, func(o *Options) {
				o.Deck = d
				o.Captions = []Caption{{Text: "① Which node? Watch node3: USED rises, FULL IN says how long it lasts. Enter opens its pods; space pauses, n hides these notes."}}
			})
			return m
		}},
	}
}

const later = 15 * time.Minute

// mended is the sick cluster a quarter of an hour later, with checkout
// rolled out anew.
func mended() *session.Snapshot {
	s := tuitest.Sick()
	s.Time = s.Time.Add(later)
	checkout := tuitest.Owner(tuitest.SickNode, "shop", "checkout-5b9c7d4f4-aaaaa", session.Workload{Kind: "Deployment", Name: "checkout"},
		tuitest.Load{Addr: tuitest.SickDest, Established: 96, Cooling: 1, Opens: 1.5, Closes: 1.5})
	for i, n := range s.Nodes {
		if n.Name == tuitest.SickNode {
			s.Nodes[i] = tuitest.Node(n.Name, n.InternalIP, 1024, append([]*session.Owner{checkout}, n.Owners[1:]...)...)
		}
		if !n.LastTick.IsZero() {
			s.Nodes[i].LastTick = n.LastTick.Add(later)
		}
	}
	return s
}

// paperBooks are runbooks whose answers are written here: one of each kind.
type paperBooks struct{}

func (paperBooks) Checks(name string) []runbooks.Check {
	titles := map[string][]string{
		"tunnel":       {"symptom", "The API server reaches the kubelets", "agents", "The tunnel's agents run", "port-10250", "Agents reach port 10250 of every node", "iptables", "No rule keeps port 10250 shut"},
		"apiserver":    {"agents", "Do the pods of the tunnel run?", "egress", "Are required names and ports open?", "alpn", "Does ALPN get through?", "request-load", "Is the API server overloaded?"},
		"connectivity": {"bridge", "the pods' bridge is up", "drops", "pods' interfaces lose nothing", "mtu", "pods' packets fit the path", "conntrack", "the connection tracking table has room"},
	}[name]
	var list []runbooks.Check
	for i := 0; i < len(titles); i += 2 {
		list = append(list, runbooks.Check{ID: name + "." + titles[i], Title: titles[i+1]})
	}
	return list
}

func (b paperBooks) Run(_ context.Context, name string, tell func(runbooks.Update)) error {
	checks := b.Checks(name)
	for i, found := range [][]runbooks.Step{
		{{Subject: "cluster", Verdict: runbooks.OK, Summary: "It answers."}},
		{
			{Subject: "node/" + tuitest.SickNode, Verdict: runbooks.Problem, Summary: "3 of 9 attempts are not answered.",
				Evidence: []runbooks.Evidence{{Command: "iptables -L INPUT --line-numbers", Output: "num target     prot\n3   DROP       tcp dpt:10250"}},
				Remedies: []runbook.Remedy{{Text: "Delete the rule.", Command: "iptables -D INPUT 3", Warning: "It may be somebody's policy."}}},
			{Subject: "node/aks-np1-vmss000007", Verdict: runbooks.OK, Summary: "Every attempt is answered, in 0.4 ms."},
		},
		{{Subject: "node/" + tuitest.WideName, Verdict: runbooks.Unknown, Summary: "Cannot look: pods \"exec\" is forbidden."}},
		{{Subject: "cluster", Verdict: runbooks.NotApplicable, Summary: "Nothing of the kind is here."}},
	} {
		for _, s := range found {
			s.ID = checks[i].ID
			tell(runbooks.Update{Check: &checks[i], Found: &s})
		}
		tell(runbooks.Update{Check: &checks[i], Done: true})
	}
	return nil
}

func sizes() [][2]int { return [][2]int{{80, 24}, {120, 40}, {200, 60}} }

// TestLooks holds every page in every look against its golden: a file for each
// page and look, with the three sizes one below the other. An escape stands as
// ␛, so that a difference can be read; ASCII alone stands without any.
func TestLooks(t *testing.T) {
	t.Parallel()
	for _, s := range scenes() {
		for _, l := range looks() {
			t.Run(s.name+"."+l.name, func(t *testing.T) {
				t.Parallel()
				var b strings.Builder
				for _, size := range sizes() {
					m := s.set(t, l, size[0], size[1])
					fits(t, m)
					text := m.View().Content
					if l.options.ASCII {
						text = ansi.Strip(text)
					}
					fmt.Fprintf(&b, "── %d×%d\n", size[0], size[1])
					for line := range strings.Lines(text + "\n") {
						b.WriteString(strings.TrimRight(strings.ReplaceAll(line, "\x1b", "␛"), " \n") + "\n")
					}
				}
				golden(t, filepath.Join("looks", s.name+"."+l.name), strings.TrimSuffix(b.String(), "\n"))
			})
		}
	}
}

// styling is what may stand between characters: attributes and colours.
var styling = regexp.MustCompile("\x1b\\[([0-9;]*)m")

// parameters tells each parameter of each styling sequence.
func parameters(screen string, tell func(string)) {
	for _, s := range styling.FindAllStringSubmatch(screen, -1) {
		for p := range strings.SplitSeq(s[1], ";") {
			tell(p)
		}
	}
}

var (
	attribute = regexp.MustCompile(`^[0-9]?$`)
	basic     = regexp.MustCompile(`^([34][0-79]|9[0-7]|10[0-7])$`)
)

// TestLooksKeepTheirWord goes through every page in every look and every mixture
// of them: lines have the width of the terminal at most, in ASCII there is
// nothing else, in sixteen colours no other, and without colours none.
func TestLooksKeepTheirWord(t *testing.T) {
	t.Parallel()
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for _, profile := range []colorprofile.Profile{colorprofile.TrueColor, colorprofile.ANSI256, colorprofile.ANSI, colorprofile.ASCII} {
				for _, ground := range []color.Color{color.Black, color.White} {
					for _, opts := range []Options{{}, {NoColor: true}, {ASCII: true}, {ASCII: true, NoColor: true}} {
						for _, size := range append(sizes(), [2]int{60, 15}, [2]int{10, 3}) {
							l := look{profile: profile, ground: ground, options: opts}
							m := s.set(t, l, size[0], size[1])
							fits(t, m)
							keepsWord(t, l, m.View().Content)
						}
					}
				}
			}
		})
	}
}

func keepsWord(t *testing.T, l look, screen string) {
	t.Helper()
	parameters(screen, func(p string) {
		switch {
		case attribute.MatchString(p):
		case l.options.NoColor || l.profile < colorprofile.ANSI:
			t.Fatalf("without colours there is the parameter %s", p)
		case l.profile == colorprofile.ANSI && !basic.MatchString(p):
			t.Fatalf("in sixteen colours there is the parameter %s", p)
		}
	})
	if !l.options.ASCII {
		return
	}
	for _, r := range styling.ReplaceAllString(screen, "") {
		if r != '\n' && (r < 0x20 || r > 0x7e) {
			t.Fatalf("in ASCII there is %U", r)
		}
	}
}

// The title of the window is the terminal's as well.
func TestTitleInASCII(t *testing.T) {
	t.Parallel()
	s := tuitest.Sick()
	s.Cluster.Context = tuitest.WideName
	m, _ := asciiOld.stage(s, 80, 24, nil)
	if title := m.View().WindowTitle; !strings.HasPrefix(title, "snattop ??") || strings.ContainsFunc(title, func(r rune) bool { return r > 0x7e }) {
		t.Errorf("the title is %q", title)
	}
}

// A picture without a terminal follows the same looks.
func TestStillsFollowTheLooks(t *testing.T) {
	t.Parallel()
	still := Still{Width: 120, Height: 40}
	for _, opts := range []Options{{}, {ASCII: true, NoColor: true}} {
		got, err := Draw(tuitest.Sick(), opts, still)
		if err != nil {
			t.Fatal(err)
		}
		keepsWord(t, look{options: opts, profile: colorprofile.TrueColor}, got)
	}
}

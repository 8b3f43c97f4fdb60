package filter_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/filter"
	"github.com/snattop/snattop/tui/tuitest"
)

func terms() filter.Terms {
	return filter.Terms{Fields: filter.All(), States: []string{"open", "trying", "not-snat"}}
}

func TestWordsAreNoTerms(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                       "[] []",
		"Shop  SEARCH":           "[shop search] []",
		"-x2x9q":                 "[-x2x9q] []", // the end of a pod's name
		"!job !Cron":             "[] [job cron]",
		"20.60.1.9:443":          "[20.60.1.9:443] []",
		"[2603::1]:443 fe80::1":  "[[2603::1]:443 fe80::1] []",
		"abcd::1":                "[abcd::1] []",
		"https://example.net/":   "[https://example.net/] []",
		"node: port: ns:,, ! : ": "[:] []", // still being typed
	} {
		f, err := terms().Parse(text)
		if got := fmt.Sprint(f.Words, " ", f.Not); err != nil || got != want || f.Terms() {
			t.Errorf("%q is read as %s, terms %v, %v; want %s", text, got, f.Terms(), err, want)
		}
	}
}

func TestErrorsSayWhatToType(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"image:nginx":       `"image:" is no term of this page; it knows ns: node: owner: dst: port: state:`,
		"port:http":         "port:http is no port; type a number up to 65535 or a range such as port:400-500",
		"port:65536":        "port:65536 is no port",
		"port:443,-":        "port:- is no port",
		"port:500-400":      "port:500-400 ends before it begins; type port:400-500",
		"dst:20.60.0.0/99":  "dst:20.60.0.0/99 is no network; type one such as dst:20.60.0.0/16",
		"ok state:sleeping": "state:sleeping is none here; there are open, trying, not-snat",
	} {
		f, err := terms().Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) || !f.Empty() {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := (filter.Terms{}).Parse("ns:shop"); err == nil || !strings.Contains(err.Error(), "words only") {
		t.Errorf("where there are no terms: %v", err)
	}
}

func TestDestinations(t *testing.T) {
	t.Parallel()
	o := tuitest.Owner("node-1", "shop", "checkout-1", session.Workload{Kind: "Deployment", Name: "checkout"},
		tuitest.Load{Addr: "20.60.1.9:443", Name: "Files.example.net", Established: 1}, tuitest.Load{Addr: "10.0.12.7:5432", Established: 1})
	n := tuitest.Node("node-1", "10.224.0.7", 1024, o)
	for text, want := range map[string]string{
		"dst:20.60.1.9":                 "443",
		"dst:20.60.0.0/16":              "443",
		"dst:20.60.1.9:443":             "443",
		"dst:20.60.1.9:80":              "",
		"dst:20.60":                     "443",
		"dst:20.60.0.0/":                "", // a network still being typed is no address
		"dst:files,10.0.12.7":           "443 5432",
		"-dst:10.0.0.0/8":               "443",
		"port:400-500":                  "443",
		"port:400-":                     "443 5432",
		"port:443,5432":                 "443 5432",
		"!port:443":                     "5432",
		"ns:sho node:NODE owner:check":  "443 5432",
		"ns:kube":                       "",
		"owner:deployment node:10.224.": "443 5432",
		"state:op":                      "443 5432",
		"-state:open":                   "",
		"port:443 dst:10.0.12.7":        "",
	} {
		f, err := terms().Parse(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		var got []string
		for _, d := range o.Dests() {
			if f.Dest(n, o, d, []string{"open"}) {
				got = append(got, fmt.Sprint(d.Port))
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q lets %q through, want %q", text, got, want)
		}
	}
}

// TestTermsHoldForOneConnection has a node and a pod hold what a filter names,
// but not in one connection.
func TestTermsHoldForOneConnection(t *testing.T) {
	t.Parallel()
	web := tuitest.Owner("n", "shop", "web", session.Workload{}, tuitest.Load{Addr: "20.60.1.9:443", Established: 1}, tuitest.Load{Addr: "20.60.1.10:80", Established: 1})
	dns := tuitest.Owner("n", "kube-system", "dns", session.Workload{}, tuitest.Load{Addr: "8.8.8.8:53", Established: 1})
	n := tuitest.Node("n", "10.0.0.1", 1024, web, dns)
	for _, c := range []struct {
		text      string
		node, pod bool
	}{
		{"ns:shop dst:20.60.1.9", true, true},
		{"ns:shop dst:8.8.8.8", false, false},
		{"dst:20.60.1.9 port:80", false, false},
		{"dst:20.60.1.10 port:80", true, true},
		{"-dst:8.8.8.8", false, true},
		{"-ns:kube-system", false, true},
		{"-dst:1.1.1.1 state:ex", true, true},
		{"port:443 -port:80", false, false},
	} {
		f, err := filter.Terms{Fields: filter.All(), States: []string{"exhausted"}}.Parse(c.text)
		if err != nil {
			t.Fatalf("%q: %v", c.text, err)
		}
		if node, pod := f.Node(n, []string{"exhausted"}), f.Owner(n, web, []string{"exhausted"}); node != c.node || pod != c.pod {
			t.Errorf("%q: node %v, pod %v; want %v, %v", c.text, node, pod, c.node, c.pod)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"ns:shop !x port:4-5,6", "dst:20.60.0.0/16,::1,[::1]:80", "state:-", "-!-:,:\xff", "port:99999999999999999999-"} {
		f.Add(s)
	}
	n := tuitest.Sick().Nodes[0]
	f.Fuzz(func(t *testing.T, text string) {
		got, err := terms().Parse(text)
		if err != nil {
			if !got.Empty() || err.Error() == "" {
				t.Errorf("%q filters although it cannot be read: %v", text, err)
			}
			return
		}
		got.Node(n, []string{"open"})
		for _, o := range n.Owners {
			got.Owner(n, o, []string{"open"})
			for _, d := range o.Dests() {
				got.Dest(n, o, d, []string{"open"})
			}
		}
		if got.Empty() && !got.Node(n, nil) {
			t.Errorf("%q is empty and lets a node not through", text)
		}
	})
}

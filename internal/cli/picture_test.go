package cli_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/snattop/snattop/internal/cli"
)

func TestReportAsMarkdown(t *testing.T) {
	noCluster(t)
	got := world{}.run(t, "report", "-o", "markdown", "--source", recorded(t, 128), "--snat-ports", "128")
	if got.code != cli.ExitProblem || got.err != "" {
		t.Fatalf("%d: %q", got.code, got.err)
	}
	for _, want := range []string{"## SNAT ports of prod\n", "| n1 | 10.0.0.4 | exhausted | ≈128 (128–128) | 128 (flag) |", "**snat.exhausted**", "shop/leaker-1"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("it lacks %q:\n%s", want, got.out)
		}
	}
}

func TestReportAsPNG(t *testing.T) {
	noCluster(t)
	file := recorded(t, 128)
	for args, want := range map[string][2]int{
		"":                              {120*16 + 48, 40*32 + 48},
		"--size 80x24 --theme light":    {80*16 + 48, 24*32 + 48},
		"--page cause --no-color":       {120*16 + 48, 40*32 + 48},
		"-n shop --pod leaker-1":        {120*16 + 48, 40*32 + 48},
		"--node n1 --page cause":        {120*16 + 48, 40*32 + 48},
		"--pod shop/leaker-1 --node n1": {120*16 + 48, 40*32 + 48},
	} {
		all := append([]string{"report", "-o", "png", "--source", file, "--snat-ports", "128"}, strings.Fields(args)...)
		got := world{}.run(t, all...)
		if got.code != cli.ExitProblem || got.err != "" {
			t.Fatalf("%q: %d: %q", args, got.code, got.err)
		}
		p, err := png.Decode(strings.NewReader(got.out))
		if err != nil {
			t.Fatalf("%q: %v", args, err)
		}
		if b := p.Bounds(); b.Dx() != want[0] || b.Dy() != want[1] {
			t.Errorf("%q: %v", args, b)
		}
		if again := (world{}).run(t, all...); again.out != got.out {
			t.Errorf("%q: the second run gives another picture", args)
		}
	}
}

func TestReportAsSVG(t *testing.T) {
	noCluster(t)
	file := recorded(t, 128)
	for args, want := range map[string][]string{
		"":                       {"n1 is out of ports", "exhausted", "❶ Node"},
		"--node 10.0.0.4":        {"❷ Pod", "leaker-1"},
		"-n shop --pod leaker-1": {"❸ Connections", "20.60.1.9:443", "leak"},
		"--page pods":            {"❷ Pod", "leaker-1"},
		"--page cause":           {"❹ Cause"},
	} {
		got := world{}.run(t, append([]string{"report", "-o", "svg", "--source", file, "--snat-ports", "128"}, strings.Fields(args)...)...)
		if got.code != cli.ExitProblem || got.err != "" {
			t.Fatalf("%q: %d: %q", args, got.code, got.err)
		}
		text := textOf(t, got.out)
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%q: it does not say %q:\n%s", args, w, text)
			}
		}
	}
}

// hues are the colours that an SVG is drawn in.
func hues(doc string) map[string]bool {
	out := map[string]bool{}
	for _, c := range regexp.MustCompile(`(?:fill="|fill:)(#[0-9a-f]{3,6})`).FindAllStringSubmatch(doc, -1) {
		out[c[1]] = true
	}
	return out
}

// In sixteen colours there is none that the theme of many has, but for the paper
// and the ink.
func TestReportInSixteenColours(t *testing.T) {
	noCluster(t)
	draw := func(name string) string {
		got := world{}.run(t, "report", "-o", "svg", "--source", recorded(t, 128), "--snat-ports", "128", "--theme", name)
		if got.code != cli.ExitProblem || got.err != "" {
			t.Fatalf("%s: %d: %q", name, got.code, got.err)
		}
		return got.out
	}
	dark, sixteen := draw("dark"), draw("16")
	words := func(doc string) string { return strings.Join(strings.Fields(textOf(t, doc)), "") }
	if words(dark) != words(sixteen) {
		t.Error("the words differ")
	}
	of, shared := hues(dark), 0
	for hue := range hues(sixteen) {
		if of[hue] {
			shared++
		}
	}
	if n := len(hues(sixteen)); n < 4 || shared > 2 {
		t.Errorf("there are %d colours, and %d of them are of the theme of many: %v", n, shared, hues(sixteen))
	}
}

// textOf is the text of an SVG, which has to be well-formed.
func textOf(t *testing.T, doc string) string {
	t.Helper()
	var b strings.Builder
	for d := xml.NewDecoder(strings.NewReader(doc)); ; {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := tok.(xml.CharData); ok {
			b.Write(bytes.Clone(c))
		}
	}
}

func TestPicturesRefused(t *testing.T) {
	noCluster(t)
	file := recorded(t, 1)
	for args, words := range map[string][]string{
		"-o png --size 10x3":     {"--size 10x3", "60x15"},
		"-o png --size 9999x24":  {"--size", "400x150"},
		"-o svg --size large":    {"--size", "120x40"},
		"-o svg --size 80x":      {"--size"},
		"-o png --theme sepia":   {"--theme", "dark, light or 16"},
		"-o png --page proof":    {"--page", "nodes, pods, connections, cause"},
		"-o pdf":                 {"pdf", "markdown", "png"},
		"-o png --page elephant": {"elephant"},
	} {
		oneLine(t, args, world{}.run(t, append([]string{"report", "--source", file}, strings.Fields(args)...)...), cli.ExitUsage, words...)
	}
	oneLine(t, "terminal", world{terminal: true}.run(t, "report", "-o", "png", "--source", file), cli.ExitUsage, "terminal", ">snattop.png")
	oneLine(t, "no such pod", world{}.run(t, "report", "-o", "png", "--source", file, "--pod", "shop/other"), cli.ExitUnknown, "shop/other")
}

package cli_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/snattop/snattop/internal/cli"
	"github.com/snattop/snattop/probe"
)

// world is what a test lets the program see.
type world struct {
	name     string
	env      map[string]string
	config   string
	in       string
	terminal bool
}

type result struct {
	code     int
	out, err string
}

// run runs the program. It never reads the machine's own kubeconfig.
func (w world) run(t *testing.T, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if w.name == "" {
		w.name = "snattop"
	}
	began := time.Now()
	code := cli.Run(ctx, cli.Config{
		Version: "1.2.3", Name: w.name, Args: args, Getenv: w.getenv, ConfigFile: w.config,
		Streams: cli.Streams{In: strings.NewReader(w.in), Out: &out, Err: &errs, InTerminal: w.terminal, OutTerminal: w.terminal},
	})
	if took := time.Since(began); took > 40*time.Second {
		t.Errorf("%q took %s", args, took)
	}
	return result{code, out.String(), errs.String()}
}

// getenv is a variable of this world, whose terminal is one of today unless it
// says otherwise.
func (w world) getenv(k string) string {
	if v, ok := w.env[k]; ok || k != "TERM" {
		return v
	}
	return "xterm-256color"
}

// oneLine checks what every failure promises: a code, one line of error with
// these words, and nothing where documents go.
func oneLine(t *testing.T, what string, got result, code int, words ...string) {
	t.Helper()
	if got.code != code {
		t.Errorf("%s: exit code %d, want %d (%s)", what, got.code, code, got.err)
	}
	if got.out != "" {
		t.Errorf("%s: on standard output: %q", what, got.out)
	}
	line, ended := strings.CutSuffix(got.err, "\n")
	if !ended || !strings.HasPrefix(line, "snattop: ") || strings.ContainsFunc(line, unicode.IsControl) {
		t.Errorf("%s: not one line: %q", what, got.err)
	}
	for _, w := range words {
		if !strings.Contains(line, w) {
			t.Errorf("%s: %q lacks %q", what, line, w)
		}
	}
}

// noCluster takes every way to a cluster away.
func noCluster(t *testing.T) {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	t.Setenv("KUBERNETES_SERVICE_PORT", "")
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUsage(t *testing.T) {
	noCluster(t)
	for _, c := range []struct {
		args  string
		words []string
	}{
		{"--no-such-flag", []string{"--no-such-flag", "snattop --help"}},
		{"report --no-such-flag", []string{"--no-such-flag", "snattop report --help"}},
		{"frobnicate", []string{`"frobnicate"`, "--help"}},
		{"report extra", []string{"extra"}},
		{"local extra", []string{"extra"}},
		{"clean extra", []string{"extra"}},
		{"version extra", []string{"extra"}},
		{"replay", []string{"1 arg"}},
		{"replay a b", []string{"1 arg"}},
		{"report --provider nimbus", []string{"--provider", "nimbus", "azure-lb"}},
		{"report --private-cidr 10.0.0.0/99", []string{"--private-cidr", "10.0.0.0/99"}},
		{"report --snat-ports -1", []string{"--snat-ports", "-1"}},
		{"report --snat-ports 99999999", []string{"--snat-ports"}},
		{"report --snat-ports many", []string{"snat-ports", "many"}},
		{"report --duration 0", []string{"--duration"}},
		{"report --duration 0s", []string{"--duration", "1s"}},
		{"report --duration 2h", []string{"--duration", "1h"}},
		{"report -o pdf", []string{"pdf", "json"}},
		{"report -o ''", []string{"-o"}},
		{"report --collector crystal-ball", []string{"--collector", "crystal-ball", "auto, ebpf, diag, procfs or tcptracer"}},
		{"report --own-egress /checkout", []string{"--own-egress", "NAMESPACE/POD"}},
		{"report --own-egress a/b/c", []string{"--own-egress", "NAMESPACE/POD"}},
		{"report --cloud sometimes", []string{"--cloud", "auto or off"}},
		{"report --cloud off --azure-endpoint http://127.0.0.1:1", []string{"--azure-endpoint", "--cloud off", "leave one of them out"}},
		{"report --azure-endpoint http://management.example", []string{"--azure-endpoint", "use https"}},
		{"report --azure-endpoint gopher://x", []string{"--azure-endpoint"}},
		{"report --provider azure-lb --snat-ports 7", []string{"--snat-ports 7", "use 8"}},
		{"report --hold 1ms", []string{"--hold 1ms", "1s to 24h"}},
		{"report --hold-halfopen 25h", []string{"--hold-halfopen 25h", "1s to 24h"}},
		{"report --idle-timeout -1m", []string{"--idle-timeout -1m", "1s to 24h"}},
		{"report --collector eBPF", []string{"--collector", "auto, ebpf"}},
		{"report --interval 1ms", []string{"--interval", "100ms"}},
		{"report --interval 1h", []string{"--interval", "1m"}},
		{"report --max-nodes -1", []string{"--max-nodes"}},
		{"report --pod a/b/c", []string{"--pod", "a/b/c"}},
		{"record", []string{"-o FILE"}},
		{"record -o x --duration 0s", []string{"--duration"}},
		{"replay --speed -1 x", []string{"--speed"}},
	} {
		oneLine(t, c.args, world{}.run(t, strings.Fields(c.args)...), cli.ExitUsage, c.words...)
	}
}

func TestNeedsATerminal(t *testing.T) {
	noCluster(t)
	for _, args := range []string{"", "local", "demo", "replay " + recorded(t, 1)} {
		oneLine(t, args, world{}.run(t, strings.Fields(args)...), cli.ExitUsage, "terminal", "snattop report")
	}
}

// A terminal that has no screen, or does not say that it has, is as good as none.
func TestNeedsAScreen(t *testing.T) {
	noCluster(t)
	for term, word := range map[string]string{"": "TERM does not say", "dumb": "TERM=dumb"} {
		for _, args := range []string{"", "local", "demo", "replay " + recorded(t, 1)} {
			got := world{terminal: true, env: map[string]string{"TERM": term}}.run(t, strings.Fields(args)...)
			oneLine(t, args, got, cli.ExitUsage, word, "TERM=xterm-256color", "snattop report")
		}
	}
	// Lines of words need none: what fails then is that there is no cluster.
	got := world{terminal: true, env: map[string]string{"TERM": "dumb"}}.run(t, "--plain")
	if got.code == cli.ExitUsage || strings.Contains(got.err, "TERM") {
		t.Errorf("--plain: %d, %q", got.code, got.err)
	}
}

func TestVersionAndHelp(t *testing.T) {
	noCluster(t)
	got := world{}.run(t, "version")
	if got.code != 0 || got.err != "" || !strings.HasPrefix(got.out, "snattop 1.2.3 ") || strings.Count(got.out, "\n") != 1 {
		t.Errorf("%+v", got)
	}
	for name, want := range map[string]string{"snattop": "\n  snattop [flags]\n", "kubectl-snattop": "\n  kubectl snattop [flags]\n"} {
		got := world{name: name}.run(t, "--help")
		if got.code != 0 || got.err != "" || !strings.Contains(got.out, want) {
			t.Errorf("%s: code %d, %q", name, got.code, got.out)
		}
		for _, command := range []string{"local", "report", "record", "replay", "demo", "clean", "version", "completion"} {
			if !strings.Contains(got.out, "\n  "+command+" ") {
				t.Errorf("%s: help lacks %s", name, command)
			}
		}
	}
	oneLine(t, "plugin", world{name: "kubectl-snattop"}.run(t, "report", "--nope"), cli.ExitUsage, "kubectl snattop report --help")
	if got := (world{}).run(t, "completion", "bash"); got.code != 0 || !strings.Contains(got.out, "complete") || got.err != "" {
		t.Errorf("completion: code %d, %d bytes, %q", got.code, len(got.out), got.err)
	}
}

func TestEnvName(t *testing.T) {
	for flag, want := range map[string]string{"snat-ports": "SNATTOP_SNAT_PORTS", "as": "SNATTOP_AS"} {
		if got := cli.EnvName(flag); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestConfigFile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	if got, want := cli.ConfigFile(), filepath.Join(dir, "snattop", "config.yaml"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("HOME", "")
	if got := cli.ConfigFile(); got != "" {
		t.Errorf("%q out of nothing", got)
	}
}

func TestBadConfig(t *testing.T) {
	noCluster(t)
	for text, words := range map[string][]string{
		"snat-ports: [1\n":             {"YAML"},
		"- a\n- b\n":                   {"YAML"},
		"no-such-flag: 1\n":            {"--no-such-flag"},
		"snat-ports: many\n":           {"snat-ports", "many"},
		"snat-ports: {a: 1}\n":         {"snat-ports", "a value or a list"},
		"private-cidr: [[10.0.0.0/8]]": {"private-cidr", "a value or a list"},
		"image:\n":                     {"image", "a value or a list"},
		"interval: 5\n":                {"interval"},
	} {
		path := write(t, "config.yaml", text)
		oneLine(t, text, world{config: path}.run(t, "report"), cli.ExitUsage, append(words, path)...)
	}
	oneLine(t, "a directory", world{config: t.TempDir()}.run(t, "report"), cli.ExitFailed, "configuration")
	if got := (world{config: filepath.Join(t.TempDir(), "none")}).run(t, "version"); got.code != 0 {
		t.Errorf("no file: %+v", got)
	}
	oneLine(t, "bad variable", world{env: map[string]string{"SNATTOP_SNAT_PORTS": "many"}}.run(t, "report"), cli.ExitUsage, "SNATTOP_SNAT_PORTS", "many")
}

// The probe is the one to know what it has.
func TestEveryCollectorCanBeAskedFor(t *testing.T) {
	noCluster(t)
	for _, c := range append(probe.Collectors(), probe.CollectorAuto) {
		if got := (world{}).run(t, "version", "--collector", string(c)); got.code != 0 {
			t.Errorf("--collector %s: %+v", c, got)
		}
		if got := (world{}).run(t, "help"); !strings.Contains(got.out, string(c)) {
			t.Errorf("the help does not name %s", c)
		}
	}
}

func TestLogFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if got := (world{}).run(t, "version", "--log-file", path); got.code != 0 {
		t.Errorf("%+v", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	oneLine(t, "no such directory", world{}.run(t, "version", "--log-file", filepath.Join(path, "x")), cli.ExitFailed, path)
}

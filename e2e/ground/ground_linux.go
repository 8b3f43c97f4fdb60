package ground

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

const clusterName = "ground"

// Ground is a running cluster with its gateway and its internet.
type Ground struct {
	dirs  dirs
	opts  Options
	nodes []Node

	mu    sync.Mutex // guards state
	state state
}

// state is what a later process needs to know of a running ground.
type state struct {
	Options Options        `json:"options"`
	Port    int            `json:"port"`
	Ports   map[string]int `json:"ports"` // size of each node's block
	Started time.Time      `json:"started"`
}

// Up brings a ground up. It first sweeps away what an earlier one, whole or
// interrupted, left behind; when it fails it leaves the pieces for inspection,
// and the next Up or Down sweeps those.
func Up(ctx context.Context, opts Options) (*Ground, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("bringing a ground up needs root: it makes namespaces, mounts and control groups")
	}
	if missing := MissingPrograms(); len(missing) > 0 {
		return nil, fmt.Errorf("programs are missing: %s (`ground deps` installs them)", strings.Join(missing, ", "))
	}
	g := &Ground{dirs: dirs{Dir()}, opts: opts, nodes: nodesOf(opts.Nodes)}
	unlock, err := g.dirs.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	g.state = state{Options: opts, Ports: map[string]int{}, Started: time.Now()}
	for _, n := range g.nodes {
		g.state.Ports[n.Name] = opts.Ports
	}
	if err := g.up(ctx); err != nil {
		return nil, err
	}
	return g, nil
}

func (g *Ground) up(ctx context.Context) error {
	if err := sweep(ctx, g.dirs); err != nil {
		return fmt.Errorf("sweeping what was left behind: %w", err)
	}
	if err := g.dirs.make(); err != nil {
		return err
	}
	began := time.Now()
	step := func(what string) {
		_, _ = fmt.Fprintf(g.opts.Progress, "%6.1fs  %s\n", time.Since(began).Seconds(), what)
	}
	step("programs")
	if err := g.build(ctx); err != nil {
		return err
	}
	step("certificates")
	if err := g.credentials(); err != nil {
		return fmt.Errorf("making the certificates: %w", err)
	}
	step("networks")
	if err := g.network(ctx); err != nil {
		return err
	}
	step("control plane and nodes")
	api, err := g.startAPI(ctx)
	if err != nil {
		return err
	}
	if err := g.startGateway(); err != nil {
		return err
	}
	if err := g.startInternet(); err != nil {
		return err
	}
	work, inner := errgroup.WithContext(ctx)
	for _, n := range g.nodes {
		work.Go(func() error {
			if err := g.writeNode(n); err != nil {
				return err
			}
			if err := g.startNode(n); err != nil {
				return err
			}
			return g.loadImages(inner, n, g.archives())
		})
	}
	work.Go(func() error {
		if err := g.awaitAPI(inner, api); err != nil {
			return err
		}
		step("API server ready")
		if err := g.startControllers(); err != nil {
			return err
		}
		return g.createNodes(inner)
	})
	if err := work.Wait(); err != nil {
		return err
	}
	step("images loaded")
	if err := g.save(); err != nil {
		return err
	}
	for _, n := range g.nodes {
		if err := g.releaseNode(n); err != nil {
			return err
		}
	}
	if err := g.furnish(ctx); err != nil {
		return err
	}
	if err := g.awaitNodes(ctx, 60*time.Second); err != nil {
		return err
	}
	step("nodes ready")
	if err := g.awaitTunnel(ctx); err != nil {
		return err
	}
	step("up")
	return nil
}

// startInternet starts the servers beyond the gateway; several share the work,
// since each can hold only so many open connections.
func (g *Ground) startInternet() error {
	inet := g.dirs.netns(nsInternet)
	for i := range 3 {
		if _, err := g.dirs.start(command{name: fmt.Sprintf("internet%d", i+1), ns: &inet,
			argv: []string{g.dirs.program("internet")}, env: []string{"GOMAXPROCS=1"}}); err != nil {
			return err
		}
	}
	return nil
}

// Attach returns the ground that is running, started by another process.
func Attach() (*Ground, error) {
	g := &Ground{dirs: dirs{Dir()}}
	if err := g.reload(); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, errors.New("no ground is up")
		}
		return nil, err
	}
	opts, err := g.state.Options.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("reading the ground's state: %w", err)
	}
	g.opts, g.nodes = opts, nodesOf(opts.Nodes)
	return g, nil
}

// Down ends the ground: every process it started, and every namespace, mount
// and control group it made. It is safe when none is up.
func (g *Ground) Down(ctx context.Context) error { return Down(ctx) }

// Down ends whatever ground is up, or half up.
func Down(ctx context.Context) error {
	d := dirs{Dir()}
	if _, err := os.Stat(d.root); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	unlock, err := d.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return sweep(ctx, d)
}

// Kubeconfig is the path of the administrator's kubeconfig.
func (g *Ground) Kubeconfig() string { return g.dirs.kubeconfig() }

// KubeconfigFor issues a certificate to a user and writes a kubeconfig for
// them, whose path it returns. A new user may do nothing until RBAC says so.
func (g *Ground) KubeconfigFor(user string, groups ...string) (string, error) {
	ca, err := loadAuthority(g.dirs.pki(), "ca")
	if err != nil {
		return "", err
	}
	file := "user-" + fileName(user)
	if err := ca.issue(g.dirs.pki(), identity{file: file, name: user, groups: groups, client: true}); err != nil {
		return "", err
	}
	path := filepath.Join(g.dirs.root, file+".kubeconfig")
	return path, writeKubeconfig(path, g.dirs.pki(), file, fmt.Sprintf("https://127.0.0.1:%d", g.state.Port), clusterName)
}

// fileName makes any text fit to name a file.
func fileName(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, text)
}

// Nodes are the nodes of the ground, in order.
func (g *Ground) Nodes() []Node { return append([]Node(nil), g.nodes...) }

// Tunnel reports whether the control plane is beyond the gateway.
func (g *Ground) Tunnel() bool { return g.opts.Tunnel }

// LogDir is the directory with the logs of the control plane's components.
func (g *Ground) LogDir() string { return g.dirs.logs() }

// NodeLogDir is the directory with the logs of a node's components.
func (g *Ground) NodeLogDir(node string) string {
	return filepath.Join(g.dirs.root, "nodes", node, "log")
}

// lock keeps two processes from building and sweeping at the same time.
func (d dirs) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(d.root, 0o755); err != nil {
		return nil, fmt.Errorf("making the state directory: %w", err)
	}
	file, err := os.OpenFile(d.root+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the ground: %w", err)
	}
	// A process that was just killed may need a moment to let go.
	if err := poll(ctx, 5*time.Second, 50*time.Millisecond, func(context.Context) error {
		return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("locking the ground: another process is bringing it up or down: %w", err)
	}
	return func() { _ = file.Close() }, nil
}

func (g *Ground) save() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	data, err := json.MarshalIndent(g.state, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the ground's state: %w", err)
	}
	// Renamed into place, so that a reader never sees half of it.
	temporary := g.dirs.state() + ".new"
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return fmt.Errorf("writing the ground's state: %w", err)
	}
	if err := os.Rename(temporary, g.dirs.state()); err != nil {
		return fmt.Errorf("writing the ground's state: %w", err)
	}
	return nil
}

// reload reads the state again: another process may have changed a block.
func (g *Ground) reload() error {
	data, err := os.ReadFile(g.dirs.state())
	if err != nil {
		return fmt.Errorf("reading the ground's state: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := json.Unmarshal(data, &g.state); err != nil {
		return fmt.Errorf("reading the ground's state: %w", err)
	}
	return nil
}

// ports is the size of a node's block as last read.
func (g *Ground) ports(node string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state.Ports[node]
}

func (g *Ground) setPorts(node string, ports int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state.Ports[node] = ports
}

// Status is one line for each process of the ground: its name, PID, and
// whether it lives.
type Status struct {
	Name  string `json:"name"`
	PID   int    `json:"pid"`
	Alive bool   `json:"alive"`
}

// Status lists the processes of the ground.
func (g *Ground) Status() []Status {
	var all []Status
	for _, p := range g.dirs.processes() {
		all = append(all, Status{p.Name, p.PID, p.alive()})
	}
	return all
}

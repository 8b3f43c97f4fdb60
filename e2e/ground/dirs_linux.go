package ground

import (
	"fmt"
	"os"
	"path/filepath"
)

// dirs is the directory of one ground's state and the places inside it.
type dirs struct{ root string }

func (d dirs) pids() string                { return filepath.Join(d.root, "pids") }
func (d dirs) logs() string                { return filepath.Join(d.root, "logs") }
func (d dirs) bin() string                 { return filepath.Join(d.root, "bin") }
func (d dirs) pki() string                 { return filepath.Join(d.root, "pki") }
func (d dirs) images() string              { return filepath.Join(d.root, "images") }
func (d dirs) node(n Node) string          { return filepath.Join(d.root, "nodes", n.Name) }
func (d dirs) kubeconfig() string          { return filepath.Join(d.root, "kubeconfig") }
func (d dirs) state() string               { return filepath.Join(d.root, "state.json") }
func (d dirs) program(n string) string     { return filepath.Join(d.bin(), n) }
func (d dirs) netns(name string) netns     { return netns{filepath.Join(d.root, "netns", name)} }
func (d dirs) nodeNetns(n Node) netns      { return d.netns(n.Name) }
func (d dirs) nodeConfig(n Node) string    { return filepath.Join(d.node(n), "node.json") }
func (d dirs) certificate(n string) string { return filepath.Join(d.pki(), n+".crt") }
func (d dirs) key(n string) string         { return filepath.Join(d.pki(), n+".key") }

// make creates the directories.
func (d dirs) make() error {
	for _, dir := range []string{d.root, d.pids(), d.logs(), d.bin(), d.pki(), d.images(),
		filepath.Join(d.root, "netns"), filepath.Join(d.root, "nodes")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making the state directory: %w", err)
		}
	}
	return nil
}

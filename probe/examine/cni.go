package examine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/probe/facts"
)

// maxCNIFiles bounds how many configurations are tried.
const maxCNIFiles = 64

var errNoPlugins = errors.New("it names no plugin")

// cniPlugin is what matters here of a plugin's configuration.
type cniPlugin struct {
	Type   string `json:"type"`
	Bridge string `json:"bridge"`
	Mode   string `json:"mode"`
	// Delegate is what flannel hands to the plugin behind it.
	Delegate *struct {
		Type   string `json:"type"`
		Bridge string `json:"bridge"`
	} `json:"delegate"`
}

// parseCNI reads a configuration: a list of plugins (.conflist) or one (.conf).
func parseCNI(file string, text []byte) (facts.CNI, error) {
	var list struct {
		cniPlugin
		Plugins []cniPlugin `json:"plugins"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return facts.CNI{}, fmt.Errorf("reading a CNI configuration: %w", err)
	}
	plugins := list.Plugins
	if len(plugins) == 0 && list.Type != "" {
		plugins = []cniPlugin{list.cniPlugin}
	}
	if len(plugins) == 0 {
		return facts.CNI{}, errNoPlugins
	}
	out := facts.CNI{File: sanitize.Text(file)}
	for _, p := range plugins {
		out.Types = append(out.Types, sanitize.Text(p.Type))
		if out.Bridge == "" {
			out.Bridge = sanitize.Text(p.bridge())
		}
	}
	return out, nil
}

// bridge is the bridge that a plugin makes. The names are the plugins' own
// defaults.
func (p *cniPlugin) bridge() string {
	switch p.Type {
	case "bridge":
		return orName(p.Bridge, "cni0")
	case "flannel":
		if p.Delegate != nil && p.Delegate.Type != "" && p.Delegate.Type != "bridge" {
			return ""
		}
		if p.Delegate != nil {
			return orName(p.Delegate.Bridge, "cni0")
		}
		return "cni0"
	case "kubenet":
		return "cbr0"
	case "weave-net":
		return "weave"
	case "azure-vnet":
		if p.Mode == "bridge" {
			return orName(p.Bridge, "azure0")
		}
		return ""
	default:
		return ""
	}
}

func orName(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return name
}

// readCNI returns the configuration that the runtime uses: the first by name
// that reads as one (libcni's order).
func readCNI(root string) facts.CNI {
	dir := filepath.Join(root, "etc/cni/net.d")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return facts.CNI{Error: "reading /etc/cni/net.d: " + plainError(err)}
	}
	var names []string
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case ".conf", ".conflist", ".json":
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	why := "there is no configuration in /etc/cni/net.d"
	for _, name := range names[:min(len(names), maxCNIFiles)] {
		text, err := readSome(filepath.Join(dir, name))
		if err == nil {
			var out facts.CNI
			if out, err = parseCNI(name, text); err == nil {
				return out
			}
		}
		why = sanitize.Text(name + ": " + plainError(err))
	}
	return facts.CNI{Error: why}
}

// plainError is the system's word on an error without the path on this side of
// a mount, which says nothing to an operator.
func plainError(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return strings.TrimSpace(sanitize.Text(err.Error()))
}

package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"
)

// envPrefix starts the name of the variable that a flag also reads.
const envPrefix = "SNATTOP_"

// EnvName is the variable of a flag: --snat-ports is SNATTOP_SNAT_PORTS.
func EnvName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// noDefault marks a flag whose name means another thing elsewhere: record's
// --output is a file, report's a format.
const noDefault = "snattop.dev/no-default"

// applyDefaults sets the flags that the command line left alone, from the
// environment first and then from the configuration file.
func applyDefaults(flags *pflag.FlagSet, getenv func(string) string, configFile string) error {
	config, err := readConfig(configFile)
	if err != nil {
		return err
	}
	for name := range config {
		if flags.Lookup(name) == nil && !knownElsewhere(name) {
			return usage("%s: there is no flag --%s to give a default", configFile, name)
		}
	}
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed || failed != nil || f.Name == "help" || f.Annotations[noDefault] != nil {
			return
		}
		if v := getenv(EnvName(f.Name)); v != "" {
			if err := flags.Set(f.Name, v); err != nil {
				failed = usage("%s: %w", EnvName(f.Name), err)
			}
			return
		}
		for _, v := range config[f.Name] {
			if err := flags.Set(f.Name, v); err != nil {
				failed = usage("%s: %s: %w", configFile, f.Name, err)
			}
		}
	})
	return failed
}

// knownElsewhere lists flags that only some commands have: a default for them
// is no mistake when another command runs.
func knownElsewhere(name string) bool {
	switch name {
	case "duration", "host", "inside", "interface", "ips", "max-size", "nodes", "output", "page",
		"port", "ports-per-ip", "proto", "size", "snaplen", "source", "speed", "surge", "theme", "until-busy":
		return true
	default:
		return false
	}
}

// readConfig reads "flag: value" and "flag: [value, value]" pairs. A file that
// does not exist holds no defaults.
func readConfig(path string) (map[string][]string, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path) //nolint:gosec // the operator's own configuration
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	var raw map[string]any
	if err := yaml.Unmarshal(text, &raw); err != nil {
		return nil, usage("%s does not parse as YAML: %w", path, err)
	}
	out := make(map[string][]string, len(raw))
	for name, v := range raw {
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for _, one := range list {
			text, ok := scalar(one)
			if !ok {
				return nil, usage("%s: %s must be a value or a list of values", path, name)
			}
			out[name] = append(out[name], text)
		}
	}
	return out, nil
}

// scalar writes a value the way a flag reads it.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case float64: // every number, in JSON; 1e+06 is none to a flag
		return strconv.FormatFloat(v, 'f', -1, 64), true
	default:
		return "", false
	}
}

// ConfigFile is where defaults live: "snattop/config.yaml" in the platform's
// configuration directory; "" when there is none.
func ConfigFile() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "snattop", "config.yaml")
}

package tcptracer

import (
	"bytes"
	"path"
	"strings"
)

// environment is all that the tool gets. Without PYTHONUNBUFFERED, lines would
// wait for 8 kB of them; a C locale alone would make older Pythons throw on the
// name of a process that is not ASCII, and drop its event; and nothing is to be
// left behind in the node's directories.
var environment = []string{
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"LC_ALL=C", "PYTHONUNBUFFERED=1", "PYTHONIOENCODING=utf-8:replace", "PYTHONDONTWRITEBYTECODE=1", "HOME=/",
}

// interpreter returns the words before the script's path. The scripts of a bcc
// built from source ask env for "python", a name that today's nodes lack, which
// is why operators write `python3 tcptracer`. A path of its own is obeyed.
func interpreter(script []byte) []string {
	first, _, _ := bytes.Cut(script, []byte("\n"))
	words := strings.Fields(strings.TrimPrefix(string(first), "#!"))
	if !bytes.HasPrefix(script, []byte("#!")) || len(words) < 2 || path.Base(words[0]) != "env" {
		return nil
	}
	if word := words[len(words)-1]; word == "python" || word == "python2" {
		return []string{"/usr/bin/env", "python3"}
	}
	return nil
}

// commands returns the tools to start: the command line of each, after the
// interpreter. Before bcc 0.22 there was no way to ask for one family.
func commands(script []byte, onlyIPv4 bool) []tool {
	if !bytes.Contains(script, []byte(`"--ipv6"`)) {
		return []tool{{options: "-tv"}}
	}
	out := []tool{{options: "-t4v"}}
	if !onlyIPv4 {
		out = append(out, tool{options: "-t6v", spare: true})
	}
	return out
}

// tool is one tool to run.
type tool struct {
	options string
	// spare is whether the collector goes on if this one cannot attach.
	spare bool
}

package cli

import (
	"crypto/rand"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/redact"
)

// redactKeyVar is the variable with the key of pseudonyms. It is no flag: a key
// on the command line is seen by every process of the machine.
const redactKeyVar = "SNATTOP_REDACT_KEY"

// minRedactKey is the least length of a key, in bytes: who can guess it can
// guess the names.
const minRedactKey = 16

// redacts marks the commands that --redact is good for: those that hide what
// they show, and those that show no names. Others refuse it, so that nobody
// takes what they write for redacted.
const redacts = "snattop.dev/redacts"

func redacting() map[string]string { return map[string]string{redacts: ""} }

// checkRedact refuses --redact where it would do nothing.
func (o *options) checkRedact(cmd *cobra.Command) error {
	if _, ok := cmd.Annotations[redacts]; ok || !o.redact || strings.HasPrefix(cmd.CommandPath(), cmd.Root().Name()+" completion") || strings.HasPrefix(cmd.Name(), "__") {
		return nil
	}
	return usage("%s cannot leave out names: what goes through snattop, local, replay, report and record can", cmd.CommandPath())
}

// startRedacting makes the redactor, where one is asked for. Its key is of this
// run alone unless the operator has one.
func (o *options) startRedacting(opts session.Options) error {
	if !o.redact {
		return nil
	}
	key := []byte(o.getenv(redactKeyVar))
	switch {
	case len(key) == 0:
		key = make([]byte, 32)
		if _, err := rand.Read(key); err != nil {
			return err
		}
	case len(key) < minRedactKey:
		return usage("%s has %d characters: use %d or more, such as from 'openssl rand -hex 16'", redactKeyVar, len(key), minRedactKey)
	}
	o.redactor = redact.New(key, opts)
	return nil
}

// hide returns a source without names and addresses, where that is asked for.
func (o *options) hide(src session.Source) session.Source {
	if o.redactor == nil {
		return src
	}
	o.redactor.Learn(o.known()...)
	return o.redactor.Source(src)
}

// known are the names in the operator's own configuration: errors of the API
// server speak of them.
func (o *options) known() []string {
	config, err := o.kube.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return nil // there is none, and so no names
	}
	var out []string
	for name, c := range config.Contexts {
		out = append(out, name, c.Cluster, c.AuthInfo)
	}
	for name, c := range config.Clusters {
		out = append(out, name)
		if u, err := url.Parse(c.Server); err == nil {
			out = append(out, u.Host, u.Hostname())
		}
	}
	for name := range config.AuthInfos {
		out = append(out, name)
	}
	return out
}
